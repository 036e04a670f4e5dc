package netconn

import (
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/rikki-go/rikki/reactor"
)

// What the loop does for a Conn. The functions of this file run on the loop's goroutine, if they do
// not say otherwise.

// layer is the layer of a Conn on its connection. It is a type of its own so that Conn has no
// method Handle.
type layer struct{ n *Conn }

// Handle implements [reactor.Protocol].
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	n := l.n
	switch ev {
	case reactor.EvRead:
		n.receive()
	case reactor.EvWrite, reactor.EvLowWater:
		n.sendMore()
	case reactor.EvConnect, reactor.EvAccept, reactor.EvTLSHS:
		n.setEstablished()
	case reactor.EvEnd:
		n.endInput()
	case reactor.EvError:
		n.fail(errors.Unwrap(data.(error))) // Unwrap also says that the error is handled
	case reactor.EvClose:
		n.fail(nil)
	}
}

// receive moves what is in Recv to the input queue. If the queue is full then, it pauses the
// connection.
func (n *Conn) receive() {
	c := n.c
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed && n.in.Receive(c.Recv.Bytes()) {
		c.Pause()
	}
	c.Recv.Consume(c.Recv.Len())
	if c.Stack().PeerEnded() && n.readErr == nil { // EvEnd came before New
		n.readErr = io.EOF
	}
	if !n.in.HasReader() {
		c.Stack().AddHeld(n.in.Count())
	}
	n.mu.Changed.Broadcast()
}

// loopWork is posted by the methods of Conn. It does what has become possible or necessary.
func (n *Conn) loopWork() {
	n.mu.Begin()
	resume := n.in.Resume()
	n.c.Stack().AddHeld(n.in.Count())
	n.mu.Unlock()
	if resume {
		n.c.Resume()
	}
	n.sendMore()
}

// sendMore moves bytes from the output queue to Send while there is space. When the queue is
// empty, it ends what Close or CloseWrite wants to end.
func (n *Conn) sendMore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.c
	if n.writeErr == nil && !c.Stack().CanSend() {
		n.writeErr = n.opError("write", errNotSent)
	}
	for n.writeErr == nil && n.out.Len() > 0 {
		space := n.limit - c.Send.Len()
		if space <= 0 { // EvWrite or EvLowWater continues
			n.mu.Changed.Broadcast()
			return
		}
		p := n.out.Front()
		k, err := c.Write(p[:min(len(p), space)])
		n.out.Consume(k)
		if err != nil {
			n.writeErr = n.opError("write", err)
		}
	}
	if n.writeErr != nil {
		n.out.Reset()
	}
	n.mu.Changed.Broadcast()
	n.end()
}

// end carries out Close and CloseWrite when all that was written is in Send.
func (n *Conn) end() {
	c := n.c
	switch {
	case n.closed && (n.writeErr != nil || c.IsTLS() && c.TLS() == nil && c.Send.Len() == 0):
		c.Close() // nothing was said that the peer should read
	case n.closed:
		c.Drain()
	case n.writeEnded && !n.ending:
		n.ending = true
		if err := c.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			c.Stack().Report(err)
		}
	}
}

// setEstablished notes that the connection is established, unless TLS is still to begin.
func (n *Conn) setEstablished() {
	c := n.c
	n.mu.Lock()
	n.local, n.remote = tcpAddr(c.LocalAddr()), tcpAddr(c.RemoteAddr())
	if c.IsTLS() && c.TLS() == nil {
		n.mu.Unlock()
		return
	}
	first := !n.established
	n.established = true
	n.mu.Changed.Broadcast()
	n.mu.Unlock()
	if first && n.ln != nil {
		n.ln.add(n)
	}
}

// endInput is called at the end of the peer's stream.
func (n *Conn) endInput() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.readErr == nil {
		n.readErr = io.EOF
	}
	n.mu.Changed.Broadcast()
}

// fail ends both directions with err, except one that has ended already. If err is nil, the
// connection is closed without an error. It may be called from any goroutine. A connection that
// exceeds the memory budget loses what was not read, because that is what the budget is for.
func (n *Conn) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	readErr, writeErr := err, err
	if err == nil {
		readErr, writeErr = n.opError("read", net.ErrClosed), n.opError("write", net.ErrClosed)
	}
	if n.readErr == nil {
		n.readErr = readErr
	}
	if n.writeErr == nil || err != nil && errors.Is(n.writeErr, errNotSent) {
		n.writeErr = writeErr
	}
	if errors.Is(err, reactor.ErrMemoryBudget) {
		n.in.Reset()
	}
	n.out.Reset()
	n.mu.Changed.Broadcast()
}

// tcpAddr returns a net.Addr for an address of a connection.
func tcpAddr(a netip.AddrPort) net.Addr {
	if a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return &net.UnixAddr{Net: "unix"}
}
