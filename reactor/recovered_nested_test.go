package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A handler recovers from the panic of an event that it has raised itself. The manager can
// still be polled, or at least be closed.
func TestPanicRecoveredInHandler(t *testing.T) {
	for _, where := range []string{"in Poll", "between two Polls"} {
		t.Run(where, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{on: hooks{}}
			r.on[reactor.EvUser] = func(c *reactor.Conn, _ any) {
				caught(func() { c.Call(reactor.EvUser+1, nil) })
			}
			r.on[reactor.EvUser+1] = func(*reactor.Conn, any) { panic(errOops) }
			c, _ := wrap(t, m, r.handle)
			spin(t, m, 2)
			if where == "in Poll" {
				m.AddTimer(0, reactor.TimerOnce, func() { c.Call(reactor.EvUser, nil) })
				spin(t, m, 2)
			} else {
				c.Call(reactor.EvUser, nil)
			}
			if p := caught(func() { m.Poll(time.Millisecond) }); p != nil {
				t.Errorf("Poll panics: %v", p)
			}
			if err := m.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if !r.closed() {
				t.Errorf("events %s", eventList(r.events))
			}
		})
	}
}
