package reactor_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// A connection that is closed before the first Poll has EvOpen and EvClose, and nothing
// else happens.
func TestCloseBeforeFirstPoll(t *testing.T) {
	m := newManager(t)
	l, s, u := &recorder{}, &recorder{}, &recorder{}
	lc := listen(t, m, "tcp://127.0.0.1:0", l.Handle)
	cc := dial(t, m, urlOf(lc.LocalAddr().String()), s.Handle)
	wc, p := wrap(t, m, u.Handle)
	p.WriteString("x")
	for _, c := range []*reactor.Conn{lc, cc, wc} {
		c.Close()
		c.Close()
	}
	if len(l.Events)+len(s.Events)+len(u.Events) > 0 {
		t.Error("Close called a handler")
	}
	spin(t, m, 3)
	for _, r := range []*recorder{l, s, u} {
		r.Want(t, "OPEN CLOSE")
	}
	if n := countConns(m); n != 0 {
		t.Errorf("the manager still has %d connections", n)
	}
}

func countConns(m *reactor.Manager) int {
	n := 0
	for range m.Conns() {
		n++
	}
	return n
}

// everything is every method of a connection.
var everything = map[string]func(c *reactor.Conn){
	"Write":       func(c *reactor.Conn) { c.Write([]byte("x")) },
	"Send":        func(c *reactor.Conn) { c.Send.AppendString("x"); c.Send.Insert(0, []byte("y")) },
	"Recv":        func(c *reactor.Conn) { c.Recv.AppendString("x") },
	"Close":       (*reactor.Conn).Close,
	"Drain":       (*reactor.Conn).Drain,
	"Fail":        func(c *reactor.Conn) { c.Fail(errors.New("on purpose")) },
	"Pause":       (*reactor.Conn).Pause,
	"Resume":      func(c *reactor.Conn) { c.Pause(); c.Resume() },
	"Redispatch":  func(c *reactor.Conn) { c.Stack().Redispatch() },
	"Call":        func(c *reactor.Conn) { c.Call(reactor.EvUser, nil) },
	"SetPoll":     func(c *reactor.Conn) { c.SetPoll(true) },
	"SetWater":    func(c *reactor.Conn) { c.SetWater(1, 2) },
	"SetHexdump":  func(c *reactor.Conn) { c.SetHexdump(true) },
	"Push":        func(c *reactor.Conn) { c.Stack().Push(&lines{}) },
	"Replace":     func(c *reactor.Conn) { p := &lines{}; c.Stack().Push(p); c.Stack().Replace(p, &lines{}) },
	"Find":        func(c *reactor.Conn) { reactor.Find[*lines](c) },
	"addresses":   func(c *reactor.Conn) { c.LocalAddr(); c.RemoteAddr() },
	"predicates":  func(c *reactor.Conn) { c.IsClient(); c.IsListening(); c.InputStopped(); c.ID() },
	"manager":     func(c *reactor.Conn) { c.Manager().NextTimeout(); c.Manager().Now(); countConns(c.Manager()) },
	"Wakeup":      func(c *reactor.Conn) { c.Manager().Wakeup(c.ID(), []byte("x")) },
	"Post":        func(c *reactor.Conn) { c.Manager().Post(func() {}) },
	"AddTimer":    func(c *reactor.Conn) { c.Manager().AddTimer(0, reactor.TimerOnce, func() {}).Stop() },
	"Close twice": func(c *reactor.Conn) { c.Drain(); c.Close(); c.Fail(errors.New("x")) },
}

// After EvClose, and in its handler, every call is harmless: it raises no event and makes
// no work for the loop.
func TestEveryCallIsHarmlessAfterEvClose(t *testing.T) {
	for _, kind := range []string{"stream", "listener", "udp client", "udp listener", "connecting"} {
		t.Run(kind, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			r.On = hooks{reactor.EvClose: func(c *reactor.Conn, _ any) {
				for name, call := range everything {
					harmless(t, name+" in EvClose", func() { call(c) })
				}
			}}
			var c *reactor.Conn
			switch kind {
			case "stream":
				c, _ = wrap(t, m, r.Handle)
			case "listener":
				c = listen(t, m, "tcp://127.0.0.1:0", r.Handle)
			case "udp client":
				c = dial(t, m, "udp://127.0.0.1:9", r.Handle)
			case "udp listener":
				c = listen(t, m, "udp://127.0.0.1:0", r.Handle)
			case "connecting":
				c = dial(t, m, urlOf(blackHole(t, "127.0.0.1").String()), r.Handle)
			}
			spin(t, m, 2)
			c.Close()
			await(t, m, "EvClose", r.Closed)
			spin(t, m, 3)
			n := len(r.Events)
			for name, call := range everything {
				harmless(t, name, func() { call(c) })
				spin(t, m, 3)
				if len(r.Events) != n {
					t.Fatalf("%s: events %v after EvClose", name, r.Events[n:])
				}
				if d := m.NextTimeout(); d != math.MaxInt64 {
					t.Fatalf("%s: NextTimeout %v after EvClose", name, d)
				}
			}
			if r.Events[n-1] != reactor.EvClose || r.Count(reactor.EvClose) != 1 {
				t.Errorf("events %v", r.Events)
			}
			if _, err := c.Write([]byte("x")); !errors.Is(err, reactor.ErrClosed) {
				t.Errorf("Write: %v", err)
			}
		})
	}
}

// Handlers make every call in every event, on their own connection and on others. Nothing
// panics. Each connection has EvError at most once, and then exactly one EvClose, its last
// event.
func TestEveryCallInEveryEvent(t *testing.T) {
	events := []reactor.Event{
		reactor.EvError, reactor.EvOpen, reactor.EvPoll, reactor.EvResolve, reactor.EvConnect, reactor.EvAccept,
		reactor.EvRead, reactor.EvWrite, reactor.EvClose, reactor.EvWakeup, reactor.EvHighWater, reactor.EvLowWater, reactor.EvUser,
	}
	for name, call := range everything {
		for _, ev := range events {
			for _, victim := range []string{"itself", "all"} {
				t.Run(fmt.Sprintf("%s/%v/%s", name, ev, victim), func(t *testing.T) {
					within(t, ev, func(m *reactor.Manager, c *reactor.Conn) {
						if victim == "itself" {
							call(c)
							return
						}
						for o := range m.Conns() {
							call(o)
						}
					})
				})
			}
		}
	}
}

// within runs several connections that send to each other. On each of them the first event
// at calls do. It checks the order of all events.
func within(t *testing.T, at reactor.Event, do func(m *reactor.Manager, c *reactor.Conn)) {
	m := newManager(t)
	recs := map[*reactor.Conn]*recorder{}
	did := map[*reactor.Conn]bool{}
	handle := func(c *reactor.Conn, ev reactor.Event, data any) {
		if recs[c] == nil {
			recs[c] = &recorder{}
		}
		recs[c].Handle(c, ev, data)
		if ev == at && !did[c] {
			did[c] = true
			do(m, c)
		}
		switch ev {
		case reactor.EvConnect:
			c.Write(make([]byte, 100))
		case reactor.EvRead:
			c.Write([]byte("back"))
			n := 0
			if c.ID()%2 == 0 && recs[c].Count(reactor.EvRead) < 3 {
				c.Call(reactor.EvRead, &n)
			}
			c.Call(reactor.EvUser, nil)
		}
	}
	l := listen(t, m, "tcp://127.0.0.1:0", handle)
	l.SetWater(0, 50)
	for range 2 {
		c := dial(t, m, urlOf(l.LocalAddr().String()), handle)
		c.SetWater(0, 50)
		c.SetPoll(true)
		m.Wakeup(c.ID(), []byte("x"))
	}
	spin(t, m, 6)
	for c := range m.Conns() {
		c.Fail(errors.New("the end"))
		break
	}
	spin(t, m, 3)
	if err := m.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for c, r := range recs {
		n := len(r.Events)
		if r.Events[0] != reactor.EvOpen || r.Count(reactor.EvOpen) != 1 ||
			r.Events[n-1] != reactor.EvClose || r.Count(reactor.EvClose) != 1 || r.Count(reactor.EvError) > 1 {
			t.Errorf("connection %d: events %v", c.ID(), r.Events)
		}
		failed := false
		for _, ev := range r.Events {
			failed = failed || ev == reactor.EvError
			if failed && (ev == reactor.EvRead || ev == reactor.EvConnect || ev == reactor.EvAccept || ev == reactor.EvResolve) {
				t.Errorf("connection %d: an input event after EvError: %v", c.ID(), r.Events)
			}
		}
	}
}
