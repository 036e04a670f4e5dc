package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A client sends many requests and leaves without reading the answers. The server does not handle
// the requests that it cannot answer any more, except the one whose header was delivered.
func TestRequestsAfterAFailedWrite(t *testing.T) {
	const requests = 2000
	page := make([]byte, 1<<20)
	for name, leave := range map[string]func(p *looptest.Socket){
		"reset": (*looptest.Socket).Reset,
		"close": (*looptest.Socket).Close,
	} {
		t.Run(name, func(t *testing.T) {
			handled := 0
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
				if ev == reactor.EvHTTPMsg {
					handled++
					http.ReplyBytes(c, 200, "", page)
				}
			})
			p := looptest.DialSocket(t, s.ln.LocalAddr())
			p.WriteString(strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", requests))
			s.until("an answer", func() bool { return handled > 0 })
			leave(p)
			s.until("the end", func() bool { return s.conn.Stack().Closed() && s.Closed() })
			if handled > requests/10 {
				t.Errorf("%d of %d requests were handled", handled, requests)
			}
		})
	}
}
