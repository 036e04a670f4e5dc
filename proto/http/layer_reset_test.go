package http_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// posting is a client in the middle of a large request. Its server is a bare socket that
// has read nothing.
type posting struct {
	m      *reactor.Manager
	c      *reactor.Conn
	server *looptest.Socket
	log    []string
}

func newPosting(t *testing.T) *posting {
	t.Helper()
	p := &posting{m: looptest.NewStillManager(t)}
	ln, addr := looptest.ListenSocket(t)
	must(t, unix.SetsockoptInt(ln.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)) // the accepted socket gets it too
	connected, wrote := false, false
	handle := func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvConnect:
			connected = true
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\nbegins", 1<<30)
		case reactor.EvWrite:
			wrote = true
		case reactor.EvHTTPMsg:
			msg := data.(*http.Message)
			p.log = append(p.log, fmt.Sprintf("%d %s", msg.Status, msg.Body))
		case reactor.EvError:
			p.log = append(p.log, "ERROR "+data.(error).Error())
		case reactor.EvClose:
			p.log = append(p.log, "CLOSE")
		}
	}
	c, err := http.Connect(p.m, "http://"+addr, handle, nil)
	must(t, err)
	p.c = c
	p.server = ln.AwaitAccept(p.m)
	looptest.Await(t, p.m, "the request", func() bool { return connected && wrote })
	return p
}

// A server refuses a request in the middle of its body: it sends a response and closes. The
// rest of the body is unread, so the close is a reset. The client writes before it reads.
// It still gets the response first and the error after it. With a backlog, more is waiting
// in Send than the socket takes.
func TestResponseBeforeReset(t *testing.T) {
	const response = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"
	for _, backlog := range []bool{false, true} {
		for name, moment := range looptest.Moments {
			t.Run(fmt.Sprintf("%s, backlog %v", name, backlog), func(t *testing.T) {
				p := newPosting(t)
				if backlog {
					p.c.Write(make([]byte, moreThanSockets))
					looptest.Spin(t, p.m, 20)
					if p.c.Send.Len() == 0 {
						t.Fatal("the socket has taken everything")
					}
				}
				moment(t, p.m, func() {
					p.server.WriteString(response)
					p.server.Close()
					p.c.Write([]byte("goes on"))
				})
				looptest.Await(t, p.m, "EvClose", func() bool {
					return len(p.log) > 0 && p.log[len(p.log)-1] == "CLOSE"
				})
				if p.log[0] != "413 too large" || len(p.log) > 3 || len(p.log) == 3 && !strings.HasPrefix(p.log[1], "ERROR") {
					t.Errorf("events %q, want the response first", p.log)
				}
			})
		}
	}
}
