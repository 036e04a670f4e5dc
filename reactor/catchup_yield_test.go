package reactor_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A catch-up reads more than one delivery may have, so the connection yields in its middle. What
// was read is delivered before anything is enforced.

func TestFailedWriteWhoseCatchUpYields(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			m := looptest.NewStillManager(t)
			w := &worker{rec: recorder{On: hooks{reactor.EvRead: leaveInRecv}}}
			c, f := reach(t, m, way, w.handle, nil)
			pushRequests(reactor.EvUserInput)(c)
			unread(t, c, f)
			f.say(batchOf(0, batch))
			f.Close()
			c.Write([]byte("x"))
			await(t, m, "EvClose", w.rec.Closed)
			if !slices.Equal(w.asked, numbers(batch)) {
				t.Errorf("%d of %d requests were delivered", len(w.asked), batch)
			}
			if len(w.rec.Errs) != 1 {
				t.Errorf("errors %v", w.rec.Errs)
			}
		})
	}
}

func TestDeadlineWhoseCatchUpYields(t *testing.T) {
	for _, stopAt := range []int{0, mostEvents - 1, mostEvents, batch - 1} {
		m, k := timed(t)
		w, c, p := newWorker(t, m, k, 0)
		d := &reactor.Deadline{Name: "pong"}
		c.Stack().StartDeadline(d, time.Second)
		w.on = func(c *reactor.Conn, n int) {
			if n == stopAt {
				c.Stack().StopDeadline(d)
			}
		}
		k.Advance(time.Second)
		m.Post(func() { p.Write(batchOf(0, batch)) }) // after the sockets are read, before the timers
		spin(t, m, 10)
		if len(w.asked) != batch || len(w.rec.Errs) > 0 {
			t.Errorf("stopped at %d: %d requests, %v", stopAt, len(w.asked), w.rec.Errs)
		}
	}
}

// A peer that has read all before the Stall deadline is enforced keeps the connection, also if it
// has yielded meanwhile.
func TestStalledWriteIsTriedAfterAYield(t *testing.T) {
	const stall = time.Minute
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Stall: stall}))
	w, c, p := newWorker(t, m, k, phaseTime)
	c.SetLimits(reactor.Limits{Backpressure: -1})
	c.Write(muchNoise())
	spin(t, m, 2)
	unsent := c.Send.Len()
	w.on = func(_ *reactor.Conn, n int) {
		if n == 99 {
			p.Receive()
			p.Write(batchOf(100, 101))
		}
	}
	p.Write(batchOf(0, 100))
	m.Post(func() { // after the read, before the rest is delivered
		if !c.Stack().Yielded() {
			t.Errorf("not yielded after %d requests", len(w.asked))
		}
		w.takes = 0
		k.Advance(stall)
	})
	spin(t, m, 1)
	if len(w.asked) != 100 {
		t.Fatalf("%d requests delivered in the first turn", len(w.asked))
	}
	if spin(t, m, 3); len(w.rec.Errs) > 0 || c.Send.Len() == unsent || unsent == 0 {
		t.Errorf("%v; %d bytes were unsent, now %d", w.rec.Errs, unsent, c.Send.Len())
	}
}

// After a failed write nothing more can be sent. So a connection that fails then does not wait for
// the peer to read what was appended last, or to end its side.
func TestNoLingeringAfterAFailedWrite(t *testing.T) {
	m := looptest.NewStillManager(t)
	r := &recorder{On: hooks{reactor.EvError: func(c *reactor.Conn, _ any) { c.Send.AppendString("bye") }}}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	if err := unix.Shutdown(p.FD, unix.SHUT_RD); err != nil { // writes fail, and the peer does not end
		t.Fatal(err)
	}
	c.Write([]byte("x"))
	await(t, m, "EvClose", r.Closed)
	if err := r.Err(t); !errors.Is(err, unix.EPIPE) {
		t.Errorf("%v", err)
	}
}
