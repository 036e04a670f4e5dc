package reactor_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Resume raises no EvRead on a listener, with layers or without.
func TestResumedListenerHasNoEvRead(t *testing.T) {
	for _, transport := range []string{"tcp4", "unix", "udp4"} {
		for _, layered := range []bool{false, true} {
			m := newManager(t)
			r := &recorder{}
			l := listen(t, m, listenURL(t, transport), r.Handle)
			if layered {
				l.Stack().Push(&acceptLayer{func() {}})
			}
			spin(t, m, 1)
			l.Pause()
			spin(t, m, 1)
			l.Resume()
			spin(t, m, 2)
			if got := eventList(r.Events); got != "OPEN" {
				t.Errorf("%s, layers %v: events %s, want OPEN", transport, layered, got)
			}
		}
	}
}

// While a connection is paused nothing is read, and nothing that the peer does wakes the
// loop: Fd is not readable, and NextTimeout is without limit.
func TestPauseStopsWakeUps(t *testing.T) {
	for name, act := range map[string]func(p *peer){
		"input":       func(p *peer) { p.WriteString("input") },
		"half close":  func(p *peer) { p.Shutdown() },
		"hang-up":     func(p *peer) { p.Close() },
		"all of them": func(p *peer) { p.WriteString("input"); p.Shutdown(); p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrap(t, m, r.Handle)
			c.Pause()
			spin(t, m, 1)
			act(p)
			for range 3 {
				if pollable(t, m.Fd()) || m.NextTimeout() != math.MaxInt64 {
					t.Fatalf("the loop would be woken: Fd readable %v, NextTimeout %v", pollable(t, m.Fd()), m.NextTimeout())
				}
				spin(t, m, 1)
			}
			r.Want(t, "OPEN")
			if !c.InputStopped() {
				t.Error("InputStopped is false during the pause")
			}
			c.Resume()
			if c.InputStopped() || m.NextTimeout() != 0 {
				t.Errorf("after Resume: InputStopped %v, NextTimeout %v", c.InputStopped(), m.NextTimeout())
			}
			if name == "input" {
				await(t, m, "input", r.Saw(reactor.EvRead))
				return
			}
			await(t, m, "EvClose", r.Closed)
			if want := map[bool]string{true: "input"}[name == "all of them"]; string(r.Got) != want {
				t.Errorf("got %q, want %q", r.Got, want)
			}
		})
	}
}

// A reset does not wake the loop during a pause either. After Resume it is an error.
func TestPauseThenReset(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Pause() }}}
	var conn *reactor.Conn
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		conn = c
		r.Handle(c, ev, data)
	})
	r.Events = nil
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	spin(t, m, 2)
	p.Reset()
	if spin(t, m, 2); pollable(t, m.Fd()) {
		t.Error("the reset wakes the loop")
	}
	conn.Resume()
	await(t, m, "the error", r.Saw(reactor.EvError))
	await(t, m, "EvClose", r.Closed)
}

// Pause stops delivery after the current event. Send is still written.
func TestPauseWithinEvRead(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var counts []int
	r.On = hooks{reactor.EvRead: func(c *reactor.Conn, data any) {
		counts = append(counts, *data.(*int))
		c.Recv.Consume(1)
		c.Pause()
		c.Write([]byte("paused"))
	}}
	c, p := wrap(t, m, r.Handle)
	p.WriteString("abc")
	await(t, m, "the answer", p.Received("paused"))
	p.WriteString("def")
	spin(t, m, 5)
	if got := string(c.Recv.Bytes()); got != "bc" || len(counts) != 1 {
		t.Fatalf("Recv has %q after %d EvRead, want \"bc\" after 1", got, len(counts))
	}
	r.On[reactor.EvRead] = func(c *reactor.Conn, data any) {
		counts = append(counts, *data.(*int))
		r.Got = append(r.Got, c.Recv.Bytes()...)
		c.Recv.Reset()
	}
	c.Resume()
	await(t, m, "the rest", func() bool { return string(r.Got) == "bcdef" })
}

// Resume delivers the bytes in Recv again without waiting for the socket.
func TestResumeRedeliversRecv(t *testing.T) {
	m := newManager(t)
	var counts []int
	c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvRead {
			counts = append(counts, *data.(*int))
			c.Pause()
		}
	})
	p.WriteString("abc")
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

// A handler pauses other connections that are ready in the same batch. They are not read.
func TestPauseOfAnotherInTheSameBatch(t *testing.T) {
	m := newManager(t)
	var conns []*reactor.Conn
	reads := 0
	for range 4 {
		c, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				reads++
				for _, o := range conns {
					o.Pause()
				}
			}
		})
		p.WriteString("x")
		conns = append(conns, c)
	}
	spin(t, m, 5)
	if reads != 1 {
		t.Errorf("EvRead was raised %d times, want 1", reads)
	}
}

// After Resume the bytes in Recv come first, then those in the socket, then the end of
// stream. The loop must not ask a layer whether the stream may end while messages for it
// wait.
func TestResumeDeliversInputBeforeTheEnd(t *testing.T) {
	input := "one\ntwo\nthree\n"
	for cut := 0; cut <= len(input); cut++ {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			m := newManager(t)
			p, r := &lines{stop: 1}, &recorder{On: hooks{reactor.EvRead: func(*reactor.Conn, any) {}}}
			c, peer := wrap(t, m, r.Handle)
			c.Stack().Push(p)
			if cut > 0 {
				peer.WriteString(input[:cut])
				spin(t, m, 3)
			}
			if cut < len(input) {
				peer.WriteString(input[cut:])
			}
			peer.Shutdown()
			await(t, m, "the pause", func() bool { return c.InputStopped() || r.Closed() })
			c.Resume()
			await(t, m, "EvClose", r.Closed)
			if got := strings.Join(p.got, "\n") + "\n"; got != input || len(r.Errs) > 0 || p.ended != 1 {
				t.Errorf("lines %q, errors %v, End was called %d times", p.got, r.Errs, p.ended)
			}
		})
	}
}

func TestPausedListenerDoesNotAccept(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	spin(t, m, 1)
	l.Pause()
	spin(t, m, 1)
	looptest.DialSocket(t, l.LocalAddr())
	if spin(t, m, 3); r.Count(reactor.EvAccept) != 0 || pollable(t, m.Fd()) {
		t.Errorf("%d connections accepted, Fd readable %v; want 0, false", r.Count(reactor.EvAccept), pollable(t, m.Fd()))
	}
	l.Resume()
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
}

// A listener that its handler pauses accepts no more connections in the same turn.
func TestListenerPausedInEvAccept(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var l *reactor.Conn
	r.On = hooks{reactor.EvAccept: func(*reactor.Conn, any) { l.Pause() }}
	l = listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	for range 3 {
		looptest.DialSocket(t, l.LocalAddr())
	}
	for n := 1; n <= 3; n++ {
		await(t, m, "EvAccept", func() bool { return r.Count(reactor.EvAccept) >= n })
		if spin(t, m, 3); r.Count(reactor.EvAccept) != n {
			t.Fatalf("%d connections accepted, want %d", r.Count(reactor.EvAccept), n)
		}
		l.Resume()
	}
}
