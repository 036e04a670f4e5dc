package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// ends advances the clock by left. The connection closes then, without an error, and not a
// nanosecond before.
func (s *subject) ends(left time.Duration) {
	s.Helper()
	s.k.Advance(left - 1)
	s.remains("a nanosecond early")
	s.k.Advance(1)
	spin(s.T, s.m, 2)
	if len(s.r.Errs) > 0 || !s.r.Closed() {
		s.Fatalf("events %s, errors %v; want EvClose and no error", eventList(s.r.Events), s.r.Errs)
	}
}

// The wait for the next request counts from SetAwaitingRequest(true). When its time is
// up, the connection closes quietly. The default is the same for all connections.
func TestNextRequestDeadline(t *testing.T) {
	for _, kind := range kinds {
		for _, d := range []reactor.Deadlines{{}, {NextRequest: 5 * time.Second}} {
			after := reactor.DefaultNextRequestDeadline
			if d.NextRequest > 0 {
				after = d.NextRequest
			}
			t.Run(fmt.Sprint(kind, " ", after), func(t *testing.T) {
				s := newSubject(t, kind, d)
				s.k.Advance(time.Hour)
				s.remains("it awaits no request")
				for range 3 {
					s.c.Stack().SetAwaitingRequest(true)
					s.k.Advance(after - 1)
					s.c.Stack().SetAwaitingRequest(true) // does not restart it
					s.remains("it has awaited one for less")
					s.c.Stack().SetAwaitingRequest(false)
				}
				s.k.Advance(time.Hour)
				s.remains("it has got one")
				s.c.Stack().SetAwaitingRequest(true)
				s.c.Pause()
				s.k.Advance(time.Hour)
				s.remains("paused")
				s.c.Resume()
				s.ends(after)
			})
		}
	}
}

// SetDeadlines in the middle of the wait keeps its start. After it was off, it counts from now.
func TestSetNextRequestInTheMiddleOfTheWait(t *testing.T) {
	begin := func() *subject {
		s := newSubject(t, "accepted", reactor.Deadlines{})
		s.c.Stack().SetAwaitingRequest(true)
		s.k.Advance(10 * time.Second)
		return s
	}
	s := begin()
	s.c.SetDeadlines(reactor.Deadlines{NextRequest: 15 * time.Second})
	s.ends(5 * time.Second)
	s = begin()
	s.c.SetDeadlines(reactor.Deadlines{NextRequest: 5 * time.Second})
	s.remainsNot("it has passed already")
	s = begin()
	s.c.SetDeadlines(reactor.Deadlines{NextRequest: -1})
	s.k.Advance(time.Hour)
	s.remains("off")
	s.c.SetDeadlines(reactor.Deadlines{})
	s.ends(reactor.DefaultNextRequestDeadline)
}

// remainsNot turns the loop, and fails the test unless the connection has closed without an error.
func (s *subject) remainsNot(what string) {
	s.Helper()
	if spin(s.T, s.m, 2); len(s.r.Errs) > 0 || !s.r.Closed() {
		s.Fatalf("%s: events %s, errors %v", what, eventList(s.r.Events), s.r.Errs)
	}
}

// While the answer waits for the socket, the next request is not awaited. Its time counts from
// when the socket took the last byte, with and without a stall deadline.
func TestNextRequestIsNotAwaitedBeforeTheAnswerIsWritten(t *testing.T) {
	for _, stall := range []time.Duration{-1, 3 * time.Hour} {
		t.Run(stall.String(), func(t *testing.T) {
			s := newSubject(t, "wrapped", reactor.Deadlines{Stall: stall, NextRequest: 5 * time.Second})
			s.fill()
			s.c.Stack().SetAwaitingRequest(true)
			for range 3 {
				s.k.Advance(time.Hour / 2)
				s.remains("the answer is not read")
			}
			await(t, s.m, "the peer to read", func() bool { s.p.Receive(); return s.c.Send.Len() == 0 })
			s.ends(5 * time.Second)
		})
	}
}

// A request that is in the socket when the time is up, however late the loop is, keeps the
// connection open. It arrives after the loop has read in this turn and before it runs the timers.
func TestLateLoopFindsTheNextRequest(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m, k := timed(t)
			r := &recorder{}
			r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Stack().SetAwaitingRequest(false) }}
			c, f := reach(t, m, way, r.Handle, func(*reactor.Conn) {})
			c.Stack().SetAwaitingRequest(true)
			spin(t, m, 2)
			k.Advance(time.Hour)
			looptest.Must(t, m.Post(func() { f.say([]byte("x")) }))
			spin(t, m, 5)
			if lives(t, m, r); r.Count(reactor.EvRead) != 1 {
				t.Errorf("events %s, want one READ", eventList(r.Events))
			}
		})
	}
}

// After the end of the peer's stream, and while the connection drains, no request is awaited.
func TestNoNextRequestAfterTheEnd(t *testing.T) {
	m, k := timed(t)
	r := &recorder{}
	c, f := reach(t, m, "unix server", r.Handle, halfClosing)
	c.Stack().SetAwaitingRequest(true)
	f.end()
	awaitEvEnd(t, m, r)
	k.Advance(time.Hour)
	lives(t, m, r)

	s := newSubject(t, "wrapped", reactor.Deadlines{})
	s.c.Stack().SetAwaitingRequest(true)
	s.fill()
	s.c.Drain()
	s.k.Advance(time.Hour)
	s.remains("draining")
}

// A layer that is replaced awaits no request any more.
func TestReplaceEndsTheWaitForARequest(t *testing.T) {
	for _, next := range []reactor.Protocol{nil, new(indifferent)} {
		s := newSubject(t, "accepted", reactor.Deadlines{})
		old := new(indifferent)
		s.c.Stack().Push(old)
		s.c.Stack().SetAwaitingRequest(true)
		s.c.Stack().Replace(old, next)
		s.k.Advance(time.Hour)
		s.remains("replaced")
	}
}

// Each default can be turned off for the whole manager, and then the others stay on.
func TestEachDefaultDeadlineCanBeOff(t *testing.T) {
	defaults := map[string]struct {
		off   reactor.Deadlines
		begin func(c *reactor.Conn)
		after time.Duration
	}{
		"handshake":    {reactor.Deadlines{Handshake: -1}, func(c *reactor.Conn) { c.Stack().SetHandshaking(true) }, 10 * time.Second},
		"message":      {reactor.Deadlines{Message: -1}, func(c *reactor.Conn) { c.Stack().SetReceiving(true) }, 20 * time.Second},
		"next request": {reactor.Deadlines{NextRequest: -1}, func(c *reactor.Conn) { c.Stack().SetAwaitingRequest(true) }, 60 * time.Second},
		"stall":        {reactor.Deadlines{Stall: -1}, func(c *reactor.Conn) { c.Write(muchNoise()) }, 30 * time.Second},
	}
	for name, row := range defaults {
		for other := range defaults {
			t.Run(other+" off, "+name, func(t *testing.T) {
				m, k := timed(t, reactor.WithDeadlines(defaults[other].off))
				r := &recorder{}
				c, _ := reach(t, m, "unix server", r.Handle, func(*reactor.Conn) {})
				looptest.Must(t, c.SetLimits(reactor.Limits{Backpressure: -1}))
				row.begin(c)
				spin(t, m, 3)
				k.Advance(row.after - 1)
				lives(t, m, r)
				k.Advance(1)
				spin(t, m, 3)
				if r.Closed() != (name != other) {
					t.Errorf("closed %v after %v: errors %v", r.Closed(), row.after, r.Errs)
				}
			})
		}
	}
}
