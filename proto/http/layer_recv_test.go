package http_test

import (
	"io"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// If a handler takes bytes of an incomplete message out of Recv in EvRead, the message is
// lost. The connection continues or fails, and nothing panics.
func TestHandlerTakesIncompleteMessage(t *testing.T) {
	for name, request := range map[string]string{
		"header":  lines("GET / HTTP/1.1", "Host: h", "Cookie: a long one, so that some of it is left"),
		"body":    lines("POST / HTTP/1.1", "Host: h", "Content-Length: 40") + "0123456789012345678901234567890123456789",
		"chunked": lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "14\r\n01234567890123456789\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		for _, take := range []struct {
			name string
			do   func(b *reactor.Buffer)
		}{
			{"all", (*reactor.Buffer).Reset},
			{"half", func(b *reactor.Buffer) { b.Consume(b.Len() / 2) }},
			{"the end", func(b *reactor.Buffer) { b.Truncate(b.Len() / 2) }},
		} {
			t.Run(name+"/"+take.name, func(t *testing.T) {
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("panic: %v", p)
					}
				}()
				l := newLoop(t)
				read, closed := 0, 0
				ln, err := http.Listen(l.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvRead:
						read += *data.(*int)
						take.do(&c.Recv)
					case reactor.EvClose:
						closed++
					}
				}, nil)
				must(t, err)
				for cut := 1; cut < len(request); cut++ {
					ended := closed
					read = 0
					c, err := l.m.Connect("tcp://"+ln.LocalAddr().String(), nil, nil)
					must(t, err)
					io.WriteString(c, request[:cut])
					l.until("the first part", func() bool { return read >= cut || closed > ended })
					io.WriteString(c, request[cut:])
					l.until("the rest", func() bool { return read >= len(request) || closed > ended })
					c.Close()
					l.until("the end", func() bool { return closed > ended })
				}
			})
		}
	}
}

// If a handler takes bytes out of Recv in EvHTTPHdrs, the connection fails, also after
// Pause and Resume.
func TestHandlerTakesHeader(t *testing.T) {
	for name, request := range map[string]string{
		"no body": lines("GET / HTTP/1.1", "Host: h"),
		"body":    lines("POST / HTTP/1.1", "Host: h", "Content-Length: 10") + "0123456789",
		"chunked": lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n",
	} {
		for _, pause := range []bool{false, true} {
			for _, left := range []int{0, 5} {
				l := newLoop(t)
				var failed error
				closed := false
				ln, err := http.Listen(l.m, "http://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
					switch ev {
					case reactor.EvHTTPHdrs:
						c.Recv.Consume(c.Recv.Len() - left)
						if pause {
							c.Pause()
							c.Manager().Post(c.Resume)
						}
					case reactor.EvHTTPMsg:
						t.Errorf("%s: EvHTTPMsg was raised", name)
					case reactor.EvError:
						failed = data.(error)
					case reactor.EvClose:
						closed = true
					}
				}, nil)
				must(t, err)
				c, err := l.m.Connect("tcp://"+ln.LocalAddr().String(), nil, nil)
				must(t, err)
				io.WriteString(c, request)
				l.until("the end", func() bool { return closed })
				if failed == nil {
					t.Errorf("%s, pause %v, %d bytes left in Recv: no EvError", name, pause, left)
				}
			}
		}
	}
}
