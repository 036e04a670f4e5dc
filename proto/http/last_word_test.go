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

// posting is a client in the middle of a large request, and a bare server that has read
// nothing of it.
type posting struct {
	m      *reactor.Manager
	c      *reactor.Conn
	server int
	log    []string
}

func newPosting(t *testing.T) *posting {
	t.Helper()
	p := &posting{m: looptest.NewManager(t), server: -1}
	ln := looptest.Open(t, loopback.Addr(), unix.SOCK_STREAM)
	looptest.Own(t, &ln)
	at := looptest.Bind(t, ln, loopback, 8)
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
	c, err := http.Connect(p.m, "http://"+at.String(), handle, nil)
	must(t, err)
	p.c = c
	looptest.Await(t, p.m, "the request", func() bool {
		if p.server < 0 {
			if fd, ok := looptest.Accept(t, ln); ok {
				p.server = fd
				looptest.Own(t, &p.server)
				looptest.NoDelay(t, p.server)
			}
		}
		return p.server >= 0 && connected && wrote
	})
	return p
}

// A server that refuses a request in mid-body answers and closes. As it has not read the
// rest, its close is a reset. The client hears the answer, although it is the first to
// write, and only then of the reset.
func TestAnswerBeforeReset(t *testing.T) {
	const answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"
	for _, backlog := range []bool{false, true} {
		for name, moment := range looptest.Moments {
			t.Run(fmt.Sprintf("%s, backlog %v", name, backlog), func(t *testing.T) {
				p := newPosting(t)
				if backlog {
					p.c.Write(make([]byte, 32<<20))
					looptest.Fill(t, p.c)
				}
				moment(t, p.m, func() {
					looptest.Write(t, p.server, answer)
					looptest.Close(&p.server)
					p.c.Write([]byte("goes on"))
				})
				looptest.Await(t, p.m, "the end", func() bool {
					return len(p.log) > 0 && p.log[len(p.log)-1] == "CLOSE"
				})
				if p.log[0] != "413 too large" || len(p.log) > 3 || len(p.log) == 3 && !strings.HasPrefix(p.log[1], "ERROR") {
					t.Errorf("heard %q, want the answer first", p.log)
				}
			})
		}
	}
}
