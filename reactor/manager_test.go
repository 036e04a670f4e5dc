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

// Another loop calls poll(2) for Fd and for a descriptor of its own. It calls Poll(0) when
// Fd is readable or NextTimeout has passed.
func TestManagerInsideAnotherLoop(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c := connected(t, m, "tcp4", echo, r.Handle)
	a, b := looptest.Socketpair(t)
	own, other := looptest.NewSocket(t, a), looptest.NewSocket(t, b)
	other.WriteString("own")
	fired, posted := 0, 0
	m.AddTimer(2*time.Millisecond, reactor.TimerRepeat, func() {
		fired++
		c.Send.AppendString("x")
	})
	go m.Post(func() { posted++ })
	for i := 0; fired < 5 || len(r.Got) < 4 || posted == 0 || len(own.In) == 0; i++ {
		if i > turns {
			t.Fatalf("timer fired %d times, echoed %q, %d posted functions, the own descriptor brought %q", fired, r.Got, posted, own.In)
		}
		timeout := -1
		if d := m.NextTimeout(); d < time.Minute {
			timeout = int((d + time.Millisecond - 1) / time.Millisecond)
		}
		fds := []unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}, {Fd: int32(own.FD), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if fds[1].Revents != 0 {
			own.Receive()
		}
		if fds[0].Revents != 0 || m.NextTimeout() == 0 {
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Fd becomes readable for input, posted functions and wake-ups. It is not readable when
// Poll has handled them.
func TestFdIsReadableWhenThereIsWork(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 2)
	for name, cause := range map[string]func(){
		"input":                            func() { p.WriteString("x") },
		"post":                             func() { m.Post(func() {}) },
		"wake-up":                          func() { m.Wakeup(c.ID(), nil) },
		"wake-up of an unknown connection": func() { m.Wakeup(99, nil) },
	} {
		if pollable(t, m.Fd()) {
			t.Errorf("Fd is readable before %s", name)
		}
		cause()
		if !pollable(t, m.Fd()) {
			t.Errorf("Fd is not readable after %s", name)
		}
		spin(t, m, 1)
	}
	if pollable(t, m.Fd()) {
		t.Error("Fd is readable after Poll")
	}
}

// Calls between polls that make work for the loop make NextTimeout zero.
func TestNextTimeoutIsZeroWhenThereIsWork(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.Handle)
	for name, ask := range map[string]func(){
		"Write": func() { c.Write([]byte("x")) }, "Send": func() { c.Send.AppendString("x") }, "Pause": c.Pause, "Resume": func() { c.Pause(); spin(t, m, 1); c.Resume() },
		"Insert":  func() { c.Send.Insert(0, []byte("x")) },
		"Connect": func() { dial(t, m, "tcp://127.0.0.1:1", nil) }, "Listen": func() { listen(t, m, "tcp://127.0.0.1:0", nil) },
		"RunNow": func() { m.AddTimer(time.Hour, reactor.TimerRunNow, func() {}) },
	} {
		for i := 0; m.NextTimeout() == 0; i++ {
			if i > turns {
				t.Fatalf("before %s: NextTimeout stays 0", name)
			}
			spin(t, m, 1)
		}
		if ask(); m.NextTimeout() != 0 {
			t.Errorf("NextTimeout %v after %s", m.NextTimeout(), name)
		}
	}
}

// Poll panics in every kind of handler.
func TestPollWithinAHandlerPanics(t *testing.T) {
	m := newManager(t)
	poll := func(where string) (message any) {
		defer func() {
			if message = recover(); message == nil {
				t.Errorf("no panic in %s", where)
			}
		}()
		m.Poll(0)
		return nil
	}
	var messages []any
	in := func(where string) { messages = append(messages, poll(where)) }
	m.AddTimer(0, reactor.TimerOnce, func() { in("a timer") })
	m.Post(func() { in("a posted function") })
	r := &recorder{On: hooks{reactor.EvOpen: func(*reactor.Conn, any) { in("EvOpen") }, reactor.EvClose: func(*reactor.Conn, any) { in("EvClose") }}}
	c, p := wrap(t, m, r.Handle)
	c.Stack().Push(&endLayer{func() { in("End") }})
	l := listen(t, m, "tcp://127.0.0.1:0", nil)
	l.Stack().Push(&acceptLayer{func() { in("Accept") }})
	looptest.DialSocket(t, l.LocalAddr())
	p.Shutdown()
	await(t, m, "all handlers", func() bool { return len(messages) == 6 })
	for _, s := range messages {
		if s, ok := s.(string); !ok || s != messages[0] || len(s) < 10 {
			t.Errorf("panic with %v, want the same text as the first, %v", s, messages[0])
		}
	}
	spin(t, m, 2) // outside of handlers Poll still works
}

// endLayer is a layer that calls end at the end of stream.
type endLayer struct{ end func() }

func (*endLayer) Handle(*reactor.Conn, reactor.Event, any) {}
func (p *endLayer) End(*reactor.Conn) error                { p.end(); return nil }

// acceptLayer is a layer that accepted connections inherit. It calls accept for each of
// them.
type acceptLayer struct{ accept func() }

func (*acceptLayer) Handle(*reactor.Conn, reactor.Event, any) {}
func (p *acceptLayer) Accept(*reactor.Conn) reactor.Protocol {
	p.accept()
	return &acceptLayer{p.accept}
}

func TestConnsIteratesOverAll(t *testing.T) {
	m := newManager(t)
	var want []uint64
	for range 4 {
		c, _ := wrap(t, m, nil)
		want = append(want, c.ID())
	}
	want = append(want, listen(t, m, "tcp://127.0.0.1:0", nil).ID(), dial(t, m, "udp://127.0.0.1:1", nil).ID())
	var got []uint64
	for c := range m.Conns() {
		got = append(got, c.ID())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || got[0] != 1 {
		t.Errorf("IDs %v, want %v, the first 1", got, want)
	}
	for c := range m.Conns() { // while connections close
		c.Close()
		m.Poll(0)
	}
	spin(t, m, 1)
	if n := countConns(m); n != 0 {
		t.Errorf("the manager still has %d connections", n)
	}
}

func TestNextTimeoutOfTimers(t *testing.T) {
	m, k := timed(t)
	spin(t, m, 1)
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("NextTimeout %v without work, want MaxInt64", d)
	}
	far := m.AddTimer(math.MaxInt64, reactor.TimerRepeat, func() { t.Error("292 years have not passed") })
	k.Advance(time.Hour)
	spin(t, m, 1)
	far.Stop()
	m.AddTimer(3*time.Second, reactor.TimerOnce, func() {})
	early := m.AddTimer(2*time.Second, reactor.TimerOnce, func() {})
	if d := m.NextTimeout(); d != 2*time.Second {
		t.Errorf("NextTimeout %v, want 2s", d)
	}
	k.Advance(500 * time.Millisecond)
	if d := m.NextTimeout(); d != 1500*time.Millisecond {
		t.Errorf("NextTimeout %v, want 1.5s", d)
	}
	early.Stop()
	if d := m.NextTimeout(); d != 2500*time.Millisecond {
		t.Errorf("NextTimeout %v, want 2.5s", d)
	}
	k.Advance(time.Hour)
	if d := m.NextTimeout(); d != 0 {
		t.Errorf("NextTimeout %v, want 0 for a timer that is late", d)
	}
}

// On the real clock, Poll without a timeout returns when the next timer has fired.
func TestPollReturnsForTimers(t *testing.T) {
	m := newManager(t)
	fired := 0
	m.AddTimer(3*time.Millisecond, reactor.TimerRepeat, func() { fired++ })
	for range 3 {
		before := fired
		for range turns {
			if err := m.Poll(-1); err != nil {
				t.Fatal(err)
			}
			if fired > before {
				break
			}
		}
		if fired != before+1 {
			t.Errorf("the timer fired %d times in one turn, want 1", fired-before)
		}
	}
}
