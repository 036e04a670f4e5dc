package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Each field of Stats has the value that the test expects. Every step compares the whole
// struct, and thus notices a field that changes unexpectedly. Events is compared with the
// count of the test.
func TestStats(t *testing.T) {
	m := newManager(t)
	events := 0
	r := &recorder{On: hooks{reactor.EvRead: leaveInRecv}}
	var accepted *reactor.Conn
	fn := func(c *reactor.Conn, ev reactor.Event, data any) {
		events++
		if ev == reactor.EvAccept {
			accepted = c
		}
		r.Handle(c, ev, data)
	}
	var want reactor.Stats
	polls := uint64(0)
	check := func(step string) {
		t.Helper()
		got := m.Stats()
		if got.Turns < polls || got.Turns == 0 || got.Events != uint64(events) {
			t.Errorf("%s: %d turns, %d events; want %d events", step, got.Turns, got.Events, events)
		}
		polls = got.Turns
		got.Turns, got.Events = 0, 0
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", step, got, want)
		}
	}
	if s := m.Stats(); s != (reactor.Stats{}) {
		t.Errorf("a new manager has %+v, want zeros", s)
	}
	l := listen(t, m, "tcp://127.0.0.1:0", fn)
	want.Listeners, want.Opened = 1, 1
	spin(t, m, 1)
	check("listening")

	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "EvAccept", func() bool { return accepted != nil })
	want.Conns, want.Opened, want.Accepted = 1, 2, 1
	check("accepted")

	p.WriteString("12345")
	await(t, m, "EvRead", r.Saw(reactor.EvRead))
	want.Reads, want.BytesIn, want.Unread, want.Held = 1, 5, 5, 128
	check("read")

	accepted.Recv.Consume(2)
	accepted.Write([]byte("1234567"))
	want.Unread, want.Queued = 3, 7
	check("written, not flushed")
	spin(t, m, 1)
	want.Queued, want.Writes, want.BytesOut = 0, 1, 7
	check("flushed")

	accepted.Pause()
	accepted.Pause()
	l.Pause()
	want.Paused, want.Pauses = 2, 2
	check("paused")
	accepted.Resume()
	l.Resume()
	spin(t, m, 1)
	want.Paused = 0
	check("resumed")

	accepted.Fail(unix.EPIPE)
	accepted.Fail(unix.EPIPE)
	want.Failed, want.Held = 1, 0
	check("failed")
	spin(t, m, 1)
	want.Conns, want.Unread, want.Closed = 0, 0, 1
	check("closed")

	l.Close()
	spin(t, m, 1)
	want.Listeners, want.Closed = 0, 2
	check("listener closed")

	c, peer := wrap(t, m, fn)
	peer.Shutdown()
	await(t, m, "EvClose", func() bool { return m.Stats().Conns == 0 })
	want.Opened, want.Closed = 3, 3
	check("ended by the peer")
	c.Fail(unix.EPIPE)
	c.Pause()
	check("after EvClose")
}

// Each Poll counts as a turn. Each event counts once, with layers too, and within another
// event too.
func TestStatsCountTurnsAndEvents(t *testing.T) {
	m := newManager(t)
	for range 10 {
		poll(t, m)
	}
	if n := m.Stats().Turns; n != 10 {
		t.Errorf("%d turns, want 10", n)
	}
	r := &recorder{On: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) {
		c.Call(reactor.EvUser, nil)
		c.Call(reactor.EvUser+1, nil)
	}}}
	c, _ := wrap(t, m, r.Handle)
	c.Stack().Push(&indifferent{})
	poll(t, m)
	if n := m.Stats().Events; n != 3 {
		t.Errorf("%d events, want 3: %v", n, r.Events)
	}
}

// Reads counts datagrams; Writes counts rounds of datagrams.
func TestStatsOfDatagrams(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Write([]byte("12")) }}}
	l := listen(t, m, "udp://127.0.0.1:0", r.Handle)
	p, _ := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for range 3 {
		if err := unix.Sendto(p.FD, []byte("12345"), 0, looptest.Sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "EvWrite", r.Saw(reactor.EvWrite))
	s := m.Stats()
	if s.Listeners != 1 || s.Conns != 0 || s.Reads != 3 || s.BytesIn != 15 || s.Writes != 1 || s.BytesOut != 6 {
		t.Errorf("stats %+v, want 3 reads of 15 bytes and 1 write of 6 bytes", s)
	}
}

// Lag is how late the last timer fired, MaxLag the maximum of all timers.
func TestStatsOfLag(t *testing.T) {
	m, k := timed(t)
	step := func(period, late, lag, most time.Duration) {
		t.Helper()
		m.AddTimer(period, reactor.TimerOnce, func() {})
		k.Advance(period + late)
		spin(t, m, 1)
		if s := m.Stats(); s.Lag != lag || s.MaxLag != most {
			t.Errorf("%v late: Lag %v, MaxLag %v; want %v, %v", late, s.Lag, s.MaxLag, lag, most)
		}
	}
	step(time.Second, 0, 0, 0)
	step(time.Second, 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond)
	step(time.Hour, time.Millisecond, time.Millisecond, 300*time.Millisecond)
	step(0, 0, 0, 300*time.Millisecond)
	step(time.Second, time.Second, time.Second, time.Second)
}

// LongestHandler is measured only with WithHandlerTiming. It includes layers and the
// events that a handler raises itself. Handlers are measured wherever the event is raised.
func TestLongestHandler(t *testing.T) {
	busy := func(k *looptest.Clock, d time.Duration) func(*reactor.Conn, any) {
		return func(*reactor.Conn, any) { k.Advance(d) }
	}
	for name, raise := range map[string]func(m *reactor.Manager, c *reactor.Conn, p *peer){
		"Poll":    func(_ *reactor.Manager, _ *reactor.Conn, p *peer) { p.WriteString("x") },
		"outside": func(_ *reactor.Manager, c *reactor.Conn, _ *peer) { c.Call(reactor.EvRead, new(int)) },
		"timer": func(m *reactor.Manager, c *reactor.Conn, _ *peer) {
			m.AddTimer(0, reactor.TimerOnce, func() { c.Call(reactor.EvRead, new(int)) })
		},
		"post": func(m *reactor.Manager, c *reactor.Conn, _ *peer) {
			m.Post(func() { c.Call(reactor.EvRead, new(int)) })
		},
		"timer, no event": func(m *reactor.Manager, c *reactor.Conn, _ *peer) {
			m.AddTimer(0, reactor.TimerOnce, func() { c.Fn(c, reactor.EvRead, new(int)) })
		},
	} {
		for _, on := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				k := looptest.NewClock()
				opts := []reactor.Option{reactor.WithClock(k.Now)}
				if on {
					opts = append(opts, reactor.WithHandlerTiming())
				}
				m := newManager(t, opts...)
				r := &recorder{On: hooks{reactor.EvRead: busy(k, 2*time.Second), reactor.EvOpen: busy(k, time.Second)}}
				c, p := wrap(t, m, r.Handle)
				spin(t, m, 1)
				if s := m.Stats(); on && s.LongestHandler != time.Second {
					t.Errorf("LongestHandler %v after an EvOpen handler of a second", s.LongestHandler)
				}
				raise(m, c, p)
				await(t, m, "EvRead", r.Saw(reactor.EvRead))
				want := map[bool]time.Duration{true: 2 * time.Second}[on]
				if s := m.Stats(); s.LongestHandler != want {
					t.Errorf("LongestHandler %v, want %v", s.LongestHandler, want)
				}
			})
		}
	}
	t.Run("nested", func(t *testing.T) {
		k := looptest.NewClock()
		m := newManager(t, reactor.WithClock(k.Now), reactor.WithHandlerTiming())
		r := &recorder{}
		r.On = hooks{
			reactor.EvUser: busy(k, 2*time.Second),
			reactor.EvOpen: func(c *reactor.Conn, _ any) { k.Advance(time.Second); c.Call(reactor.EvUser, nil) },
		}
		wrap(t, m, r.Handle)
		spin(t, m, 1)
		if s := m.Stats(); s.LongestHandler != 3*time.Second {
			t.Errorf("LongestHandler %v, want 3s", s.LongestHandler)
		}
	})
}

// Counting and Stats do not allocate.
func TestStatsDoNotAllocate(t *testing.T) {
	m := newManager(t, reactor.WithHandlerTiming())
	_, p := wrap(t, m, echo)
	buf := make([]byte, 64)
	var s reactor.Stats
	wantNoAllocs(t, func() {
		exchange(t, m, p.FD, buf)
		s = m.Stats()
	})
	if s.Reads < 200 {
		t.Errorf("stats %+v, want at least 200 reads", s)
	}
}
