package http_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// late408 is what a server says before it closes a connection that was idle for too long.
var late408 = lines("HTTP/1.1 408 Request Timeout", "Connection: close", "Content-Length: 0")

// A response that lies in the socket of an idle connection when the next request gets it answers
// nothing. The request is sent on a new connection, whatever it is: no byte of it was written.
func TestClientLateResponse(t *testing.T) {
	for name, say := range map[string]func(p *rawConn){
		"408":   func(p *rawConn) { p.say(late408) },
		"400":   func(p *rawConn) { p.say(lines("HTTP/1.1 400 Bad Request", "Content-Length: 0")) },
		"close": func(p *rawConn) { p.c.Drain() },
	} {
		for kind, req := range map[string]*http.Request{
			"body":   {Method: "POST", Body: []byte("body")},
			"reader": {Method: "POST", Reader: &closeCounter{Reader: strings.NewReader("body")}, Size: 4},
			"stream": {Method: "POST", Stream: true, Size: 4},
		} {
			far := newLoop(t) // a loop of its own, so that the client does not see the response
			s := far.listenRaw(func(p *rawConn) {
				switch {
				case strings.HasPrefix(p.got, "GET"):
					p.say(ok("", "old"))
				case strings.HasSuffix(p.got, "\r\n\r\nbody"):
					p.say(ok("", "new"))
				}
			})
			ct := newClientTest(t, nil)
			both := func(what string, done func() bool) {
				ct.until(what, func() bool { far.idle(); return done() })
			}
			first := ct.start(&http.Request{URL: s.url})
			both("the first response", func() bool { return first.ended > 0 })
			// The loop reads other first: its handler sends a request before the response is read.
			var x *call
			sent := false
			other, err := ct.m.Connect("tcp"+strings.TrimPrefix(s.url, "http"), func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvRead && x == nil {
					req.URL = s.url
					x = ct.startWith(req, looptest.Hooks{reactor.EvWrite: func(c *reactor.Conn, _ any) {
						if req.Stream && !sent {
							sent = true
							must(t, http.Chunk(c, []byte("body")))
							must(t, http.EndChunks(c))
						}
					}})
				}
			}, nil)
			must(t, err)
			both("the other connection", func() bool { return len(s.conns) == 2 })
			s.conns[1].say("go")
			far.idle()
			say(s.conns[0])
			far.idle()
			both("the end", func() bool { return x != nil && x.ended > 0 })
			if x.body() != "new" || len(s.conns) != 3 {
				t.Errorf("%s, %s: %q, error %v, %d connections", name, kind, x.lines, x.err, len(s.conns))
			}
			if rd, is := req.Reader.(*closeCounter); is && rd.closed != 1 {
				t.Errorf("%s, %s: the reader was closed %d times", name, kind, rd.closed)
			}
			other.Close()
			ct.m.Close()
			far.m.Close()
		}
	}
}

// A response with 408 that ends a connection which was used before says that the request was not
// read. It is sent again once, if its method is idempotent.
func TestClient408(t *testing.T) {
	for method, want := range map[string]string{"GET": "new", "POST": ""} {
		ct := newClientTest(t, nil)
		s := ct.listenRaw(func(p *rawConn) {
			switch {
			case p.n > 0:
				p.say(ok("", "new"))
			case p.requests() == 1:
				p.say(ok("", "old"))
			default:
				p.say(late408)
			}
		})
		ct.get(s.url, "old")
		x := ct.do(&http.Request{Method: method, URL: s.url})
		if x.body() != want || x.err != nil {
			t.Errorf("%s: %q, error %v", method, x.lines, x.err)
		}
	}
	for name, say := range map[string]string{ // on a connection that was used too, 408 may be the answer
		"the connection stays": lines("HTTP/1.1 408 Request Timeout", "Content-Length: 0"),
		"after an interim one": lines("HTTP/1.1 102 Processing") + late408,
	} {
		ct := newClientTest(t, nil)
		s := ct.listenRaw(func(p *rawConn) {
			if p.requests() == 1 {
				p.say(ok("", "old"))
			} else {
				p.say(say)
			}
		})
		ct.get(s.url, "old")
		if x := ct.do(&http.Request{URL: s.url}); x.lines[len(x.lines)-2] != "408" || len(s.conns) != 1 {
			t.Errorf("%s: %q, %d connections", name, x.lines, len(s.conns))
		}
	}
	ct := newClientTest(t, nil) // a new connection: 408 is the answer
	s := ct.listenRaw(func(p *rawConn) { p.say(late408) })
	if x := ct.get(s.url, ""); x.lines[0] != "408" || len(s.conns) != 1 {
		t.Errorf("%q", x.lines)
	}
}

// A server may send a bounded number of interim responses before the final one.
func TestClientInterimResponses(t *testing.T) {
	for _, n := range []int{100, 101} {
		ct := newClientTest(t, &http.ClientOptions{Timeout: -1})
		s := ct.listenRaw(func(p *rawConn) { p.say(strings.Repeat(lines("HTTP/1.1 102 Processing"), n) + ok("", "a")) })
		for range 2 { // the count begins again
			x := ct.do(&http.Request{URL: s.url})
			if (x.err == nil) != (n == 100) {
				t.Errorf("%d interim responses: error %v", n, x.err)
			}
		}
	}
}

// After Close the Client has no timers and no connections.
func TestClientCloseStopsTimers(t *testing.T) {
	clock := looptest.NewClock()
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1}, reactor.WithClock(clock.Now))
	s := ct.listenRaw(func(p *rawConn) {
		if p.requests() == 1 {
			p.say(ok("", "a"))
		}
	})
	ct.get(s.url, "a")
	calls := []*call{ct.start(&http.Request{URL: s.url}), ct.start(&http.Request{URL: s.url})}
	ct.cl.Close()
	ct.await(calls...)
	ct.until("the end of the connection", func() bool { return s.conns[0].ended })
	ct.idle()
	if n := ct.m.Stats().Conns; n != 0 {
		t.Errorf("%d connections are left", n)
	}
	clock.Advance(time.Hour) // a timer that fires now is late
	ct.idle()
	if lag := ct.m.Stats().MaxLag; lag > 0 {
		t.Errorf("a timer has fired %v late", lag)
	}
}
