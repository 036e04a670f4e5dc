package reactor

import (
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/rikki-go/rikki/internal/quote"
)

// Openings: what is said on a stream before its connection begins. A client asks a proxy for a
// tunnel, and a listener reads the PROXY protocol header of a load balancer. All that belongs to
// the connection comes after that, TLS too. An Opening is a pure state machine. openingRun gives
// it the bytes of the socket.
//
// An opening is no layer and no transport, because the connection has not begun: the descriptor
// belongs to the openingRun. So nothing in input.go, output.go and the transports knows openings.
//
//	client    it is a phase of the dialer: attempts, opening, EvConnect. The Conn is still being
//	          dialed and has no descriptor.
//	accepted  it comes between accept and EvOpen. The Conn exists, because it counts in
//	          Limits.Conns and may be evicted. But it has no events, no layers, and no settings of
//	          the listener yet, and Conns does not return it.
//
// Order of events. On a client: EvOpen, EvResolve, the opening, EvConnect, EvTLSHS. On an accepted
// connection: the opening, EvOpen, EvAccept, EvTLSHS. If the opening fails, a client gets EvError
// and EvClose. An accepted connection gets no event at all, as if its listener had refused it. Its
// handler may expect that EvAccept comes before EvClose, and no peer must be able to break that.
// The error is logged. Stats.Refused counts each connection that ends in its opening, for whatever
// reason. If the peer of an accepted connection ends
// or resets the stream before its first byte, nothing is logged: load balancers look in this way
// whether the port is open.
//
// Bytes. The openingRun peeks at the socket (MSG_PEEK). What Advance has used is then read. What
// follows stays in the socket, and the connection reads it: a server's first bytes and TLS records
// are not lost, even if they are in the same segment. Bytes that Advance has seen and not used are
// read too, and kept in held until more arrives. Otherwise the poller would report them forever.
// What Advance returns as out is written before anything else is read. What the socket does not
// take waits in the openingRun, which waits until the socket is writable. done counts when all is
// written.
//
// End of stream in an opening is io.ErrUnexpectedEOF. The error of an opening, of the socket, and
// of a deadline names the step, see Opening.
//
// Deadlines. On a client the Connect deadline bounds the opening together with the attempts. On an
// accepted connection the Handshake deadline bounds it, from accept. No other deadline applies. As
// for all deadlines, what is in the socket is read first.
//
// Calls before it is done. A client's Conn is being dialed: Send waits, StartTLS and Pause and
// CloseWrite take effect after EvConnect, Drain waits for Send, and Close and Fail end the
// attempt. On an accepted one only Advance has the Conn, and each call that ends the connection
// refuses it. If the listener closes, so do the connections whose opening is not done, as those in
// the kernel's backlog do.
//
// Eviction. An accepted connection in its opening is idle, see idle.go. Its bytes do not move it to
// the end of the list.

// An Opening talks to the peer on a stream before the connection begins, see Stack.SetOpening. Each
// connection has one of its own.
type Opening interface {
	// Advance handles input of the peer. The first call has no input, so that the side that
	// speaks first can do so. Later calls have all the bytes that have arrived and that no call
	// before has used. in is valid until Advance returns.
	//
	// Advance returns how many bytes of in it has used, and bytes for the peer. If it returns
	// done, the connection begins when out is written, and what follows in in belongs to the
	// connection. If it uses nothing, writes nothing and is not done, the next call comes when
	// more bytes have arrived. An error ends the connection; out is offered to the socket once.
	//
	// The error says what is wrong. The loop adds the peer's address. An error must contain no
	// secrets. c may be used for its addresses. It has no buffers yet that are of use.
	Advance(c *Conn, in []byte) (used int, out []byte, done bool, err error)

	// Step says what the opening waits for, such as "SOCKS5 reply". It is in the errors of a
	// deadline, of the socket, and of an end of stream.
	Step() string
}

// SetOpening sets what is said on the socket before the connection begins. fn is called for each
// connection when its socket is connected or accepted, and returns its Opening, or nil for none.
// A later call replaces fn. A nil fn means none for the connections from then on.
//
// On a connection of Connect it must be called before the socket is connected, which is in EvOpen
// or before. EvConnect comes when the opening is done. The Connect deadline bounds both. On a
// listener of streams it applies to the connections that it accepts from now on. Their EvOpen and
// EvAccept come when the opening is done, which the Handshake deadline bounds. A connection that
// ends in its opening raises no event, and Stats.Refused counts it; an error is logged. TLS comes
// after the opening.
//
// SetOpening returns an error on other connections, and if it is too late.
func (s Stack) SetOpening(fn func(c *Conn) Opening) error {
	c := s.c
	c.mgr.checkOwner()
	switch {
	case c.life >= closing || c.is(failed):
		return ErrClosed
	case c.isStreamListener():
		c.ext.accept.newOpening = fn
		c.ext.accept.hadOpening = c.ext.accept.hadOpening || fn != nil
	case c.role != roleClient || c.isDatagram():
		return errors.New("reactor: SetOpening: want a stream made by Connect, or a listener of streams")
	case !c.dialing() || c.ext.dial.opening != nil:
		return errors.New("reactor: SetOpening: too late, the socket is connected")
	default:
		c.ext.dial.newOpening = fn
	}
	return nil
}

// Opening returns the Opening with which an accepted connection has begun, or nil. It is for
// protocols whose Opening has learned something about the peer.
func (s Stack) Opening() Opening {
	if c := s.c; c.ext != nil && c.ext.opening != nil {
		return c.ext.opening.opening
	}
	return nil
}

// SetRemoteAddr sets what RemoteAddr returns. It is for an Opening that learns the address of the
// client behind a proxy. It does not change where bytes go, so it panics on a datagram socket.
func (s Stack) SetRemoteAddr(a netip.AddrPort) {
	s.c.mgr.checkOwner()
	if s.c.isDatagram() {
		panic("reactor: SetRemoteAddr on a datagram socket")
	}
	s.c.setRemote(a)
}

// opening returns the openingRun of an accepted connection that has not begun, or nil.
func (c *Conn) opening() *openingRun {
	if c.ext != nil && c.ext.opening != nil && !c.ext.opening.finished {
		return c.ext.opening
	}
	return nil
}

// openAccepted begins the opening of a connection that listener l has accepted. Without an opening
// the connection begins at once.
func (c *Conn) openAccepted(l *Conn) {
	fn := l.ext.accept.newOpening
	if fn == nil {
		c.initAccepted(l)
		return
	}
	r := &openingRun{c: c, fd: int(c.fd), listener: l}
	c.extra().opening = r
	r.opening = fn(c)
	switch {
	case r.ended(): // fn has closed it
		return
	case r.opening == nil:
		c.ext.opening = nil
		c.dropUnusedExtras()
		c.initAccepted(l)
		return
	}
	if own := l.settings().deadlines; own != nil {
		c.ownSettings().deadlines = own
	}
	c.startDeadline(deadlineHandshake)
	r.begin()
}

// open begins the opening of an outgoing connection on fd. Without an opening the connection is
// established at once.
func (d *dialer) open(fd int) {
	var o Opening
	if d.newOpening != nil {
		o = d.newOpening(d.c)
	}
	if o == nil || d.done || d.c.inputOver() {
		d.established(fd)
		return
	}
	d.stopAttempts()
	d.opening = &openingRun{c: d.c, opening: o, fd: fd}
	if !d.connecting { // a UNIX-domain socket is connected at once
		d.connecting = true
		d.c.startDeadline(deadlineConnect)
	}
	d.opening.begin()
}

// openingFailed fails a client because its opening has failed.
func (d *dialer) openingFailed(err error) {
	addr := d.c.RemoteAddr()
	d.stop()
	if addr.IsValid() {
		d.c.Fail(opError("dial", d.network, addr, err))
		return
	}
	d.c.Fail(&net.OpError{Op: "dial", Net: d.network, Addr: namedAddr{d.network, d.url.Path}, Err: err})
}

// refuse closes an accepted connection whose opening has failed with err. Handlers are not called.
// dispose counts it.
func (c *Conn) refuse(err error) {
	m := c.mgr
	c.advance(closing)
	if err != nil && !errors.Is(err, io.EOF) && m.mayLog() {
		m.log.Warn("connection refused in its opening", append(c.attrs(), "listener", c.ext.opening.listener.id, "error", quote.Error(err))...)
	}
}

// closeOpenings closes the connections that listener c has accepted and whose opening is not done.
func (c *Conn) closeOpenings() {
	if !c.ext.accept.hadOpening {
		return
	}
	for o := range c.mgr.conns.each() {
		if r := o.opening(); r != nil && r.listener == c && o.life < closing {
			o.refuse(nil)
		}
	}
}

// readyInOpening is called when the poller reports an accepted connection that has had no event
// yet. A new connection of another kind waits for EvOpen, and the next turn reports it again.
func (c *Conn) readyInOpening() {
	switch r := c.opening(); {
	case r == nil:
	case c.mgr.turn.over:
		c.scheduleInput()
	default:
		c.mgr.beginDelivery(c)
		r.run()
		c.mgr.endDelivery()
	}
}
