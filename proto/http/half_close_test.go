package http_test

import (
	"errors"
	"io"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A client that ends its side behind its requests, as `printf … | nc` does, gets all its
// answers from a server that hears of half-closed streams, however late they come; then the
// connection ends. What the end has cut is refused.
func TestHalfClosedClient(t *testing.T) {
	for name, tt := range map[string]struct {
		in      string
		answers int
		cut     bool
	}{
		"no request":              {"", 0, false},
		"one":                     {get, 1, false},
		"several in a row":        {get + get + get, 3, false},
		"the last one is cut":     {get + get[:10], 1, true},
		"the only one is cut":     {get[:10], 0, true},
		"a body that is cut":      {get + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", 1, true},
		"asked to be the last":    {get + last, 2, false},
		"behind one that is last": {last + get, 1, false},
	} {
		for how, answer := range map[string]func(c *reactor.Conn, reply func()){
			"at once": func(_ *reactor.Conn, reply func()) { reply() },
			"late":    func(c *reactor.Conn, reply func()) { c.Manager().AddTimer(0, reactor.TimerOnce, reply) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				m := looptest.NewManager(t)
				asked, closed := 0, false
				var failure error
				ln, err := http.Listen(m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
					switch {
					case c.IsListening():
					case ev == reactor.EvHTTPMsg:
						asked++
						answer(c, func() { must(t, http.Reply(c, 200, "", "ok")) })
					case ev == reactor.EvError:
						failure = data.(error)
					case ev == reactor.EvClose:
						closed = true
					}
				}, nil)
				must(t, err)
				ln.SetHalfClose(true)
				fd := looptest.Open(t, ln.LocalAddr().Addr(), unix.SOCK_STREAM)
				looptest.Own(t, &fd)
				looptest.Connect(t, fd, ln.LocalAddr())
				must(t, unix.SetNonblock(fd, true))
				if tt.in != "" {
					looptest.Write(t, fd, tt.in)
				}
				looptest.Shutdown(t, fd)
				var got []byte
				looptest.Await(t, m, "the end", func() bool {
					var eof bool
					got, eof, _ = looptest.Read(fd, got)
					return eof && closed
				})
				if asked != tt.answers {
					t.Errorf("%d requests were heard, want %d; answers %q", asked, tt.answers, got)
				}
				if cut := errors.Is(failure, io.ErrUnexpectedEOF); cut != tt.cut || failure != nil && !cut {
					t.Errorf("failure %v, want a cut request: %v", failure, tt.cut)
				}
			})
		}
	}
}

const last = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
