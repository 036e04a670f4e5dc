package reactor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// In Limits.Backpressure zero means the value of the level above, and a negative value
// turns it off. Accepted connections inherit the value of their listener.
func TestBackpressureIsInherited(t *testing.T) {
	type l = reactor.Limits
	for _, test := range []struct {
		name                    string
		way                     string
		manager, listener, conn *l
		want                    int // the limit of unsent bytes; 0: no limit
	}{
		{name: "default", way: "tcp server", want: unsentDefault},
		{name: "default of a wrapped one", way: "wrapped"},
		{name: "manager", way: "tcp server", manager: &l{Backpressure: 50_000}, want: 50_000},
		{name: "manager's is off", way: "tcp server", manager: &l{Backpressure: -1}},
		{name: "manager sets another", way: "tcp server", manager: &l{Recv: 1 << 20}, want: unsentDefault},
		{name: "listener", way: "tcp server", listener: &l{Backpressure: 50_000}, want: 50_000},
		{name: "listener over manager", way: "tcp server", manager: &l{Backpressure: -1}, listener: &l{Backpressure: 50_000}, want: 50_000},
		{name: "listener's is off", way: "tcp server", manager: &l{Backpressure: 50_000}, listener: &l{Backpressure: -1}},
		{name: "listener sets another", way: "tcp server", manager: &l{Backpressure: 50_000}, listener: &l{Recv: 1 << 20}, want: 50_000},
		{name: "connection", way: "unix server", conn: &l{Backpressure: 50_000}, want: 50_000},
		{name: "connection over listener", way: "unix server", listener: &l{Backpressure: -1}, conn: &l{Backpressure: 50_000}, want: 50_000},
		{name: "connection's is off", way: "unix server", manager: &l{Backpressure: 50_000}, conn: &l{Backpressure: -1}},
		{name: "connection sets another", way: "TLS 1.3 server", manager: &l{Backpressure: 50_000}, conn: &l{Send: 100 << 20}, want: 50_000},
		{name: "wrapped, its own", way: "wrapped", conn: &l{Backpressure: 50_000}, want: 50_000},
		{name: "wrapped, off", way: "wrapped", conn: &l{Backpressure: -1}},
		{name: "client over tcp", way: "tcp client"},
		{name: "client over unix", way: "unix client"},
		{name: "client over TLS", way: "TLS 1.3 client"},
		{name: "client sets another", way: "tcp client", conn: &l{Send: 100 << 20}},
		{name: "client, its own", way: "tcp client", conn: &l{Backpressure: 50_000}, want: 50_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			var opts []reactor.Option
			if test.manager != nil {
				opts = append(opts, reactor.WithLimits(*test.manager))
			}
			m := looptest.NewStillManager(t, opts...)
			r := &responder{t: t, size: answerSize}
			rec := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
			c, f := reachNarrow(t, m, test.way, r.handler(reactor.EvUserInput, rec.Handle), func(c *reactor.Conn) {
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
				t.Errorf("%d requests delivered, want all", r.asked)
			}
			if test.want > 0 && (r.held <= test.want || r.held > test.want+answerSize) {
				t.Errorf("Send held %d bytes after %d requests, want at most %d", r.held, r.asked, test.want+answerSize)
			}
			f.takeAnswers(answerSize)
			if r.asked != batch || len(rec.Errs) > 0 {
				t.Errorf("%d requests delivered; errors %v", r.asked, rec.Errs)
			}
		})
	}
}

// While too many bytes are unsent, the loop does not read the socket, nothing wakes it,
// and Resume changes nothing. When the peer reads, its input and its end of stream are
// delivered.
func TestBackpressureStopsReading(t *testing.T) {
	for _, way := range []string{"tcp server", "unix server", "TLS 1.2 server", "TLS 1.3 server"} {
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
				c.Recv.Reset()
				c.Write(make([]byte, unsentDefault+moreThanFits))
			}}}
			c, f := reachNarrow(t, m, way, r.Handle, nil)
			if c.InputStopped() {
				t.Error("InputStopped is true before anything was written")
			}
			f.say([]byte("1"))
			await(t, m, "the request", r.Saw(reactor.EvRead))
			spin(t, m, 20)
			if !c.InputStopped() {
				t.Fatalf("InputStopped is false with %d bytes unsent", c.Send.Len())
			}
			before := m.Stats().BytesIn
			r.On[reactor.EvRead] = nil
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
			if n := m.Stats().BytesIn - before; n > 0 || r.Count(reactor.EvRead) != 1 {
				t.Errorf("%d bytes were read; events %s", n, eventList(r.Events))
			}
			for i := 0; c.InputStopped() && i < 100*turns; i++ {
				f.hear()
				f.got = nil
				spin(t, m, 1)
			}
			await(t, m, "EvClose", func() bool { f.hear(); return r.Closed() })
			if string(r.Got) != "2" || len(r.Errs) > 0 {
				t.Errorf("got %q; events %s, errors %v", r.Got, strings.ReplaceAll(eventList(r.Events), "WRITE ", ""), fmt.Sprint(r.Errs))
			}
		})
	}
}

// By default the loop holds input back while too many bytes are unsent, and delivers the
// rest later.
func TestBackpressureWithinABatch(t *testing.T) {
	if reactor.DefaultMaxBackpressure != unsentDefault {
		t.Errorf("DefaultMaxBackpressure is %d", reactor.DefaultMaxBackpressure)
	}
	for _, way := range ways {
		if isClient(way) || way == "wrapped" { // they have no limit by default
			continue
		}
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &responder{t: t, size: answerSize}
			rec := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
			stopped, early := false, -1
			c, f := reachNarrow(t, m, way, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev != reactor.EvUserInput {
					rec.Handle(c, ev, data)
					return
				}
				r.respond(c, *data.(*int))
				if stopped && early < 0 && r.before > unsentDefault/2 {
					early = r.before
				}
				stopped = r.after > unsentDefault
			}, pushRequests(reactor.EvUserInput))
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			if r.asked >= batch {
				t.Error("all requests were delivered at once")
			}
			f.takeAnswers(answerSize)
			if len(rec.Errs) > 0 || r.asked != batch || rec.Count(reactor.EvHighWater) > 0 {
				t.Errorf("%d requests delivered; errors %v", r.asked, rec.Errs)
			}
			if early >= 0 {
				t.Errorf("input continues with %d bytes unsent, want at most half of %d", early, unsentDefault)
			}
			if r.held <= unsentDefault || r.held > unsentDefault+answerSize {
				t.Errorf("Send held %d bytes, want more than %d, at most %d", r.held, unsentDefault, unsentDefault+answerSize)
			}
			if await(t, m, "Send to be empty", func() bool { return c.Send.Len() == 0 }); c.InputStopped() {
				t.Error("InputStopped is true although Send is empty")
			}
		})
	}
}

// A layer may raise any user event for its messages. Each of them counts for backpressure.
func TestBackpressureWithEveryUserEvent(t *testing.T) {
	for _, ev := range layerEvents {
		t.Run(ev.String(), func(t *testing.T) {
			m := looptest.NewStillManager(t)
			r := &responder{t: t, size: answerSize}
			_, f := reachNarrow(t, m, "tcp server", r.handler(ev, nil), pushRequests(ev))
			f.say(batchOf(0, batch))
			await(t, m, "the first answers", func() bool { return r.asked > 0 })
			spin(t, m, 20)
			if r.held <= unsentDefault || r.held > unsentDefault+answerSize {
				t.Errorf("Send held %d bytes after %d requests, want at most the limit and one answer", r.held, r.asked)
			}
		})
	}
}
