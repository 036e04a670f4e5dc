package reactor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Requests of one connection are answered on another, whose marks and limits are checked
// after each of them.

// fanIn makes a connection whose requests are answered on another.
func fanIn(t *testing.T, m *reactor.Manager, r *responder, way string, to *recorder, set func(from, to *reactor.Conn)) (f *far) {
	t.Helper()
	r.on, _ = reach(t, m, way, to.handle, nil)
	from, f := reach(t, m, "tcp server", r.handler(reactor.EvUserInput, nil), func(c *reactor.Conn) {
		pushRequests(reactor.EvUserInput)(c)
		c.SetLimits(reactor.Limits{Unsent: -1})
	})
	set(from, r.on)
	f.say(batchOf(0, batch))
	return f
}

// EvHighWater of the one that is written to may pause the one that writes: no further
// request is delivered.
func TestFanInPausesTheSource(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := &responder{t: t, size: bigAnswer}
			to := &recorder{on: hooks{}}
			at := -1 // requests heard when EvHighWater came first
			fanIn(t, m, r, way, to, func(from, c *reactor.Conn) {
				c.SetWater(0, highMark)
				to.on[reactor.EvHighWater] = func(*reactor.Conn, any) {
					if at < 0 {
						at = r.asked
					}
					from.Pause()
				}
				to.on[reactor.EvLowWater] = func(*reactor.Conn, any) { from.Resume() }
			})
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			spin(t, m, 20)
			if want := highMark/bigAnswer + 1; at != want {
				t.Errorf("EvHighWater comes after %d requests, want %d", at, want)
			}
			if r.held <= highMark || r.held > highMark+bigAnswer || len(to.errs) > 0 {
				t.Errorf("Send held %d bytes, want at most %d; %v", r.held, highMark+bigAnswer, to.errs)
			}
		})
	}
}

// The hard limit of the one that is written to holds in the middle of a batch. The other
// is not concerned.
func TestFanInExceedsTheLimit(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := &responder{t: t, size: bigAnswer}
			to := &recorder{on: hooks{}}
			at := -1
			fanIn(t, m, r, way, to, func(_, c *reactor.Conn) {
				c.SetLimits(reactor.Limits{Send: 1 << 20, Unsent: -1})
				to.on[reactor.EvError] = func(*reactor.Conn, any) { at = r.asked }
			})
			await(t, m, "all requests", func() bool { return r.asked == batch })
			wantLimit(t, to.err(t), "Send", 1<<20)
			if want := 1<<20/bigAnswer + 1; at != want || r.held > 1<<20+bigAnswer {
				t.Errorf("failed after %d requests, want %d; Send held %d bytes", at, want, r.held)
			}
		})
	}
}

// Bytes that are appended to Send directly count like those of Write.
func TestFanInByAppend(t *testing.T) {
	m := newManager(t)
	to := &recorder{}
	c, _ := reach(t, m, "tcp server", to.handle, nil)
	c.SetLimits(reactor.Limits{Send: 1 << 20, Unsent: -1})
	asked, at := 0, -1
	to.on = hooks{reactor.EvError: func(*reactor.Conn, any) { at = asked }}
	_, f := reach(t, m, "wrapped", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvUserInput {
			asked++
			if at < 0 {
				c.Send.Append(make([]byte, bigAnswer))
			}
		}
	}, pushRequests(reactor.EvUserInput))
	f.say(batchOf(0, batch))
	await(t, m, "all requests", func() bool { return asked == batch })
	wantLimit(t, to.err(t), "Send", 1<<20)
	if want := 1<<20/bigAnswer + 1; at != want {
		t.Errorf("failed after %d requests, want %d", at, want)
	}
}

const smallAnswer = 1000 // bytes: all answers together are more than DefaultUnsent

// Zero is the value of the level above, a negative one is off. A listener hands its own
// to those that it accepts.
func TestUnsentIsInherited(t *testing.T) {
	type l = reactor.Limits
	for _, test := range []struct {
		name                    string
		way                     string
		manager, listener, conn *l
		want                    int // the most that waits before input is held back; 0: all of it
	}{
		{name: "default", way: "tcp server", want: unsentDefault},
		{name: "default of a wrapped one", way: "wrapped"},
		{name: "manager", way: "tcp server", manager: &l{Unsent: 50_000}, want: 50_000},
		{name: "manager's is off", way: "tcp server", manager: &l{Unsent: -1}},
		{name: "manager sets another", way: "tcp server", manager: &l{Recv: 1 << 20}, want: unsentDefault},
		{name: "listener", way: "tcp server", listener: &l{Unsent: 50_000}, want: 50_000},
		{name: "listener over manager", way: "tcp server", manager: &l{Unsent: -1}, listener: &l{Unsent: 50_000}, want: 50_000},
		{name: "listener's is off", way: "tcp server", manager: &l{Unsent: 50_000}, listener: &l{Unsent: -1}},
		{name: "listener sets another", way: "tcp server", manager: &l{Unsent: 50_000}, listener: &l{Recv: 1 << 20}, want: 50_000},
		{name: "connection", way: "unix server", conn: &l{Unsent: 50_000}, want: 50_000},
		{name: "connection over listener", way: "unix server", listener: &l{Unsent: -1}, conn: &l{Unsent: 50_000}, want: 50_000},
		{name: "connection's is off", way: "unix server", manager: &l{Unsent: 50_000}, conn: &l{Unsent: -1}},
		{name: "connection sets another", way: "TLS 1.3 server", manager: &l{Unsent: 50_000}, conn: &l{Send: 100 << 20}, want: 50_000},
		{name: "wrapped, its own", way: "wrapped", conn: &l{Unsent: 50_000}, want: 50_000},
		{name: "wrapped, off", way: "wrapped", conn: &l{Unsent: -1}},
		{name: "client over tcp", way: "tcp client"},
		{name: "client over unix", way: "unix client"},
		{name: "client over TLS", way: "TLS 1.3 client"},
		{name: "client sets another", way: "tcp client", conn: &l{Send: 100 << 20}},
		{name: "client, its own", way: "tcp client", conn: &l{Unsent: 50_000}, want: 50_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			var opts []reactor.Option
			if test.manager != nil {
				opts = append(opts, reactor.WithLimits(*test.manager))
			}
			m := newManager(t, opts...)
			r := &responder{t: t, size: smallAnswer}
			rec := &recorder{on: hooks{reactor.EvRead: hoard}}
			c, f := reach(t, m, test.way, r.handler(reactor.EvUserInput, rec.handle), func(c *reactor.Conn) {
				pushRequests(reactor.EvUserInput)(c)
				if test.listener != nil {
					if err := c.SetLimits(*test.listener); err != nil {
						t.Error(err)
					}
				}
			})
			if test.conn != nil {
				if err := c.SetLimits(*test.conn); err != nil {
					t.Error(err)
				}
			}
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			spin(t, m, 20)
			if test.want == 0 && r.asked != batch {
				t.Errorf("%d requests heard, want all", r.asked)
			}
			if test.want > 0 && (r.held <= test.want || r.held > test.want+smallAnswer) {
				t.Errorf("Send held %d bytes after %d requests, want at most %d", r.held, r.asked, test.want+smallAnswer)
			}
			f.takeAnswers(smallAnswer)
			if r.asked != batch || len(rec.errs) > 0 {
				t.Errorf("%d requests heard; %v", r.asked, rec.errs)
			}
		})
	}
}

// While too much waits the socket is not read, nothing wakes the loop, and Resume does not
// help. What the peer said, and then its end, comes when it reads.
func TestUnsentStopsReading(t *testing.T) {
	for _, way := range []string{"tcp server", "unix server", "TLS 1.2 server", "TLS 1.3 server"} {
		t.Run(way, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write(make([]byte, 32<<20)) // more than the kernel takes
			}}}
			c, f := reach(t, m, way, r.handle, nil)
			if c.Stopped() {
				t.Error("Stopped at the beginning")
			}
			f.say([]byte("1"))
			await(t, m, "the request", r.saw(reactor.EvRead))
			spin(t, m, 20)
			if !c.Stopped() {
				t.Fatalf("not Stopped with %d bytes unsent", c.Send.Len())
			}
			before := m.Stats().BytesIn
			r.on[reactor.EvRead] = nil
			f.say([]byte("2"))
			f.end()
			for range 3 {
				spin(t, m, 2)
				if pollable(t, m.Fd()) {
					t.Error("the loop would be woken")
				}
				c.Pause()
				c.Resume()
			}
			if n := m.Stats().BytesIn - before; n > 0 || r.count(reactor.EvRead) != 1 {
				t.Errorf("%d bytes were read; %s", n, eventList(r.events))
			}
			for i := 0; c.Stopped() && i < 100*turns; i++ {
				f.hear()
				f.got = nil
				spin(t, m, 1)
			}
			await(t, m, "EvClose", func() bool { f.hear(); return r.closed() })
			if string(r.got) != "2" || len(r.errs) > 0 {
				t.Errorf("got %q; %s, %v", r.got, strings.ReplaceAll(eventList(r.events), "WRITE ", ""), fmt.Sprint(r.errs))
			}
		})
	}
}
