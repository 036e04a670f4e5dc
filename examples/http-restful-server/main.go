// Command http-restful-server is Mongoose's tutorial "RESTful server". It serves an interface for
// programs, and the files of a directory:
//
//	/api/stats    the connections of the server, as text in chunks
//	/api/f2/ID    {"result": "/api/f2/ID"}, for any ID without a slash
//	all others    a file of -d
//
//	go run ./examples/http-restful-server -d .
//	go run ./examples/http-restful-server -listen http://127.0.0.1:8000 \
//		-listen https://127.0.0.1:8443 -cert cert.pem -key key.pem
//
// What differs from the C program: the certificate is in files and not in the source; both ports
// are one flag, which may be repeated. The result is made by encoding/json: the C program copies
// the URI into the text, with its quotation marks. It listens on loopback unless told otherwise.
// Nothing outside of the directory can be reached, not even through symbolic links.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen
// or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/httpd"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var srv httpd.Server
	var dir string
	f := flag.NewFlagSet("http-restful-server", flag.ContinueOnError)
	f.StringVar(&dir, "d", ".", "`directory` to serve")
	srv.Flags(f, "http://127.0.0.1:8000")
	return cli.Run(f, args, stderr, func() error {
		files, err := http.Dir(dir)
		if err != nil {
			return cli.Usage("-d: %w", err)
		}
		log := srv.Log(stdout)
		s := &server{log: log, peers: termlog.Limit(log), files: http.ServeOptions{FS: files, List: true}}
		return srv.Run(log, func(*reactor.Manager) (reactor.Handler, error) { return s.handle, nil })
	})
}

// server is the state of the handler.
type server struct {
	log   *slog.Logger
	peers *slog.Logger // for records that clients cause: their number is limited
	files http.ServeOptions
}

// handle is the handler of the listeners and of the connections that they accept.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		s.peers.Debug("request", "id", c.ID(), "method", string(hm.Method), "uri", string(hm.URI))
		switch {
		case http.Match(hm.URI, "/api/stats"):
			stats(c)
		case http.Match(hm.URI, "/api/f2/*"):
			result, _ := json.Marshal(map[string]string{"result": string(hm.URI)})
			http.ReplyBytes(c, 200, "Content-Type: application/json\r\n", append(result, '\n'))
		default:
			http.ServeDir(c, hm, &s.files)
		}
	case reactor.EvError:
		httpd.Failed(s.peers, c, data.(error))
	}
}

// stats answers with a list of the connections, the oldest first.
func stats(c *reactor.Conn) {
	http.ReplyStart(c, 200, "Content-Type: text/plain; charset=utf-8\r\n", http.Chunked)
	http.Chunkf(c, "ID PROTO TYPE      LOCAL           REMOTE\n")
	byID := func(a, b *reactor.Conn) int { return cmp.Compare(a.ID(), b.ID()) }
	for _, t := range slices.SortedFunc(c.Manager().Conns(), byID) {
		kind := "ACCEPTED "
		switch {
		case t.IsListening():
			kind = "LISTENING"
		case t.IsClient():
			kind = "CONNECTED"
		}
		http.Chunkf(c, "%-3d %4s %s %v %v\n", t.ID(), "TCP", kind, address(t.LocalAddr()), address(t.RemoteAddr()))
	}
	http.EndChunks(c)
}

// address returns an address as text. A listener has no remote one, and a UNIX-domain socket has
// none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
