package http_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A connection that was used before and is lost before the response begins: the request is sent
// once more, if it may be.
func TestClientRetry(t *testing.T) {
	for _, tt := range []struct {
		name string
		req  http.Request
		lose func(p *rawConn) // what the server does with the second request on its first connection
		want string           // body of the response; empty for an error
		is   error
	}{
		{"GET, end", http.Request{}, func(p *rawConn) { p.c.Drain() }, "new", nil},
		{"GET, reset", http.Request{}, func(p *rawConn) { p.c.Abort() }, "new", nil},
		{"PUT with a body", http.Request{Method: "PUT", Body: []byte("x")}, func(p *rawConn) { p.c.Close() }, "new", nil},
		{"POST", http.Request{Method: "POST", Body: []byte("x")}, func(p *rawConn) { p.c.Drain() }, "", io.ErrUnexpectedEOF},
		{"PUT with a reader", http.Request{Method: "PUT", Reader: strings.NewReader("x")}, func(p *rawConn) { p.c.Drain() }, "", io.ErrUnexpectedEOF},
		{"one byte of the response", http.Request{}, func(p *rawConn) { p.say("H"); p.c.Drain() }, "", io.ErrUnexpectedEOF},
		{"interim response", http.Request{}, func(p *rawConn) { p.say(lines("HTTP/1.1 100 Continue")); p.c.Drain() }, "", io.ErrUnexpectedEOF},
		{"no HTTP", http.Request{}, func(p *rawConn) { p.say("SSH-2.0\r\n"); p.c.Drain() }, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ct := newClientTest(t, nil)
			s := ct.listenRaw(func(p *rawConn) {
				switch {
				case p.n > 0:
					p.say(ok("", "new"))
				case p.requests() == 1:
					p.say(ok("", "old"))
				default:
					tt.lose(p)
				}
			})
			ct.get(s.url, "old")
			s.conns[0].got = "\r\n\r\n" // so that a body is no request
			s.on = func(p *rawConn) {
				if p.n > 0 {
					p.say(ok("", "new"))
				} else {
					tt.lose(p)
				}
			}
			tt.req.URL = s.url
			x := ct.do(&tt.req)
			if tt.want != "" && (x.body() != tt.want || x.err != nil) || tt.want == "" && x.err == nil {
				t.Errorf("%q, error %v", x.lines, x.err)
			}
			if tt.is != nil && !errors.Is(x.err, tt.is) {
				t.Errorf("error %v, want %v", x.err, tt.is)
			}
		})
	}
}

// A server that closes each connection after it has read a request gets it twice, not more. One
// that closes a new connection gets it once.
func TestClientRetriesOnce(t *testing.T) {
	ct := newClientTest(t, nil)
	answer := true
	s := ct.listenRaw(func(p *rawConn) {
		if answer {
			p.say(ok("", "a"))
		} else {
			p.c.Drain()
		}
	})
	ct.get(s.url, "a")
	answer = false
	for i, want := range []int{2, 3} {
		x := ct.do(&http.Request{URL: s.url})
		if !errors.Is(x.err, io.ErrUnexpectedEOF) || len(s.conns) != want {
			t.Errorf("request %d: error %v, %d connections, want %d", i, x.err, len(s.conns), want)
		}
	}
}

// An idle connection that the server closes leaves the pool. So does one on which the server says
// something. The next request gets a new one.
func TestClientIdleConnectionEnds(t *testing.T) {
	for name, end := range map[string]func(p *rawConn){
		"end":      func(p *rawConn) { p.c.Drain() },
		"reset":    func(p *rawConn) { p.c.Abort() },
		"byte":     func(p *rawConn) { p.say("H") },
		"response": func(p *rawConn) { p.say(lines("HTTP/1.1 408 Request Timeout", "Content-Length: 0")) },
		"interim":  func(p *rawConn) { p.say(lines("HTTP/1.1 100 Continue")) },
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Warnings
			ct := newClientTest(t, nil, reactor.WithLogger(log.Logger()))
			s := ct.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
			ct.get(s.url, "a")
			end(s.conns[0])
			ct.until("the end", func() bool { return s.conns[0].ended })
			ct.get(s.url, "a")
			if len(s.conns) != 2 {
				t.Errorf("%d connections, want 2", len(s.conns))
			}
			log.WantNone(t)
		})
	}
}

// A request that is sent while the end of the idle connection lies in the socket is sent again.
func TestClientRetriesAfterUnseenEnd(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		far := newLoop(t) // a loop of its own, so that the client does not see the end
		s := far.listenRaw(func(p *rawConn) { p.say(ok("", "a")) })
		ct := newClientTest(t, nil)
		both := func(what string, done func() bool) {
			ct.until(what, func() bool { far.idle(); return done() })
		}
		x := ct.start(&http.Request{URL: s.url})
		both("the response", func() bool { return x.ended > 0 })
		s.conns[0].c.Close()
		far.idle()
		x = ct.start(&http.Request{Method: method, URL: s.url})
		both("the end", func() bool { return x.ended > 0 })
		if method == "GET" && x.body() != "a" {
			t.Errorf("%s: %q, error %v", method, x.lines, x.err)
		}
		if method == "POST" && x.err == nil && x.body() != "a" {
			t.Errorf("%s: %q", method, x.lines)
		}
		ct.m.Close()
		far.m.Close()
	}
}
