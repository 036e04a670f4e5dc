package http_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A response that is complete before the body of the request ends the connection, and the body is
// not sent on.
func TestClientEarlyResponse(t *testing.T) {
	for name, tt := range map[string]struct{ req http.Request }{
		"reader": {http.Request{Method: "POST", Reader: endlessBody{}, Size: http.Chunked}},
		"stream": {http.Request{Method: "POST", Stream: true}},
		"body":   {http.Request{Method: "POST", Body: make([]byte, 64<<20)}},
	} {
		t.Run(name, func(t *testing.T) {
			ct := newClientTest(t, nil)
			received := 0
			s := ct.listenRaw(func(p *rawConn) {
				if received == 0 {
					p.say(lines("HTTP/1.1 413 Content Too Large", "Content-Length: 3") + "big")
					p.c.Pause()
				}
				received, p.got = received+len(p.got), ""
			})
			tt.req.URL = s.url
			x := ct.do(&tt.req)
			if x.body() != "big" || x.err != nil {
				t.Errorf("%q, error %v", x.lines, x.err)
			}
			if err := http.Chunk(x.conn, []byte("x")); err == nil {
				t.Error("Chunk works after the response")
			}
			s.conns[0].c.Resume()
			ct.until("the end of the connection", func() bool { return s.conns[0].ended })
			if received > 32<<20 {
				t.Errorf("%d bytes were sent", received)
			}
		})
	}
}

// endlessBody is a body without end.
type endlessBody struct{}

func (endlessBody) Read(p []byte) (int, error) { return len(p), nil }

// Pause holds a response back, and Resume continues it. The connection is used again, also if the
// handler leaves it paused.
func TestClientPause(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "slow")) })
	x := ct.startWith(&http.Request{URL: s.url}, looptest.Hooks{
		reactor.EvHTTPHdrs: func(c *reactor.Conn, _ any) { c.Pause() },
		reactor.EvHTTPMsg:  func(c *reactor.Conn, _ any) { c.Pause() },
	})
	ct.until("the header", func() bool { return len(x.lines) == 1 })
	ct.idle()
	if x.ended > 0 {
		t.Fatal("the body was delivered in a pause")
	}
	x.conn.Resume()
	ct.await(x)
	ct.get(s.url, "slow")
	if len(s.conns) != 1 || x.body() != "slow" {
		t.Errorf("%d connections, %q", len(s.conns), x.lines)
	}
}

// Limits bound the response. The error names the limit.
func TestClientLimits(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{Limits: http.Limits{Head: 200, Headers: 3, Body: 10}})
	in := ""
	s := ct.listenRaw(func(p *rawConn) { p.say(in) })
	for want, response := range map[string]string{
		"header is larger": lines("HTTP/1.1 200 OK", "A: "+strings.Repeat("x", 300)),
		"limit of 3":       lines("HTTP/1.1 200 OK", "A: b", "C: d", "E: f", "G: h"),
		"limit of 10":      ok("", "01234567890"),
		"body is larger":   lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "b\r\n",
	} {
		in = response
		x := ct.do(&http.Request{URL: s.url})
		var e *http.Error
		if !errors.As(x.err, &e) || !strings.Contains(e.Reason, want) && want != "body is larger" {
			t.Errorf("%s: %v", want, x.err)
		}
	}
}
