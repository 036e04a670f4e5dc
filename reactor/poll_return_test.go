package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// patience is how long a call that ought to return at once may take, on a busy
// machine; eternity what it is allowed to block.
const (
	patience = 1500 * time.Millisecond
	eternity = 3 * time.Second
)

// quick runs a call that must not block.
func quick(t *testing.T, what string, call func()) {
	t.Helper()
	start := time.Now()
	if call(); time.Since(start) > patience {
		t.Errorf("%s blocked for %v", what, time.Since(start))
	}
}

// A turn that has called handlers does not then block: what they did, such as to
// say that the program may end, is for the caller to see. What was done between two
// turns is settled at the beginning of the second.
func TestPollReturnsAfterHandlers(t *testing.T) {
	for name, act := range map[string]func(c *reactor.Conn){
		"close": (*reactor.Conn).Close,
		"fail":  func(c *reactor.Conn) { c.Fail(nil) },
		"write": func(c *reactor.Conn) { c.Write([]byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			heard := 0
			c, _ := wrap(t, m, func(_ *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvClose || ev == reactor.EvWrite {
					heard++
				}
			})
			spin(t, m, 2)
			act(c)
			quick(t, "Poll", func() { m.Poll(eternity) })
			if heard != 1 {
				t.Errorf("%d events", heard)
			}
		})
	}
}

// The same for the first events of what was made.
func TestPollReturnsAfterEvOpen(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	wrap(t, m, r.handle)
	quick(t, "Poll", func() { m.Poll(eternity) })
	r.want(t, "OPEN")
}

// Drain ends when nothing is left, not when its time is up.
func TestDrainDoesNotWaitForNothing(t *testing.T) {
	for name, setUp := range map[string]func(m *reactor.Manager){
		"nothing":    func(*reactor.Manager) {},
		"a listener": func(m *reactor.Manager) { listen(t, m, "tcp://127.0.0.1:0", nil) },
		"a datagram socket": func(m *reactor.Manager) {
			listen(t, m, "udp://127.0.0.1:0", nil)
		},
		"a client that dials": func(m *reactor.Manager) { dial(t, m, "unix:///nowhere", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			setUp(m)
			spin(t, m, 1)
			quick(t, "Drain", func() {
				if late, err := m.Drain(eternity); len(late) != 0 || err != nil {
					t.Errorf("Drain: %v, %v", late, err)
				}
			})
		})
	}
}
