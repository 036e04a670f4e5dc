package http_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// After 101 the connection belongs to the handler: with all of its events, and outside the pool.
func TestClientGivesConnectionAway(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
	s := ct.listenRaw(func(p *rawConn) {
		if p.n == 0 && p.requests() == 1 {
			p.say(lines("HTTP/1.1 101 Switching Protocols", "Upgrade: echo") + "first")
		} else if p.n > 0 {
			p.say(ok("", "a"))
		}
	})
	var r looptest.Recorder
	var got *reactor.Conn
	must(t, ct.cl.Do(&http.Request{URL: s.url, Headers: "Connection: Upgrade\r\nUpgrade: echo\r\n"},
		func(c *reactor.Conn, ev reactor.Event, data any) {
			got = c
			if c.FnData != &r {
				t.Errorf("%v: FnData %v", ev, c.FnData)
			}
			r.Handle(c, ev, data)
		}, &r))
	queued := ct.start(&http.Request{URL: s.url}) // waits for the one connection
	ct.until("the first bytes", func() bool { return string(r.Got) == "first" })
	ct.await(queued)
	if queued.body() != "a" || len(s.conns) != 2 {
		t.Errorf("%q, %d connections", queued.lines, len(s.conns))
	}
	ct.cl.Close()
	s.conns[0].say("second")
	ct.until("more bytes", func() bool { return string(r.Got) == "firstsecond" })
	if r.Closed() {
		t.Error("Client.Close has closed a connection that it has given away")
	}
	got.Close()
	ct.until("EvClose", r.Closed)
	if r.Count(reactor.EvHTTPMsg) != 1 || len(r.Errs) > 0 {
		t.Errorf("events %s", looptest.EventNames(r.Events))
	}
}

// A handler that replaces the layer in EvHTTPHdrs has the connection.
func TestClientLayerReplaced(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) {
		if p.requests() == 1 {
			p.say(lines("HTTP/1.1 200 OK") + "data: 1\n")
		}
	})
	var r looptest.Recorder
	r.On = looptest.Hooks{reactor.EvHTTPHdrs: func(c *reactor.Conn, _ any) {
		l, _ := http.Layer(c)
		c.Stack().Replace(l, nil)
	}}
	must(t, ct.cl.Do(&http.Request{URL: s.url}, r.Handle, nil))
	ct.until("the bytes", func() bool { return string(r.Got) == "data: 1\n" })
	s.conns[0].say("data: 2\n")
	ct.until("more bytes", func() bool { return string(r.Got) == "data: 1\ndata: 2\n" })
	s.conns[0].c.Close()
	ct.until("EvClose", r.Closed)
}

// A failure of one request does not touch those that wait: they get connections of their own.
func TestClientFailureStartsNext(t *testing.T) {
	ct := newClientTest(t, &http.ClientOptions{ConnsPerHost: 1})
	s := ct.listenRaw(func(p *rawConn) {
		if p.n%2 == 0 {
			p.c.Abort()
		} else {
			p.say(ok("", "a"))
		}
	})
	var calls []*call
	for range 6 {
		calls = append(calls, ct.start(&http.Request{URL: s.url}))
	}
	ct.await(calls...)
	for i, x := range calls[:2] {
		if (x.err == nil) != (i == 1) {
			t.Errorf("request %d: %q, error %v", i, x.lines, x.err)
		}
	}
}

// An error that the handler does not look at is logged. One that the Client has dealt with is not.
func TestClientLogsUnhandledErrors(t *testing.T) {
	var log looptest.Warnings
	ct := newClientTest(t, nil, reactor.WithLogger(log.Logger()))
	s := ct.listenRaw(func(p *rawConn) { p.c.Drain() })
	done := false
	must(t, ct.cl.Do(&http.Request{URL: s.url}, func(_ *reactor.Conn, ev reactor.Event, _ any) {
		done = done || ev == reactor.EvError
	}, nil))
	ct.until("the error", func() bool { return done })
	ct.idle()
	log.WantOne(t, "error not handled", "before the response")
	must(t, ct.cl.Do(&http.Request{URL: s.url}, nil, nil)) // nobody can look at it
	ct.until("the connection", func() bool { return len(s.conns) == 2 && s.conns[1].ended })
	ct.idle()
	log.WantOne(t, "error not handled")
	if err := ct.cl.Do(&http.Request{}, nil, nil); errors.Is(err, reactor.ErrClosed) {
		t.Error(err)
	}
	log.WantNone(t)
}

// A body that is delivered in pieces, with pauses, and the next request on the same connection.
func TestClientStreamsBody(t *testing.T) {
	ct := newClientTest(t, nil)
	s := ct.listenRaw(func(p *rawConn) {
		p.say(lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
	})
	for range 2 {
		got := ""
		x := ct.startWith(&http.Request{URL: s.url}, looptest.Hooks{
			reactor.EvHTTPHdrs: func(c *reactor.Conn, _ any) { must(t, http.StreamBody(c, -1)) },
			reactor.EvHTTPBody: func(c *reactor.Conn, data any) {
				got += string(data.(*http.Piece).Data)
				c.Pause()
				ct.m.AddTimer(0, reactor.TimerOnce, c.Resume)
			},
		})
		ct.await(x)
		if got != "abcdefg" || x.err != nil || x.body() != "" {
			t.Errorf("%q, %q, error %v", got, x.lines, x.err)
		}
	}
	if len(s.conns) != 1 {
		t.Errorf("%d connections, want 1", len(s.conns))
	}
}
