package reactor

import (
	"context"
	"net/netip"
	"time"
)

// Leaver is implemented by layers whose protocol has a goodbye. Leave says it;
// true means that the layer itself drains the connection once the peer has
// answered, false that nothing more is to come.
type Leaver interface {
	Leave(c *Conn) bool
}

// A Straggler is a connection that was still open when the time for Drain
// was up.
type Straggler struct {
	ID     uint64
	Remote netip.AddrPort
	Unsent int // bytes in Send
}

// Run calls Poll until ctx is done, which it returns the cause of, or until
// the manager is closed, or Poll fails. The manager stays open: Drain or Close
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

// Drain ends the manager in order: listeners close, every layer says its
// goodbye, what lies in Send is written. It polls meanwhile, new connections
// are refused, and handlers run as ever. When no connection is left, or after
// timeout (0 or less: after one turn of the loop), the manager is closed; those that were still open are returned. The
// error is ErrClosed if the manager was closed before, or that of a failed Poll.
// Like Poll, Drain panics if called from within a handler.
func (m *Manager) Drain(timeout time.Duration) ([]Straggler, error) {
	m.enter("Drain")
	if m.ending {
		return nil, ErrClosed
	}
	m.draining = true
	for _, c := range m.conns {
		c.leave()
	}
	end := add(m.ticks(), max(timeout, 0))
	err := m.Poll(0) // so that a goodbye is offered to its socket, however little the time
	for len(m.conns) > 0 && m.ticks() < end && err == nil {
		err = m.Poll(time.Duration(end - m.ticks()))
	}
	if m.closed { // by a handler
		return nil, nil
	}
	var late []Straggler
	for _, c := range m.conns {
		late = append(late, Straggler{c.id, c.remote, c.queued()})
	}
	if e := m.Close(); err == nil {
		err = e
	}
	return late, err
}

// leave lets the layers say goodbye, the topmost first.
func (c *Conn) leave() {
	if c.is(listening) {
		c.Close()
		return
	}
	waits := false
	for i := len(c.layers) - 1; i >= 0; i-- {
		if l, ok := c.layers[i].(Leaver); ok {
			waits = l.Leave(c) || waits
		}
	}
	if !waits {
		c.Drain()
	}
}
