package reactor_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Posted functions and wake-ups that take a while are spread over turns. Their order is kept, and
// later posts come after them. If they take no time, one turn handles all of them.
func TestPostedWorkIsBounded(t *testing.T) {
	const n = 100
	for _, takes := range []time.Duration{0, phaseTime / 10} {
		m, k := timed(t)
		var got []int
		c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvWakeup {
				k.Advance(takes)
				got = append(got, int((*data.(*[]byte))[0]))
			}
		})
		spin(t, m, 1)
		for i := range n {
			if i%2 == 0 {
				m.Wakeup(c.ID(), []byte{byte(i)})
				continue
			}
			m.Post(func() { k.Advance(takes); got = append(got, i) })
		}
		posted := false
		for turn := 0; len(got) < n; turn++ {
			before := len(got)
			spin(t, m, 1)
			took := len(got) - before
			if takes == 0 && took != n || takes > 0 && (took == 0 || took > perPhase) {
				t.Fatalf("turn %d handled %d of %d", turn, took, n)
			}
			if turn == 0 {
				m.Post(func() { posted = true })
			}
			if len(got) < n && (m.NextTimeout() != 0 || posted) {
				t.Fatalf("NextTimeout %v, a later post was called: %v", m.NextTimeout(), posted)
			}
		}
		if spin(t, m, 2); !posted || m.NextTimeout() != math.MaxInt64 || !slices.Equal(got, numbers(n)) {
			t.Errorf("later post called: %v, NextTimeout %v, order %v", posted, m.NextTimeout(), got)
		}
	}
}

// A posted function that closes the manager is the last one, also in the middle of the list.
func TestCloseInPostedWork(t *testing.T) {
	m, k := timed(t)
	called := 0
	for i := range 50 {
		m.Post(func() {
			k.Advance(phaseTime / 10)
			if called++; i == 30 {
				m.Close()
			}
		})
	}
	for range turns {
		if err := m.Poll(0); err != nil {
			break
		}
	}
	if called != 31 || m.NextTimeout() != math.MaxInt64 {
		t.Errorf("%d functions called, NextTimeout %v", called, m.NextTimeout())
	}
}

// Timers that are due at the same time are spread over turns, in order.
func TestDueTimersAreBounded(t *testing.T) {
	const n = 100
	for _, takes := range []time.Duration{0, phaseTime / 10} {
		m, k := timed(t)
		var got []int
		for i := range n {
			m.AddTimer(time.Second, reactor.TimerOnce, func() { k.Advance(takes); got = append(got, i) })
		}
		k.Advance(time.Second)
		for len(got) < n {
			before := len(got)
			spin(t, m, 1)
			if took := len(got) - before; takes == 0 && took != n || takes > 0 && (took == 0 || took > perPhase) {
				t.Fatalf("a turn called %d of %d timers", took, n)
			}
			if len(got) < n && m.NextTimeout() != 0 {
				t.Fatalf("NextTimeout %v", m.NextTimeout())
			}
		}
		if !slices.Equal(got, numbers(n)) {
			t.Errorf("order %v", got)
		}
	}
}

// Datagrams whose handler takes a while are left in the socket. Each EvRead has one of them.
func TestDatagramsInATurnAreBounded(t *testing.T) {
	const n = 40
	for _, takes := range []time.Duration{0, phaseTime / 10} {
		m, k := timed(t)
		var got []int
		l := listen(t, m, "udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				k.Advance(takes)
				got = append(got, int(c.Recv.Bytes()[0]))
				if c.Recv.Len() != 10 {
					t.Errorf("a datagram of %d bytes", c.Recv.Len())
				}
			}
		})
		spin(t, m, 1)
		p := looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
		looptest.Connect(t, p.FD, l.LocalAddr())
		for i := range n {
			p.Write(append([]byte{byte(i)}, make([]byte, 9)...))
		}
		for len(got) < n {
			before := len(got)
			spin(t, m, 1)
			if took := len(got) - before; takes == 0 && took != n || takes > 0 && (took == 0 || took > perPhase) {
				t.Fatalf("a turn delivered %d of %d datagrams", took, n)
			}
		}
		if !slices.Equal(got, numbers(n)) || l.InputStopped() {
			t.Errorf("order %v, InputStopped %v", got, l.InputStopped())
		}
	}
}

// A listener whose EvAccept takes a while accepts fewer connections per turn, but some in any case.
func TestAcceptsInATurnAreBounded(t *testing.T) {
	const n = 200
	m, k := timed(t)
	accepted := 0
	l := listen(t, m, "tcp://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			k.Advance(phaseTime)
			accepted++
		}
	})
	spin(t, m, 1)
	for range n {
		looptest.DialSocket(t, l.LocalAddr())
	}
	most := 0
	for range turns {
		before := accepted
		if spin(t, m, 1); accepted == n {
			break
		}
		most = max(most, accepted-before)
	}
	if accepted != n || most != leastAccept {
		t.Errorf("%d of %d accepted, at most %d in a turn, want %d", accepted, n, most, leastAccept)
	}
}

// Many connections whose deadline passes at once are failed in several turns.
func TestDeadlinesThatPassAtOnceAreBounded(t *testing.T) {
	const n = 100
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Idle: time.Minute}))
	failed := 0
	for range n {
		wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvError && data.(error).Error() != "" {
				k.Advance(phaseTime / 10)
				failed++
			}
		})
	}
	spin(t, m, 1)
	k.Advance(time.Minute)
	for failed < n {
		before := failed
		if spin(t, m, 1); failed-before > perPhase {
			t.Fatalf("%d connections failed in one turn", failed-before)
		}
	}
}

// A deadline does not count the time for which a connection has yielded, and is not enforced while
// bytes wait.
func TestDeadlinesWhileYielded(t *testing.T) {
	for _, d := range []reactor.Deadlines{
		{Idle: 20 * phaseTime}, {Message: 20 * phaseTime}, {Handshake: 20 * phaseTime},
	} {
		m, k := timed(t, reactor.WithDeadlines(d))
		w, c, p := newWorker(t, m, k, phaseTime)
		c.Stack().SetReceiving(d.Message > 0)
		c.Stack().SetHandshaking(d.Handshake > 0)
		w.on = func(c *reactor.Conn, n int) {
			if n == 999 { // the bytes that end the wait were there in time
				c.Stack().SetReceiving(false)
				c.Stack().SetHandshaking(false)
			}
		}
		p.Write(batchOf(0, 1000))
		await(t, m, "all requests", func() bool { return len(w.asked) == 1000 || w.rec.Closed() })
		if len(w.rec.Errs) > 0 {
			t.Errorf("%+v: %v after %d requests", d, w.rec.Errs, len(w.asked))
		}
		if d.Idle > 0 { // it counts again
			k.Advance(20 * phaseTime)
			await(t, m, "EvError", w.rec.Saw(reactor.EvError))
			wantDeadline(t, w.rec.Err(t), "idle", 20*phaseTime)
		}
	}
}

// A peer that sends more and more, so that its connection yields in every turn, cannot put off a
// deadline that it misses.
func TestDeadlineOfAConnectionThatAlwaysYields(t *testing.T) {
	const stall = 500 * phaseTime
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Stall: stall}))
	w, c, p := newWorker(t, m, k, phaseTime)
	c.SetLimits(reactor.Limits{Backpressure: -1})
	c.Write(muchNoise()) // the peer does not read it
	w.on = func(_ *reactor.Conn, n int) {
		if n%10 == 0 {
			p.WriteSome(batchOf(n+100, n+110))
		}
	}
	p.Write(batchOf(0, 110))
	await(t, m, "EvError", w.rec.Saw(reactor.EvError))
	wantDeadline(t, w.rec.Err(t), "stall", stall)
	if n := len(w.asked); n < 400 {
		t.Errorf("failed after %d requests", n)
	}
}

// The time for which a connection has yielded is taken out of a wait that is not over afterwards.
func TestYieldedTimeDoesNotCount(t *testing.T) {
	const message = 20 * phaseTime
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Message: message}))
	w, c, p := newWorker(t, m, k, phaseTime)
	c.Stack().SetReceiving(true)
	w.on = func(*reactor.Conn, int) {
		if c.Stack().Yielded() {
			t.Error("a request is delivered to a connection that has yielded")
		}
	}
	p.Write(batchOf(0, 8))
	m.AddTimer(0, reactor.TimerOnce, func() { // after the read, before the rest is delivered
		if !c.Stack().Yielded() {
			t.Errorf("not yielded after %d requests", len(w.asked))
		}
		k.Advance(time.Hour)
	})
	await(t, m, "all requests", func() bool { return len(w.asked) == 8 })
	if spin(t, m, 5); len(w.rec.Errs) > 0 {
		t.Fatalf("%v", w.rec.Errs)
	}
	k.Advance(message)
	await(t, m, "EvError", w.rec.Saw(reactor.EvError))
	wantDeadline(t, w.rec.Err(t), "message", message)
}

// While a connection has yielded, more input in its socket does not wake the loop.
func TestYieldedConnectionIsNotRegistered(t *testing.T) {
	m, _, w, _, p := halfDone(t, 100)
	if p.Write(batchOf(100, 101)); pollable(t, m.Fd()) {
		t.Error("Fd is readable")
	}
	await(t, m, "all", func() bool { return len(w.asked) == 101 })
}
