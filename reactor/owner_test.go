package reactor_test

import (
	"context"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// forbidden lists every call that reads or changes what belongs to the loop.
var forbidden = map[string]func(m *reactor.Manager, c, l *reactor.Conn, timer *reactor.Timer){
	"Poll":          func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Poll(0) },
	"Run":           func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Run(context.Background()) },
	"Manager.Drain": func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Drain(0) },
	"Manager.Close": func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Close() },
	"Connect": func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) {
		m.Connect("tcp://127.0.0.1:9", nil, nil)
	},
	"Listen": func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) {
		m.Listen("tcp://127.0.0.1:0", nil, nil)
	},
	"AddTimer":         func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.AddTimer(time.Hour, 0, func() {}) },
	"Timer.Stop":       func(_ *reactor.Manager, _, _ *reactor.Conn, timer *reactor.Timer) { timer.Stop() },
	"Timer.Reset":      func(_ *reactor.Manager, _, _ *reactor.Conn, timer *reactor.Timer) { timer.Reset(time.Hour) },
	"Conns":            func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Conns() },
	"Stats":            func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.Stats() },
	"NextTimeout":      func(m *reactor.Manager, _, _ *reactor.Conn, _ *reactor.Timer) { m.NextTimeout() },
	"Write":            func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Write([]byte("x")) },
	"Send.Append":      func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Send.Append([]byte("x")) },
	"Send.Insert":      func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Send.Insert(0, []byte("x")) },
	"Call":             func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Call(reactor.EvUser, nil) },
	"Fail":             func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Fail(nil) },
	"Drain":            func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Drain() },
	"Close":            func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Close() },
	"Close a listener": func(_ *reactor.Manager, _, l *reactor.Conn, _ *reactor.Timer) { l.Close() },
	"Pause":            func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Pause() },
	"Resume":           func(_ *reactor.Manager, _, l *reactor.Conn, _ *reactor.Timer) { l.Resume() }, // which is paused
	"Redispatch":       func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Stack().Redispatch() },
	"SetPoll":          func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.SetPoll(true) },
	"SetHexdump":       func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.SetHexdump(true) },
	"SetRecorder": func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) {
		c.SetRecorder(&reactor.Recorder{Entries: 1})
	},
	"SetWater":  func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.SetWater(1, 2) },
	"SetLimits": func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.SetLimits(reactor.Limits{Send: 1}) },
	"SetDeadlines": func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) {
		c.SetDeadlines(reactor.Deadlines{Stall: 1})
	},
	"SetReceiving":   func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Stack().SetReceiving(true) },
	"SetHandshaking": func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Stack().SetHandshaking(true) },
	"Push":           func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) { c.Stack().Push(&indifferent{}) },
	"Replace": func(_ *reactor.Manager, c, _ *reactor.Conn, _ *reactor.Timer) {
		p, _ := reactor.Find[*indifferent](c)
		c.Stack().Replace(p, nil)
	},
}

// elsewhere runs fn on another goroutine and waits until it returns.
func elsewhere(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
}

// Each forbidden call panics on a goroutine that does not poll, before it has done
// anything, between two Polls and during one. The panic says what is wrong.
func TestOwnerCheck(t *testing.T) {
	for name, call := range forbidden {
		for _, when := range []string{"between", "within"} {
			t.Run(name+" "+when, func(t *testing.T) {
				m := newManager(t, reactor.WithOwnerCheck())
				r := &recorder{}
				c, p := wrap(t, m, r.Handle)
				c.Stack().Push(&indifferent{})
				l := listen(t, m, "tcp://127.0.0.1:0", nil)
				l.Pause()
				timer := m.AddTimer(time.Hour, reactor.TimerOnce, func() {})
				spin(t, m, 2)
				accuse := func() {
					elsewhere(func() { wantPanic(t, "goroutine", func() { call(m, c, l, timer) }) })
				}
				if when == "between" {
					accuse()
				} else {
					m.AddTimer(0, reactor.TimerOnce, accuse)
				}
				spin(t, m, 2)
				p.WriteString("it goes on")
				await(t, m, "input", func() bool { return string(r.Got) == "it goes on" })
				r.Want(t, "OPEN READ")
			})
		}
	}
}

// The message names both goroutines and what may be called.
func TestOwnerCheckMessage(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck())
	spin(t, m, 1)
	for _, words := range []string{"reactor: ", "Post, Wakeup and Do", "from goroutine "} {
		elsewhere(func() { wantPanic(t, words, func() { m.Poll(0) }) })
	}
}

// Other goroutines may call Post and Wakeup, and read what never changes. What these
// calls cause happens on the owner.
func TestOwnerCheckAllows(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck())
	r := &recorder{}
	c, p := wrap(t, m, r.Handle)
	spin(t, m, 1)
	elsewhere(func() {
		harmless(t, "Post", func() { m.Post(func() { c.Write([]byte("posted")) }) })
		harmless(t, "Wakeup", func() { m.Wakeup(c.ID(), nil) })
		harmless(t, "ID, Manager, Logger, Fd", func() { c.Manager().Logger(); m.Fd() })
	})
	await(t, m, "the post", p.Received("posted"))
	r.Want(t, "OPEN WAKEUP WRITE")
}

// Before the first Poll any goroutine may set up the manager. The first one that polls is
// the owner.
func TestOwnerIsWhoPollsFirst(t *testing.T) {
	m := newManager(t, reactor.WithOwnerCheck())
	var c *reactor.Conn
	elsewhere(func() {
		harmless(t, "Listen before Poll", func() { c = listen(t, m, "tcp://127.0.0.1:0", nil) })
	})
	spin(t, m, 1)
	elsewhere(func() { wantPanic(t, "goroutine", func() { c.Close() }) })
	c.SetPoll(true)
	spin(t, m, 2)
}

// Without the option there is no check.
func TestOwnerCheckIsOff(t *testing.T) {
	m := newManager(t)
	spin(t, m, 1)
	elsewhere(func() { harmless(t, "Poll", func() { m.Poll(0) }) })
	spin(t, m, 1)
}
