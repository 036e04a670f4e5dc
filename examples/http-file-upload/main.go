// Command http-file-upload is Mongoose's tutorials "File upload": "Single POST" and "Multiple
// POSTs". It stores files that clients send, in one of two ways:
//
//	POST /fs/NAME                      the body is the file, of any size
//	POST /upload?offset=N&file=NAME    the body is a piece of the file; it begins with offset 0
//
//	mkdir -p /tmp/up && go run ./examples/http-file-upload -d /tmp/up
//	curl --data-binary @README.md http://127.0.0.1:8000/fs/a.txt
//	curl --data-binary 'part 1,' 'http://127.0.0.1:8000/upload?offset=0&file=b.txt'
//
// A page at / does both in the browser.
//
// What differs from the C programs: they are one program here. A file of one POST gets its name
// when it is complete, and an upload that breaks off leaves nothing; the C program removes the
// old file first. A piece that does not begin at the end of the file is refused with status 409
// and the size of the file, so that the client can go on from there; a file that is too large is
// refused with 413, and a failure of the server is answered with 500. The C program answers 400
// to all of these, or nothing. -max bounds the size of a file; in C pieces end at 99,999 bytes.
// An empty piece with offset 0 makes an empty file; in C it changes nothing. An offset that is no
// number is refused; in C it is 0. As in C, an offset that is missing is 0. Names have no
// folders and are not hidden; nothing outside of the directory can be reached.
//
// Files are written on the loop, which waits for the disk. A server for many clients writes on
// another goroutine and pauses the connection meanwhile.
//
// It logs to standard output. The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot listen
// or the loop fails, and 2 for wrong usage. The reason for 1 and 2 is on standard error.
package main

import (
	_ "embed"
	"flag"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"

	"github.com/rikki-go/rikki/examples/internal/cli"
	"github.com/rikki-go/rikki/examples/internal/httpd"
	"github.com/rikki-go/rikki/examples/internal/upload"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/termlog"
)

// page is the page for browsers. It loads no other files.
//
//go:embed page.html
var page []byte

const pageHeaders = "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'self' 'unsafe-inline'\r\n"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	var srv httpd.Server
	var dir string
	var maxMiB int
	f := flag.NewFlagSet("http-file-upload", flag.ContinueOnError)
	f.StringVar(&dir, "d", ".", "`directory` for the files")
	cli.Limit(f, &maxMiB, "max", 10*1024, "largest size of a file in `MiB`; -1 is no limit")
	srv.Flags(f, "http://127.0.0.1:8000")
	return cli.Run(f, args, stderr, func() error {
		s := &server{max: -1}
		if maxMiB > 0 {
			s.max = int64(maxMiB) << 20
		}
		var err error
		if s.root, err = os.OpenRoot(dir); err != nil {
			return cli.Usage("-d: %w", err)
		}
		log := srv.Log(stdout)
		s.log = termlog.Limit(log)
		return srv.Run(log, func(*reactor.Manager) (reactor.Handler, error) { return s.handle, nil })
	})
}

// server is the state of the handler.
type server struct {
	root *os.Root
	max  int64        // bytes of a file; negative: no limit
	log  *slog.Logger // the number of its records is limited
}

// handle is the handler of the listeners and of the connections that they accept. The FnData of a
// connection is its *upload.File while one arrives.
func (s *server) handle(c *reactor.Conn, ev reactor.Event, data any) {
	file, _ := c.FnData.(*upload.File)
	switch ev {
	case reactor.EvHTTPHdrs:
		s.begin(c, data.(*http.Message))
	case reactor.EvHTTPBody:
		if file == nil { // it was refused
			return
		}
		if _, err := file.Write(data.(*http.Piece).Data); err != nil {
			s.refuse(c, err)
		}
	case reactor.EvHTTPMsg:
		hm := data.(*http.Message)
		switch {
		case file != nil:
			s.end(c, file)
		case http.Match(hm.URI, "/upload") && string(hm.Method) == "POST":
			s.piece(c, hm)
		case http.Match(hm.URI, "/"):
			http.ReplyBytes(c, 200, pageHeaders, page)
		default:
			http.Reply(c, 404, "", "Not found\n")
		}
	case reactor.EvError: // EvClose may come later: what was written is sent before
		httpd.Failed(s.log, c, data.(error))
		file.Abort()
	case reactor.EvClose:
		file.Abort()
	}
}

// begin takes over the body of a POST to /fs/NAME.
func (s *server) begin(c *reactor.Conn, hm *http.Message) {
	var name []byte
	if !http.Match(hm.URI, "/fs/*", &name) || string(hm.Method) != "POST" {
		return
	}
	text, err := url.PathUnescape(string(name))
	if err != nil {
		http.Reply(c, 400, "", "bad escape in the name\n")
		return
	}
	file, err := upload.Create(s.root, text, s.max)
	if err != nil {
		s.refuse(c, err)
		return
	}
	s.log.Info("upload begins", "id", c.ID(), "name", text, "bytes", hm.BodySize())
	c.FnData = file
	http.StreamBody(c, s.max)
}

// end stores a complete file.
func (s *server) end(c *reactor.Conn, file *upload.File) {
	c.FnData = nil
	if err := file.Commit(); err != nil {
		s.refuse(c, err)
		return
	}
	s.log.Info("upload complete", "id", c.ID(), "bytes", file.Size)
	http.Reply(c, 200, "", "ok, %d bytes\n", file.Size)
}

// piece stores a piece of a file.
func (s *server) piece(c *reactor.Conn, hm *http.Message) {
	name, _ := http.Var(nil, hm.Query, "file") // not hm.Var: curl says that the piece is a form
	text, given := http.Var(nil, hm.Query, "offset")
	if !given {
		text = []byte("0")
	}
	offset, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || offset < 0 {
		http.Reply(c, 400, "", "bad offset %q\n", text)
		return
	}
	size, err := upload.Append(s.root, string(name), offset, hm.Body, s.max)
	switch {
	case err == upload.ErrOffset:
		http.Reply(c, 409, "", "%d\n", size)
	case err != nil:
		s.refuse(c, err)
	default:
		http.Reply(c, 200, "", "%d\n", size)
	}
}

// refuse answers with an error. In the middle of a body that ends the connection.
func (s *server) refuse(c *reactor.Conn, err error) {
	if file, ok := c.FnData.(*upload.File); ok {
		file.Abort()
		c.FnData = nil
	}
	s.log.Info("upload refused", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
	switch {
	case err == upload.ErrTooLarge:
		http.Reply(c, 413, "", "%v\n", err)
	case upload.IsRefusal(err):
		http.Reply(c, 400, "", "%v\n", err)
	default:
		http.Reply(c, 500, "", "The server cannot store the file\n")
	}
}
