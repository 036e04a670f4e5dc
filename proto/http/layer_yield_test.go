package http_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// pipelined are requests that arrive in one piece, and what else happens.
var pipelined = map[string]struct {
	requests  func(i int) string
	end       func(p *peer)
	halfClose bool
	act       func(c *reactor.Conn, i int) // after the response to request i
}{
	"GET":               {requests: getNumber},
	"with bodies":       {requests: func(i int) string { return postNumber(i, "Content-Length: 5\r\n\r\n12345") }},
	"chunked":           {requests: func(i int) string { return postNumber(i, "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n") }},
	"the client ends":   {requests: getNumber, end: func(p *peer) { p.c.CloseWrite() }},
	"with SetHalfClose": {requests: getNumber, end: func(p *peer) { p.c.CloseWrite() }, halfClose: true},
	"close in the middle": {requests: func(i int) string {
		if i == 50 {
			return strings.TrimSuffix(getNumber(i), "\r\n") + "Connection: close\r\n\r\n"
		}
		return getNumber(i)
	}},
	"malformed in the middle": {requests: func(i int) string {
		if i == 50 {
			return "GET\r\n\r\n"
		}
		return getNumber(i)
	}},
	"drained in the middle": {requests: getNumber, act: func(c *reactor.Conn, i int) {
		if i == 50 {
			c.Drain()
		}
	}},
	"paused in the middle": {requests: getNumber, act: func(c *reactor.Conn, i int) {
		if i == 50 {
			c.Pause()
			c.Manager().Post(c.Resume)
		}
	}},
}

func getNumber(i int) string { return fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i) }

func postNumber(i int, rest string) string {
	return fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: h\r\n%s", i, rest)
}

// The events of pipelined requests, and the responses, do not depend on how often the connection
// yields.
func TestPipelinedRequestsWithYields(t *testing.T) {
	const n = 100
	for name, tt := range pipelined {
		t.Run(name, func(t *testing.T) {
			var events []string
			var responses string
			for _, takes := range []time.Duration{0, 200 * time.Microsecond, time.Millisecond, 3 * time.Millisecond} {
				k := looptest.NewClock()
				i := 0
				s := listenWith(t, []reactor.Option{reactor.WithClock(k.Now)}, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
					k.Advance(takes)
					if ev == reactor.EvHTTPMsg {
						http.Reply(c, 200, "", "%s %s", msg.URI, msg.Body)
						if tt.act != nil {
							tt.act(c, i)
						}
						i++
					}
				})
				s.ln.SetHalfClose(tt.halfClose)
				p := s.dial()
				var all strings.Builder
				for i := range n {
					all.WriteString(tt.requests(i))
				}
				p.c.SetHalfClose(true)
				io.WriteString(p.c, all.String())
				if tt.end != nil {
					tt.end(p)
				}
				s.until("all responses", func() bool { return strings.Contains(string(p.Got), "/99 ") || p.Saw(reactor.EvEnd)() })
				s.conn.Drain()
				p.c.Drain()
				s.until("the end", func() bool { return s.Closed() && p.Closed() })
				if takes == 0 {
					events, responses = s.Lines, string(p.Got)
				} else if s.m.Stats().Yields == 0 {
					t.Errorf("%v: did not yield", takes)
				}
				looptest.WantLines(t, fmt.Sprint("events, ", takes), s.Lines, events)
				if string(p.Got) != responses {
					t.Errorf("%v: responses of %d bytes, want %d", takes, len(p.Got), len(responses))
				}
			}
		})
	}
}
