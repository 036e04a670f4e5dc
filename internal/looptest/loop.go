// Package looptest is what the tests of this repository share: turning a loop
// until something has happened, counting what must not leak, bare sockets for
// the other end of a connection, the other side of a WebSocket, and running
// an example as a program. Only files of tests import it, and it knows no
// protocol of ours: what a test holds them against must be made without them.
package looptest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Turns bounds every wait: with the 5 ms that each turn of Await may block,
// 20 s. Only a test that fails waits that long.
const Turns = 4000

// NewManager makes a manager that logs nowhere, unless an option says so. It
// is closed with the test, which fails if it leaves descriptors or goroutines
// behind.
func NewManager(t testing.TB, opts ...reactor.Option) *reactor.Manager {
	t.Helper()
	CheckLeaks(t)
	m, err := reactor.New(append([]reactor.Option{reactor.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// Await runs the loop until done reports true, for as many as Turns turns.
func Await(t testing.TB, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	for range Turns {
		if done() {
			return
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatalf("awaiting %s: Poll: %v", what, err)
		}
	}
	t.Fatalf("awaited %s in vain", what)
}

// Spin runs the loop n times without blocking: what has not happened by then
// was not about to.
func Spin(t testing.TB, m *reactor.Manager, n int) {
	t.Helper()
	for range n {
		if err := m.Poll(0); err != nil {
			t.Fatalf("Poll: %v", err)
		}
	}
}

// Settle runs the loop for a few turns without blocking: what is ready is handled.
func Settle(t testing.TB, m *reactor.Manager) {
	t.Helper()
	Spin(t, m, 10)
}

// Busy reports whether the loop has work to do.
func Busy(m *reactor.Manager) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}}, 0)
	return n > 0 || m.NextTimeout() == 0
}

// Fill runs the loop until the socket takes nothing more of Send, which holds more
// than that, while the peer does not read: when nothing has moved for longer than
// an acknowledgement can be delayed.
func Fill(t testing.TB, c *reactor.Conn) {
	t.Helper()
	for before, same := -1, 0; same < 100; same++ {
		if err := c.Manager().Poll(5 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if n := c.Send.Len(); n != before {
			before, same = n, 0
		}
		c.Send.AppendString("x") // a socket that is not writable may still take a little
		before++
	}
}

// EachTurn calls fn once in each turn of the loop, which does not block meanwhile, until
// stop is called. It works with a clock that stands still.
func EachTurn(m *reactor.Manager, fn func()) (stop func()) {
	var timer *reactor.Timer
	stopped := false
	var turn func()
	turn = func() {
		fn()
		if !stopped {
			timer = m.AddTimer(0, reactor.TimerOnce, turn)
		}
	}
	timer = m.AddTimer(0, reactor.TimerOnce, turn)
	return func() {
		stopped = true
		timer.Stop()
	}
}
