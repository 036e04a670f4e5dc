package reactor_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// While a connection is paused nothing is read and nothing wakes the loop,
// whatever the peer does: Fd stays quiet and NextTimeout endless.
func TestPauseStopsWakeUps(t *testing.T) {
	for name, act := range map[string]func(p *peer){
		"input":       func(p *peer) { p.write("input") },
		"half close":  func(p *peer) { p.shutdown() },
		"hang-up":     func(p *peer) { p.close() },
		"all of them": func(p *peer) { p.write("input"); p.shutdown(); p.close() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrap(t, m, r.handle)
			c.Pause()
			spin(t, m, 1)
			act(p)
			for range 3 {
				if pollable(t, m.Fd()) || m.NextTimeout() != math.MaxInt64 {
					t.Fatalf("the loop would be woken: Fd readable %v, NextTimeout %v", pollable(t, m.Fd()), m.NextTimeout())
				}
				spin(t, m, 1)
			}
			r.want(t, "OPEN")
			if !c.Stopped() {
				t.Error("not Stopped")
			}
			c.Resume()
			if c.Stopped() || m.NextTimeout() != 0 {
				t.Errorf("after Resume: Stopped %v, NextTimeout %v", c.Stopped(), m.NextTimeout())
			}
			if name == "input" {
				await(t, m, "input", r.saw(reactor.EvRead))
				return
			}
			await(t, m, "EvClose", r.closed)
			if want := map[bool]string{true: "input"}[name == "all of them"]; string(r.got) != want {
				t.Errorf("got %q, want %q", r.got, want)
			}
		})
	}
}

// The same for a TCP connection that was reset.
func TestPauseThenReset(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Pause() }}}
	var conn *reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		conn = c
		r.handle(c, ev, data)
	})
	r.events = nil
	p := dialRaw(t, l.LocalAddr())
	await(t, m, "EvAccept", r.saw(reactor.EvAccept))
	spin(t, m, 2)
	p.reset()
	if spin(t, m, 2); pollable(t, m.Fd()) {
		t.Error("the reset wakes the loop")
	}
	conn.Resume()
	await(t, m, "the error", r.saw(reactor.EvError))
	await(t, m, "EvClose", r.closed)
}

// Pausing ends delivery after the current event, and does not hold back Send.
func TestPauseWithinEvRead(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var counts []int
	r.on = hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
		counts = append(counts, *data.(*int))
		c.Recv.Consume(1)
		c.Pause()
		c.Write([]byte("paused"))
	}}
	c, p := wrap(t, m, r.handle)
	p.write("abc")
	await(t, m, "the answer", p.received("paused"))
	p.write("def")
	spin(t, m, 5)
	if got := string(c.Recv.Bytes()); got != "bc" || len(counts) != 1 {
		t.Fatalf("Recv %q after %d EvRead", got, len(counts))
	}
	r.on[reactor.EvRead] = func(c *reactor.Conn, data any) {
		counts = append(counts, *data.(*int))
		r.got = append(r.got, c.Recv.Bytes()...)
		c.Recv.Reset()
	}
	c.Resume()
	await(t, m, "the rest", func() bool { return string(r.got) == "bcdef" })
}

// Resume offers what lies in Recv without waiting for the socket.
func TestResumeOffersRecvAgain(t *testing.T) {
	m := newManager(t)
	var counts []int
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead {
			counts = append(counts, *data.(*int))
			c.Pause()
		}
	})
	p.write("abc")
	await(t, m, "EvRead", func() bool { return len(counts) == 1 })
	for range 3 {
		c.Resume()
		c.Resume()
		if len(counts) != 1 {
			t.Fatal("Resume called the handler")
		}
		spin(t, m, 3)
		if want := []int{3, 0}; !slices.Equal(counts, want) || string(c.Recv.Bytes()) != "abc" {
			t.Fatalf("EvRead counts %v, Recv %q; want %v, \"abc\"", counts, c.Recv.Bytes(), want)
		}
		counts = counts[:1]
	}
	c.Recv.Reset()
	c.Resume()
	spin(t, m, 3)
	if len(counts) != 1 {
		t.Errorf("EvRead counts %v although Recv is empty", counts)
	}
}

// Paused within a turn by another connection's handler, a connection that is
// ready in the same batch is not read.
func TestPauseOfAnotherInTheSameBatch(t *testing.T) {
	m := newManager(t)
	var conns []*reactor.Conn
	heard := 0
	for range 4 {
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				heard++
				for _, o := range conns {
					o.Pause()
				}
			}
		})
		p.write("x")
		conns = append(conns, c)
	}
	spin(t, m, 5)
	if heard != 1 {
		t.Errorf("%d handlers heard EvRead, want 1", heard)
	}
}

// After Resume everything comes in its order: what lay in Recv, what lay in
// the socket, the end of stream. A layer that paused in mid-stream must not be
// asked for a good end while whole messages of it wait.
func TestResumeKeepsTheOrderBeforeTheEnd(t *testing.T) {
	input := "one\ntwo\nthree\n"
	for cut := 0; cut <= len(input); cut++ {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			m := newManager(t)
			p, r := &lines{stop: 1}, &recorder{on: hooks{reactor.EvRead: func(*reactor.Conn, any) {}}}
			c, peer := wrap(t, m, r.handle)
			c.Stack().Push(p)
			if cut > 0 {
				peer.write(input[:cut])
				spin(t, m, 3)
			}
			if cut < len(input) {
				peer.write(input[cut:])
			}
			peer.shutdown()
			await(t, m, "the pause", func() bool { return c.Stopped() || r.closed() })
			c.Resume()
			await(t, m, "EvClose", r.closed)
			if got := strings.Join(p.got, "\n") + "\n"; got != input || len(r.errs) > 0 || p.ended != 1 {
				t.Errorf("lines %q, errors %v, End called %d times", p.got, r.errs, p.ended)
			}
		})
	}
}

func TestPausedListenerDoesNotAccept(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	spin(t, m, 1)
	l.Pause()
	spin(t, m, 1)
	dialRaw(t, l.LocalAddr())
	if spin(t, m, 3); r.count(reactor.EvAccept) != 0 || pollable(t, m.Fd()) {
		t.Errorf("%d accepted, Fd readable %v", r.count(reactor.EvAccept), pollable(t, m.Fd()))
	}
	l.Resume()
	await(t, m, "EvAccept", r.saw(reactor.EvAccept))
}

// A listener whose handler pauses it accepts no more in the same burst.
func TestListenerPausesItself(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var l *reactor.Conn
	r.on = hooks{reactor.EvAccept: func(*reactor.Conn, any) { l.Pause() }}
	l = listen(t, m, "tcp://127.0.0.1:0", r.handle)
	for range 3 {
		dialRaw(t, l.LocalAddr())
	}
	for n := 1; n <= 3; n++ {
		await(t, m, "EvAccept", func() bool { return r.count(reactor.EvAccept) >= n })
		if spin(t, m, 3); r.count(reactor.EvAccept) != n {
			t.Fatalf("%d accepted, want %d", r.count(reactor.EvAccept), n)
		}
		l.Resume()
	}
}
