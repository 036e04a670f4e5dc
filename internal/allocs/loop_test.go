package allocs_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// looped measures fn on a manager with one connection that does nothing, and a turn of the loop.
func looped(fn func(m *reactor.Manager, c *reactor.Conn)) func(*testing.T) func() {
	return func(t *testing.T) func() {
		m := looptest.NewManager(t)
		c, _ := wrap(t, m, nothing)
		return func() {
			fn(m, c)
			m.Poll(0)
		}
	}
}

// loopRows are the calls of a Manager.
var loopRows = []measurement{
	{name: "`Manager.Poll` without events", setup: looped(func(*reactor.Manager, *reactor.Conn) {})},
	{name: "`Manager.AddTimer` and `Timer.Stop`", setup: looped(func(m *reactor.Manager, _ *reactor.Conn) {
		m.AddTimer(time.Hour, reactor.TimerOnce, turn).Stop()
	})},
	{name: "`Timer.Reset`", setup: func(t *testing.T) func() {
		timer := looptest.NewManager(t).AddTimer(time.Hour, reactor.TimerRepeat, turn)
		return func() { timer.Reset(time.Minute) }
	}},
	{name: "a repeating timer that fires", setup: func(t *testing.T) func() {
		clock := looptest.NewClock()
		m := looptest.NewManager(t, reactor.WithClock(clock.Now))
		fired := 0
		m.AddTimer(time.Second, reactor.TimerRepeat, func() { fired++ })
		return func() {
			before := fired
			clock.Advance(time.Second)
			until(t, m, func() bool { return fired > before })
		}
	}},
	{name: "`Manager.Wakeup`, and its EvWakeup", setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		woken := 0
		c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvWakeup {
				woken++
			}
		})
		id, data := c.ID(), []byte("wake up")
		return func() {
			before := woken
			must(t, m.Wakeup(id, data))
			until(t, m, func() bool { return woken > before })
		}
	}},
	{name: "`Manager.Post` of a function that exists", setup: looped(func(m *reactor.Manager, _ *reactor.Conn) {
		m.Post(turn)
	})},
	{name: "`Manager.Post` of a closure that is made for the call", setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		sum, n := 0, 0
		return func() {
			n++
			value := n
			m.Post(func() { sum += value })
			m.Poll(0)
		}
	}},
	{name: "`Manager.Do` from another goroutine", pooled: true, setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		running(t, m)
		ctx := context.Background()
		return func() { must(t, m.Do(ctx, turn)) }
	}},
	{name: "`Manager.Stats`", setup: looped(func(m *reactor.Manager, _ *reactor.Conn) { m.Stats() })},
	{name: "a loop over `Manager.Conns`", setup: looped(func(m *reactor.Manager, _ *reactor.Conn) {
		for c := range m.Conns() {
			c.ID()
		}
	})},
}

func turn() {}

// exchange measures an echo of that many bytes.
func exchange(size int, connect func(t *testing.T) *client) func(*testing.T) func() {
	return func(t *testing.T) func() {
		c := connect(t)
		p := bytes.Repeat([]byte("e"), size)
		return func() {
			c.write(p)
			c.read(size)
		}
	}
}

func tcpEcho(t *testing.T) *client {
	l, err := looptest.NewManager(t).Listen("tcp://127.0.0.1:0", echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, l)
}

func udpEcho(t *testing.T) *client {
	m := looptest.NewManager(t)
	l, err := m.Listen("udp://127.0.0.1:0", echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := looptest.NewSocket(t, looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_DGRAM))
	looptest.Connect(t, s.FD, l.LocalAddr())
	return newClient(m, s)
}

// connectionRows are the calls of a Conn, and what happens on it.
var connectionRows = []measurement{
	{name: "an echo over tcp://, 64 bytes", setup: exchange(64, tcpEcho)},
	{name: "an echo over tcp://, 100 KiB", setup: exchange(100<<10, tcpEcho)},
	{name: "an echo over udp://, 512 bytes", setup: exchange(512, udpEcho)},
	{name: "`fmt.Fprintf(c, \"%d\\n\", n)`, n above 255", setup: func(t *testing.T) func() {
		c, peer := wrap(t, looptest.NewManager(t), nothing)
		n := 1000
		return func() {
			n ^= 1
			fmt.Fprintf(c, "%d\n", n)
			peer.read(5)
		}
	}, pooled: true},
	{name: "`Conn.WriteTo`", setup: func(t *testing.T) func() {
		c := udpEcho(t)
		l, err := c.m.Listen("udp://127.0.0.1:0", nothing, nil)
		if err != nil {
			t.Fatal(err)
		}
		to := looptest.BoundAddr(t, c.FD)
		looptest.Connect(t, c.FD, l.LocalAddr())
		p := make([]byte, 512)
		return func() {
			if _, err := l.WriteTo(p, to); err != nil {
				t.Fatal(err)
			}
			c.read(len(p))
		}
	}},
	{name: "EvPoll", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) { c.SetPoll(true) })},
	{name: "`Conn.Call` without data", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) {
		c.Call(reactor.EvUser, nil)
	})},
	{name: "`Conn.Pause` and `Conn.Resume`", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) {
		c.Pause()
		c.Resume()
	})},
	{name: "`Conn.SetWater`", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) { c.SetWater(1000, 2000) })},
	{name: "`Conn.SetLimits`", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) {
		c.SetLimits(reactor.Limits{Send: 1 << 20})
	})},
	{name: "`Conn.SetDeadlines`", setup: looped(func(_ *reactor.Manager, c *reactor.Conn) {
		c.SetDeadlines(reactor.Deadlines{Idle: time.Minute})
	})},
	{name: "a tcp:// connection of a listener, from accept to EvClose", runs: 50, setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		closed := 0
		l, err := m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvClose {
				closed++
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		from := caller{t, looptest.Sockaddr(l.LocalAddr())}
		return func() {
			before := closed
			unix.Close(from.dial())
			until(t, m, func() bool { return closed > before })
		}
	}},
	{name: "`Manager.Connect` to a tcp:// address, until EvClose", runs: 50, setup: func(t *testing.T) func() {
		m := looptest.NewManager(t)
		// Nobody accepts the connections: they stay in the backlog.
		_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 128)
		url, closed := "tcp://"+at.String(), 0
		handler := func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvConnect:
				c.Close()
			case reactor.EvClose:
				closed++
			}
		}
		return func() {
			before := closed
			if _, err := m.Connect(url, handler, nil); err != nil {
				t.Fatal(err)
			}
			until(t, m, func() bool { return closed > before })
		}
	}},
}
