// Command http-server is Mongoose's tutorial "HTTP server". It serves the files of a directory, and
// takes uploads of forms at /upload if -u is given.
//
//	go run ./examples/http-server -d .
//	go run ./examples/http-server -listen https://127.0.0.1:8443 -cert cert.pem -key key.pem
//	mkdir -p /tmp/up && go run ./examples/http-server -u /tmp/up
//	curl -F file=@README.md http://127.0.0.1:8000/upload
//
// What differs from the C program: an upload is written while it arrives, and may be larger than
// the memory; the files get their names when they are complete. Nothing outside of the
// directories can be reached, not even through symbolic links. It listens on loopback unless told
// otherwise. There is no SSI: see html/template. SIGHUP reads the certificate again, and
// -client-ca asks for those of clients.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen
// or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"flag"
	"io"
	"log/slog"
	"os"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/httpd"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	s := &server{}
	var dir, uploads string
	var maxMiB int
	f := flag.NewFlagSet("http-server", flag.ContinueOnError)
	f.StringVar(&dir, "d", ".", "`directory` to serve")
	f.StringVar(&uploads, "u", "", "`directory` for uploads (default: uploads are refused)")
	cli.Limit(f, &maxMiB, "max-upload", 1024, "largest size of an upload in `MiB`; -1 is no limit")
	f.BoolVar(&s.hexdump, "hexdump", false, "log all bytes")
	s.Flags(f, "http://127.0.0.1:8000")
	return cli.Run(f, args, stderr, func() error {
		files, err := http.Dir(dir)
		if err != nil {
			return cli.Usage("-d: %w", err)
		}
		s.files = http.ServeOptions{FS: files, List: true}
		if uploads != "" {
			if s.uploads, err = os.OpenRoot(uploads); err != nil {
				return cli.Usage("-u: %w", err)
			}
		}
		s.maxUpload = -1
		if maxMiB > 0 {
			s.maxUpload = int64(maxMiB) << 20
		}
		s.log = s.Log(stdout)
		s.peers = termlog.Limit(s.log)
		return s.Run(s.log, func(*reactor.Manager) (reactor.Handler, error) {
			s.log.Info("files", "web root", dir, "upload dir", uploads)
			return s.handle, nil
		})
	})
}

// server is the state of the handler.
type server struct {
	httpd.Server
	log       *slog.Logger
	peers     *slog.Logger // for records that clients cause: their number is limited
	files     http.ServeOptions
	uploads   *os.Root // nil: uploads are refused
	maxUpload int64    // bytes; negative: no limit
	hexdump   bool
}

// handle is the handler of the listeners and of the connections that they accept. The FnData of a
// connection is its *form while one arrives.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvAccept:
		c.SetHexdump(s.hexdump)
	case reactor.EvHTTPHdrs:
		if hm := data.(*http.Message); http.Match(hm.URI, "/upload") {
			s.beginUpload(c, hm)
		}
	case reactor.EvHTTPBody:
		current(c).write(c, data.(*http.Piece).Data)
	case reactor.EvHTTPMsg:
		s.answer(c, data.(*http.Message))
	case reactor.EvError: // EvClose may come later: what was written is sent before
		httpd.Failed(s.peers, c, data.(error))
		current(c).abort()
	case reactor.EvClose:
		current(c).abort()
	}
}

// answer answers a request, and logs both.
func (s *server) answer(c *reactor.Conn, hm *http.Message) {
	start := c.Send.Len()
	if f := current(c); f != nil {
		c.FnData = nil
		f.finish(c)
	} else {
		http.ServeDir(c, hm, &s.files)
	}
	status := "" // "HTTP/1.1 200 OK": nothing is written to the socket while a handler runs
	if line := c.Send.Bytes()[start:]; len(line) > len("HTTP/1.1 200") {
		status = string(line[len("HTTP/1.1 "):len("HTTP/1.1 200")])
	}
	s.peers.Info("request", "id", c.ID(), "method", string(hm.Method), "uri", string(hm.URI), "status", status)
}

// current returns the form that arrives on a connection, or nil.
func current(c *reactor.Conn) *form {
	f, _ := c.FnData.(*form)
	return f
}
