package reactor

import (
	"context"
	"net/netip"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// A Straggler is a connection that was still open when the time of Manager.Drain was up.
type Straggler struct {
	ID     uint64         // see Conn.ID
	Remote netip.AddrPort // see Conn.RemoteAddr
	Unsent int            // bytes in Send, and ciphertext of TLS that the socket did not take
}

// Run calls Poll until one of these happens, and returns:
//
//	ctx is done             the cause of ctx, see context.Cause
//	the manager is closed   nil
//	Poll fails              the error of Poll
//
// Run does not close the manager: call Drain or Close after it. It panics as Poll does.
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

// Drain ends all connections gracefully and closes the manager:
//
//  1. Listeners close. No connection can be made any more: Connect, Listen, ListenFD and WrapFD
//     return ErrClosed.
//  2. The layers of each connection say goodbye, the topmost first, and the connection drains.
//     Some finish first what is under way, see GoodbyeSayer.
//  3. Drain polls until no connection is left or timeout has passed. Handlers are called as
//     usual. If timeout is 0 or less, it polls once. If the loop is late, what peers have
//     answered is still read.
//  4. The manager closes.
//
// Drain returns the connections that were still open before step 4. The error is ErrClosed if
// the manager was closed before, ErrPanicked after a handler's panic, or that of a failed Poll
// or Close. If a handler closes the manager meanwhile, both results are nil. Drain panics if it
// is called from within a handler, timer or posted function.
func (m *Manager) Drain(timeout time.Duration) ([]Straggler, error) {
	m.assertIdle("Drain")
	if err := m.pollError(); err != nil {
		return nil, err
	}
	m.draining = true
	for c := range m.conns.each() {
		c.sayGoodbye(timeout > 0)
	}
	end := addSaturated(m.ticks(), max(timeout, 0))
	err := m.Poll(0) // writes the goodbyes, even if there is no time to wait
	for m.conns.n > 0 && m.ticks() < end && err == nil {
		err = m.Poll(time.Duration(max(0, end-m.ticks())))
	}
	if timeout > 0 && err == nil { // the loop may be late, not the peers: read their answers
		m.turn.unlimited = true
		for turns := m.turnsForUnread(); turns > 0 && (m.anyReadable() || len(m.redeliver.list) > 0) && err == nil; turns-- {
			err = m.Poll(0)
		}
	}
	if m.closed { // a handler called Close
		return nil, nil
	}
	var stragglers []Straggler
	for c := range m.conns.all() {
		stragglers = append(stragglers, Straggler{c.id, c.RemoteAddr(), c.unsentBytes()})
	}
	if closeErr := m.Close(); err == nil {
		err = closeErr
	}
	return stragglers, err
}

// turnsForUnread returns the number of turns that are enough to read all that is in the
// connections' sockets, and the ends of their streams.
func (m *Manager) turnsForUnread() int {
	most := 0
	for c := range m.conns.all() {
		most = max(most, c.unreadBytes())
	}
	return most/tlsReadSize + 4
}

// anyReadable reports whether any connection's socket has something to read.
func (m *Manager) anyReadable() bool {
	for c := range m.conns.all() {
		if c.fd >= 0 && !c.isStreamListener() && poll.IsReadable(int(c.fd)) {
			return true
		}
	}
	return false
}

// sayGoodbye lets the layers say goodbye, the topmost first. Then it drains the connection,
// unless a layer does that itself later. If waits is true, the layers below such a layer say
// nothing, because it may still need them. A listener closes.
func (c *Conn) sayGoodbye(waits bool) {
	if c.role == roleListener {
		c.Close()
		return
	}
	layerDrains := false
	for i := c.layers.len() - 1; i >= 0 && !(layerDrains && waits); i-- {
		if i >= c.layers.len() { // a layer has removed others, or has closed the manager
			continue
		}
		if l, ok := c.layers.at(i).(GoodbyeSayer); ok {
			layerDrains = l.SayGoodbye(c) || layerDrains
		}
	}
	if !layerDrains {
		c.Drain()
	}
}
