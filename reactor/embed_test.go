package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// TestInsideAnotherLoop runs the manager in a loop of poll(2), beside a
// descriptor of that loop's own: Poll(0) is called when Fd is readable or
// NextTimeout has passed, and never blocks.
func TestInsideAnotherLoop(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c := connected(t, m, "tcp4", echo, r.handle)
	a, b := socketpair(t)
	mine, other := newPeer(t, a), newPeer(t, b)
	other.write("mine")
	fired, posted := 0, 0
	m.AddTimer(2*time.Millisecond, reactor.TimerRepeat, func() {
		fired++
		c.Send.AppendString("x")
	})
	go m.Post(func() { posted++ })
	for i := 0; fired < 5 || len(r.got) < 4 || posted == 0 || len(mine.in) == 0; i++ {
		if i > turns {
			t.Fatalf("fired %d, echoed %q, posted %d, own %q", fired, r.got, posted, mine.in)
		}
		timeout := -1
		if d := m.NextTimeout(); d < time.Minute {
			timeout = int((d + time.Millisecond - 1) / time.Millisecond)
		}
		fds := []unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}, {Fd: int32(mine.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if fds[1].Revents != 0 {
			mine.pump()
		}
		if fds[0].Revents != 0 || m.NextTimeout() == 0 {
			start := time.Now()
			if err := m.Poll(0); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("Poll(0) took %v", d)
			}
		}
	}
}

// Fd becomes readable for input, for posts and for wake-ups, and quiet again
// when they have been seen to.
func TestFd(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, p := wrap(t, m, r.handle)
	spin(t, m, 2)
	for name, cause := range map[string]func(){
		"input":   func() { p.write("x") },
		"post":    func() { m.Post(func() {}) },
		"wake-up": func() { m.Wakeup(c.ID(), nil) },
		"unknown": func() { m.Wakeup(99, nil) },
	} {
		if pollable(t, m.Fd()) {
			t.Errorf("readable before %s", name)
		}
		cause()
		if !pollable(t, m.Fd()) {
			t.Errorf("not readable after %s", name)
		}
		spin(t, m, 1)
	}
	if pollable(t, m.Fd()) {
		t.Error("readable in the end")
	}
}

// What was asked for between polls makes Poll due.
func TestNextTimeoutIsZeroWhenThereIsWork(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	c, _ := wrap(t, m, r.handle)
	for name, ask := range map[string]func(){
		"Write": func() { c.Write([]byte("x")) }, "Send": func() { c.Send.AppendString("x") }, "Pause": c.Pause, "Resume": func() { c.Pause(); spin(t, m, 1); c.Resume() },
		"Insert":  func() { c.Send.Insert(0, []byte("x")) },
		"Connect": func() { dial(t, m, "tcp://127.0.0.1:1", nil) }, "Listen": func() { listen(t, m, "tcp://127.0.0.1:0", nil) },
		"RunNow": func() { m.AddTimer(time.Hour, reactor.TimerRunNow, func() {}) },
	} {
		for i := 0; m.NextTimeout() == 0; i++ {
			if i > turns {
				t.Fatalf("before %s: the loop is never done", name)
			}
			spin(t, m, 1)
		}
		if ask(); m.NextTimeout() != 0 {
			t.Errorf("NextTimeout %v after %s", m.NextTimeout(), name)
		}
	}
}

// Whatever was appended since the last flush is written before the loop
// blocks, be it between polls, by a timer, by a post or by another's handler.
func TestWrittenBeforeBlocking(t *testing.T) {
	for name, arrange := range map[string]func(m *reactor.Manager, c *reactor.Conn, do func()){
		"between polls": func(_ *reactor.Manager, _ *reactor.Conn, do func()) { do() },
		"timer":         func(m *reactor.Manager, _ *reactor.Conn, do func()) { m.AddTimer(0, reactor.TimerOnce, do) },
		"post":          func(m *reactor.Manager, _ *reactor.Conn, do func()) { m.Post(do) },
		"EvWakeup":      func(m *reactor.Manager, o *reactor.Conn, do func()) { o.FnData = do; m.Wakeup(o.ID(), nil) },
		"EvClose":       func(_ *reactor.Manager, o *reactor.Conn, do func()) { o.FnData = do; o.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			c, p := wrap(t, m, r.handle)
			o, _ := wrap(t, m, func(o *reactor.Conn, ev reactor.Event, _ any) {
				if do, ok := o.FnData.(func()); ok && (ev == reactor.EvWakeup || ev == reactor.EvClose) {
					o.FnData = nil
					do()
				}
			})
			spin(t, m, 2)
			arrange(m, o, func() { c.Send.AppendString("now") })
			// With another descriptor's input as the only thing that could end it,
			// a Poll that blocked before writing would not return: so none may be
			// needed but those that are due.
			for m.NextTimeout() == 0 || pollable(t, m.Fd()) {
				spin(t, m, 1)
			}
			if p.pump(); string(p.in) != "now" {
				t.Errorf("the loop would block with %d bytes in Send; the peer has %q", c.Send.Len(), p.in)
			}
		})
	}
}

// Nothing is written while a handler runs: what was appended may be changed.
func TestNothingIsWrittenWithinAHandler(t *testing.T) {
	m := newManager(t)
	_, p := wrap(t, m, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev != reactor.EvRead {
			return
		}
		c.Recv.Reset()
		start := c.Send.Len()
		for range 1000 {
			c.Write(make([]byte, 1000))
			c.Call(reactor.EvUser, nil)
		}
		if n := c.Send.Len() - start; n != 1000*1000 {
			t.Errorf("%d bytes are left of a million", n)
		}
		c.Send.Truncate(start)
		c.Send.AppendString("body")
		c.Send.Insert(start, []byte("head "))
	})
	p.write("x")
	await(t, m, "the answer", p.received("head body"))
}
