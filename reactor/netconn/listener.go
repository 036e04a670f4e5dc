package netconn

import (
	"errors"
	"net"
	"slices"

	"github.com/rikki-go/rikki/internal/blocking"
	"github.com/rikki-go/rikki/reactor"
)

// maxWaiting is how many connections may wait for Accept before the loop stops accepting.
const maxWaiting = 128

// Listener is a net.Listener whose connections are Conns. All methods may be called from any
// goroutine.
type Listener struct {
	l    *reactor.Conn
	m    *reactor.Manager
	opts Options
	addr net.Addr

	mu      blocking.Monitor // guards the fields below
	waiting []*Conn          // established, and not yet returned by Accept
	closed  bool             // Close was called
	err     error            // why no more connections come, or nil
	paused  bool             // the listener is paused because maxWaiting connections wait
}

// ErrNotListener is the error of NewListener on a connection that is not a stream listener.
var ErrNotListener = errors.New("netconn: NewListener needs a listener of streams")

// NewListener makes a net.Listener of a listener of the loop. It must be called on the loop's
// goroutine, before the listener accepts. Each connection that the listener accepts is returned by
// Accept once it is established; over TLS that is after the handshake. While 128
// connections wait for Accept, the loop does not accept more: they wait in the kernel. Connections
// that are in a TLS handshake then are still added.
//
// l.Fn is called with the events of the listener and of its connections, see New. opts.Replaces is
// ignored. The error is ErrNotListener, or reactor.ErrClosed if l is closed.
func NewListener(l *reactor.Conn, opts *Options) (*Listener, error) {
	switch {
	case l.Stack().Closed():
		return nil, reactor.ErrClosed
	case !l.IsListening() || l.Stack().IsDatagram():
		return nil, ErrNotListener
	}
	ln := &Listener{l: l, m: l.Manager(), addr: tcpAddr(l.LocalAddr())}
	if opts != nil {
		ln.opts = *opts
	}
	ln.mu.Init(ln.m, ln.resume)
	l.Stack().Push(&acceptor{ln})
	return ln, nil
}

// acceptor is the layer of a Listener.
type acceptor struct{ ln *Listener }

// Accept implements [reactor.Acceptor].
func (a *acceptor) Accept(c *reactor.Conn) reactor.Protocol {
	n := newConn(c, &a.ln.opts)
	n.ln = a.ln
	n.attach()
	return &layer{n}
}

// Handle implements [reactor.Protocol]. It notes why the listener ends.
func (a *acceptor) Handle(_ *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvError:
		a.ln.fail(errors.Unwrap(data.(error)))
	case reactor.EvClose:
		a.ln.fail(net.ErrClosed)
	}
}

func (ln *Listener) fail(err error) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.err == nil {
		ln.err = err
	}
	ln.mu.Changed.Broadcast()
}

// add is called on the loop's goroutine when a connection is established.
func (ln *Listener) add(n *Conn) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		n.c.Close()
		return
	}
	ln.waiting = append(ln.waiting, n)
	ln.mu.Changed.Broadcast()
	if len(ln.waiting) >= maxWaiting && !ln.paused {
		ln.paused = true
		ln.l.Pause()
	}
}

// resume is posted when connections were taken and when the listener is closed.
func (ln *Listener) resume() {
	ln.mu.Begin()
	closed := ln.closed
	ln.paused = ln.paused && len(ln.waiting) > maxWaiting/2
	paused := ln.paused
	ln.mu.Unlock()
	switch {
	case closed:
		ln.l.Close()
	case !paused:
		ln.l.Resume()
	}
}

// Accept returns the next connection, a *Conn. It waits until there is one. Connections that were
// established before the listener failed are still returned. The error is net.ErrClosed after
// Close, and after the listener was closed on the loop or with the manager.
func (ln *Listener) Accept() (net.Conn, error) {
	ln.mu.Lock()
	for len(ln.waiting) == 0 && !ln.closed && ln.err == nil {
		ln.mu.Wait("netconn: Accept")
	}
	switch {
	case ln.closed:
		ln.mu.Unlock()
		return nil, ln.opError("accept", net.ErrClosed)
	case len(ln.waiting) == 0:
		defer ln.mu.Unlock()
		return nil, ln.opError("accept", ln.err)
	}
	n := ln.waiting[0]
	ln.waiting = slices.Delete(ln.waiting, 0, 1)
	ln.mu.UnlockAndPost(ln.paused && len(ln.waiting) == maxWaiting/2) // fails only if the manager is closed
	return n, nil
}

// Close closes the listener, and the connections that Accept has not returned. Other connections
// stay open. Calls of Accept that wait return at once. The error is net.ErrClosed if Close was
// called before.
func (ln *Listener) Close() error {
	ln.mu.Lock()
	if ln.closed {
		ln.mu.Unlock()
		return ln.opError("close", net.ErrClosed)
	}
	ln.closed = true
	waiting := ln.waiting
	ln.waiting = nil
	ln.mu.Changed.Broadcast()
	ln.mu.UnlockAndPost(true) // fails only if the manager is closed, and the listener with it
	for _, n := range waiting {
		n.Close()
	}
	return nil
}

// Addr returns the address of the listener: a *net.TCPAddr, or a *net.UnixAddr without a name.
func (ln *Listener) Addr() net.Addr { return ln.addr }

func (ln *Listener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: ln.addr.Network(), Addr: ln.addr, Err: err}
}
