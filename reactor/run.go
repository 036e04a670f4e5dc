package reactor

import (
	"context"
	"net/netip"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// A Straggler is a connection that was still open when the time for Drain
// was up.
type Straggler struct {
	ID     uint64
	Remote netip.AddrPort
	Unsent int // bytes in Send, and ciphertext of TLS that the socket did not take
}

// Run calls Poll until ctx is done, the manager is closed, or Poll fails. It returns the
// cause of ctx, nil, or the error of Poll. It does not close the manager: Drain or Close
// come next.
func (m *Manager) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { m.Post(func() {}) })
	defer stop()
	for ctx.Err() == nil {
		if err := m.Poll(-1); err == ErrClosed {
			return nil
		} else if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// Drain ends the manager in order: listeners close, every layer says its goodbye, and what
// lies in Send is written. It polls meanwhile. Connect, Listen and WrapFD return ErrClosed;
// handlers run as before. When no connection is left, or after timeout (0 or less: after one
// turn of the loop), the manager is closed. If the loop is late, what peers have answered is
// taken in first. Drain returns the connections that were still open then. The error is
// ErrClosed if the manager was closed before, ErrPanicked after a handler's panic, or that of
// a failed Poll. Like Poll, Drain panics if called from within a handler.
func (m *Manager) Drain(timeout time.Duration) ([]Straggler, error) {
	m.assertIdle("Drain")
	if err := m.usable(); err != nil {
		return nil, err
	}
	m.draining = true
	for _, c := range m.conns {
		c.sayGoodbye()
	}
	end := add(m.ticks(), max(timeout, 0))
	err := m.Poll(0) // so that a goodbye is offered to its socket, however little the time
	for len(m.conns) > 0 && m.ticks() < end && err == nil {
		err = m.Poll(time.Duration(max(0, end-m.ticks())))
	}
	if timeout > 0 && err == nil { // it may be the loop that is late: what peers have answered counts
		for turns := m.turnsForUnread(); turns > 0 && m.anyReadable() && err == nil; turns-- {
			err = m.Poll(0)
		}
	}
	if m.closed { // by a handler
		return nil, nil
	}
	var late []Straggler
	for _, c := range m.conns {
		late = append(late, Straggler{c.id, c.RemoteAddr(), c.queued()})
	}
	if e := m.Close(); err == nil {
		err = e
	}
	return late, err
}

// turnsForUnread is how many turns of the loop take in all that lies in the connections'
// sockets, and the ends behind it.
func (m *Manager) turnsForUnread() int {
	most := 0
	for _, c := range m.conns {
		most = max(most, c.unreadBytes())
	}
	return most/tlsReadSize + 4
}

// anyReadable reports whether something lies in a connection's socket.
func (m *Manager) anyReadable() bool {
	for _, c := range m.conns {
		if c.fd >= 0 && !c.accepts() && poll.IsReadable(int(c.fd)) {
			return true
		}
	}
	return false
}

// sayGoodbye lets the layers say goodbye, the topmost first.
func (c *Conn) sayGoodbye() {
	if c.role == roleListener {
		c.Close()
		return
	}
	waits := false
	for i := len(c.layers) - 1; i >= 0; i-- {
		if i >= len(c.layers) { // a layer has taken others away, or has closed the manager
			continue
		}
		if l, ok := c.layers[i].(Leaver); ok {
			waits = l.Leave(c) || waits
		}
	}
	if !waits {
		c.Drain()
	}
}
