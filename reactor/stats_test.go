package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Each field of Stats, against what the test knows from elsewhere. What is
// compared at every step is the whole struct, so that none changes unseen;
// Turns and Events are held against the test's own counts.
func TestStats(t *testing.T) {
	m := newManager(t)
	events := 0
	r := &recorder{on: hooks{reactor.EvRead: hoard}}
	var accepted *reactor.Conn
	fn := func(c *reactor.Conn, ev reactor.Event, data any) {
		events++
		if ev == reactor.EvAccept {
			accepted = c
		}
		r.handle(c, ev, data)
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
		t.Errorf("at first %+v", s)
	}
	l := listen(t, m, "tcp://127.0.0.1:0", fn)
	want.Listeners, want.Opened = 1, 1
	spin(t, m, 1)
	check("listening")

	p := dialRaw(t, l.LocalAddr())
	await(t, m, "EvAccept", func() bool { return accepted != nil })
	want.Conns, want.Opened, want.Accepted = 1, 2, 1
	check("accepted")

	p.write("12345")
	await(t, m, "EvRead", r.saw(reactor.EvRead))
	want.Reads, want.BytesIn, want.Unread = 1, 5, 5
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
	want.Failed = 1
	check("failed")
	spin(t, m, 1)
	want.Conns, want.Unread, want.Closed = 0, 0, 1
	check("closed")

	l.Close()
	spin(t, m, 1)
	want.Listeners, want.Closed = 0, 2
	check("listener closed")

	c, peer := wrap(t, m, fn)
	peer.shutdown()
	await(t, m, "the end", func() bool { return m.Stats().Conns == 0 })
	want.Opened, want.Closed = 3, 3
	check("ended by the peer")
	c.Fail(unix.EPIPE)
	c.Pause()
	check("after EvClose")
}

// Each Poll is a turn, and each event counts once whatever the layers do with
// it, events that are raised inside others too.
func TestStatsCountTurnsAndEvents(t *testing.T) {
	m := newManager(t)
	for range 10 {
		poll(t, m)
	}
	if n := m.Stats().Turns; n != 10 {
		t.Errorf("%d turns, want 10", n)
	}
	r := &recorder{on: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) {
		c.Call(reactor.EvUser, nil)
		c.Call(reactor.EvUser+1, nil)
	}}}
	c, _ := wrap(t, m, r.handle)
	c.Stack().Push(&indifferent{})
	poll(t, m)
	if n := m.Stats().Events; n != 3 {
		t.Errorf("%d events, want 3: %v", n, r.events)
	}
}

// What datagrams bring and take is counted by the datagram and by the round.
func TestStatsOfDatagrams(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) { c.Write([]byte("12")) }}}
	l := listen(t, m, "udp://127.0.0.1:0", r.handle)
	p, _ := bindRaw(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	for range 3 {
		if err := unix.Sendto(p.fd, []byte("12345"), 0, sockaddr(l.LocalAddr())); err != nil {
			t.Fatal(err)
		}
	}
	await(t, m, "EvWrite", r.saw(reactor.EvWrite))
	s := m.Stats()
	if s.Listeners != 1 || s.Conns != 0 || s.Reads != 3 || s.BytesIn != 15 || s.Writes != 1 || s.BytesOut != 6 {
		t.Errorf("%+v", s)
	}
}

// Lag is how late the last timer was, MaxLag how late any was.
func TestStatsOfLag(t *testing.T) {
	m, k := timed(t)
	step := func(period, late, lag, most time.Duration) {
		t.Helper()
		m.AddTimer(period, reactor.TimerOnce, func() {})
		k.advance(period + late)
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

// LongestHandler is off unless asked for, and counts layers and the events that
// a handler raises itself; wherever an event is raised from, its handler is timed.
func TestLongestHandler(t *testing.T) {
	busy := func(k *clock, d time.Duration) func(*reactor.Conn, any) {
		return func(*reactor.Conn, any) { k.advance(d) }
	}
	for name, raise := range map[string]func(m *reactor.Manager, c *reactor.Conn, p *peer){
		"Poll":    func(_ *reactor.Manager, _ *reactor.Conn, p *peer) { p.write("x") },
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
				k := newClock()
				opts := []reactor.Option{reactor.WithClock(k.now)}
				if on {
					opts = append(opts, reactor.WithHandlerTiming())
				}
				m := newManager(t, opts...)
				r := &recorder{on: hooks{reactor.EvRead: busy(k, 2*time.Second), reactor.EvOpen: busy(k, time.Second)}}
				c, p := wrap(t, m, r.handle)
				spin(t, m, 1)
				if s := m.Stats(); on && s.LongestHandler != time.Second {
					t.Errorf("LongestHandler %v after EvOpen's of a second", s.LongestHandler)
				}
				raise(m, c, p)
				await(t, m, "EvRead", r.saw(reactor.EvRead))
				want := map[bool]time.Duration{true: 2 * time.Second}[on]
				if s := m.Stats(); s.LongestHandler != want {
					t.Errorf("LongestHandler %v, want %v", s.LongestHandler, want)
				}
			})
		}
	}
	t.Run("nested", func(t *testing.T) {
		k := newClock()
		m := newManager(t, reactor.WithClock(k.now), reactor.WithHandlerTiming())
		r := &recorder{}
		r.on = hooks{
			reactor.EvUser: busy(k, 2*time.Second),
			reactor.EvOpen: func(c *reactor.Conn, _ any) { k.advance(time.Second); c.Call(reactor.EvUser, nil) },
		}
		wrap(t, m, r.handle)
		spin(t, m, 1)
		if s := m.Stats(); s.LongestHandler != 3*time.Second {
			t.Errorf("LongestHandler %v, want 3s", s.LongestHandler)
		}
	})
}

// Counting costs nothing that the garbage collector would see.
func TestStatsDoNotAllocate(t *testing.T) {
	m := newManager(t, reactor.WithHandlerTiming())
	_, p := wrap(t, m, echo)
	buf := make([]byte, 64)
	var s reactor.Stats
	wantNoAllocs(t, func() {
		exchange(t, m, p.fd, buf)
		s = m.Stats()
	})
	if s.Reads < 200 {
		t.Errorf("%+v", s)
	}
}
