package reactor

import (
	"net/netip"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Handler is the one shape of callback. A handler hears every event of the
// connections that it was given to. Handlers run on the goroutine that calls Poll,
// one at a time, and must not block.
type Handler func(c *Conn, ev Event, data any)

// Conn is a connection or a listener. It belongs to its manager's goroutine. A *Conn
// is never reused: after EvClose it stays what it is, and every call on it is harmless.
//
// A stream's Send and Recv may be used directly, as in Mongoose. Whatever is appended
// to Send is written when the handlers have returned. What is not consumed from Recv
// stays there, and later bytes are put behind it.
type Conn struct {
	Fn     Handler // called last, after the protocols' layers; may be replaced at any time
	FnData any     // the program's own
	Send   Buffer  // plaintext to be written
	Recv   Buffer  // plaintext that arrived and was not consumed

	mgr    *Manager
	id     uint64
	layers []Protocol
	ext    *extras
	peer   netip.Addr // of tcp and udp
	port   uint16     // of the peer
	flags  flags
	fd     int32
	life   life
	role   role
	on     lists
	ack    quickAck
}

// extras are what most connections do without.
type extras struct {
	transport transport // if it is not a plain stream
	dial      *dialer   // while an outgoing connection is being established
	accept    *acceptor // of a stream listener
	local     netip.AddrPort
	watch     *watchdog
	flight    *flight
	high, low int    // water marks of Send; 0 is off
	limits    Limits // the connection's own; zero fields are the manager's
	trip      int    // bytes in Send beyond which marks or limits may be crossed
	unheard   int    // bytes that came into Recv while suspended, counted by no EvRead yet
	lost      error  // of a write that failed: the peer's last words are still to be read
}

func (c *Conn) is(f flags) bool { return c.flags&f != 0 }

// ID returns the connection's number, unique in its manager, from 1.
func (c *Conn) ID() uint64 { return c.id }

// Manager returns the manager that the connection lives on.
func (c *Conn) Manager() *Manager { return c.mgr }

// IsListening reports whether the connection was made by Listen or ListenFD.
func (c *Conn) IsListening() bool { return c.role == roleListener }

// IsClient reports whether the connection was made by Connect.
func (c *Conn) IsClient() bool { return c.role == roleClient }

// Stopped reports whether input must not be delivered now: the connection is paused,
// has failed, is closing, or too much of what it was answered waits unsent (see
// Limits). Whatever finds several messages in Recv asks after each that it handled,
// and leaves the rest if Stopped returns true.
func (c *Conn) Stopped() bool { return c.is(paused|held|failed) || c.life >= closing }

// suspended reports whether input waits until the program, or the peer by reading,
// lets it go on.
func (c *Conn) suspended() bool { return c.is(paused | held) }

// RemoteAddr returns the address of the peer; of a datagram listener, the sender of
// the last datagram. It is the zero AddrPort for other than tcp and udp, and before an
// outgoing connection is established.
func (c *Conn) RemoteAddr() netip.AddrPort { return netip.AddrPortFrom(c.peer, c.port) }

func (c *Conn) setRemote(a netip.AddrPort) { c.peer, c.port = a.Addr(), a.Port() }

// LocalAddr returns the socket's own address. It is the zero AddrPort for other than
// tcp and udp and, unless the connection is a listener, after EvClose.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.ext != nil && c.ext.local.IsValid() {
		return c.ext.local
	}
	if c.fd < 0 {
		return netip.AddrPort{}
	}
	return poll.LocalAddr(int(c.fd))
}

// extra returns the connection's extras, which it makes at the first use.
func (c *Conn) extra() *extras {
	if c.ext == nil {
		c.ext = &extras{trip: c.mgr.trip}
	}
	return c.ext
}

// Write appends a copy of p to Send, to be written when the handlers have returned. On
// a datagram socket p is one datagram, to the RemoteAddr of this moment. The error is
// ErrClosed on a connection that is closed, has failed, or whose sending side has ended
// (CloseWrite, or Drain once Send is empty); on a datagram socket also EMSGSIZE for what
// no datagram can carry.
func (c *Conn) Write(p []byte) (int, error) {
	c.mgr.own()
	if c.is(failed|endWrite) || c.life >= lingering {
		return 0, ErrClosed
	}
	if c.accepts() {
		return 0, opError("write", c.network(), c.LocalAddr(), sysErr("write", syscall.ENOTCONN))
	}
	return c.transport().write(p)
}

// network is the name that errors give the kind of socket.
func (c *Conn) network() string {
	switch {
	case c.role == roleWrapped || c.role == roleFile:
		return "fd"
	case c.isDatagram():
		return "udp"
	case c.ext != nil && c.ext.dial != nil:
		return c.ext.dial.network
	case c.peer.IsValid() || c.ext != nil && c.ext.local.IsValid():
		return "tcp"
	}
	return "unix"
}

// Close closes the connection when the handlers have returned. What lies in Send is
// discarded. EvClose follows, from Poll.
func (c *Conn) Close() {
	c.mgr.own()
	c.advance(closing)
}

// Abort closes the connection when the handlers have returned, as Close does, and
// resets it: the peer gets an error (ECONNRESET) and never an end of stream, so it
// does not take what it has received for all there is. On a socket without resets,
// such as a UNIX-domain one, Abort is Close.
func (c *Conn) Abort() {
	c.mgr.own()
	if c.life < closing && c.fd >= 0 && !c.accepts() {
		c.transport().abort()
	}
	c.advance(closing)
}

// Drain closes the connection in order. Input is delivered until Send is empty; then
// the sending side is shut down and further input discarded until the peer has ended
// too, or for one second. (Closing a socket that has unread input resets the
// connection, which may destroy what was just sent.)
func (c *Conn) Drain() {
	c.mgr.own()
	c.advance(draining)
}

// CloseWrite ends the sending side once Send is empty, over TLS with close_notify;
// input goes on. When the peer ends its side as well the connection closes. From now
// on Write returns ErrClosed. The error is ErrClosed on a connection that is closed or
// about to be, and ENOTSUP on what has no sending side of its own: a listener, a
// datagram socket, a pipe.
func (c *Conn) CloseWrite() error {
	c.mgr.own()
	switch {
	case c.is(failed|endWrite) || c.life > open:
		return ErrClosed
	case c.accepts() || c.isDatagram() || c.role == roleFile:
		return opError("close", c.network(), c.RemoteAddr(), sysErr("shutdown", syscall.ENOTSUP))
	}
	c.flags |= endWrite
	c.mark()
	return nil
}

// SetHalfClose says what the end of the peer's stream means. Off, as it is by default,
// what lies in Send is written and the connection closes. On, EvEnd is raised and the
// connection goes on sending until the program ends it, with CloseWrite, Drain or
// Close. Accepted connections inherit the setting from their listener.
func (c *Conn) SetHalfClose(on bool) {
	c.mgr.own()
	c.set(halfClose, on)
}

func (c *Conn) set(f flags, on bool) {
	c.flags &^= f
	if on {
		c.flags |= f
	}
}

// advance moves the connection's life on, never back. When our side has ended already,
// nothing is left of draining but to wait for the peer's end.
func (c *Conn) advance(to life) {
	if c.life == receiving && to < lingering {
		to = lingering
		c.startClock(clockEnd)
	}
	if c.life < to {
		c.life = to
		c.mark()
	}
}

// Fail raises EvError with err and closes the connection. No input is delivered any
// more. What lies in Send is offered to the socket once; if the socket took all of it,
// the connection is closed as Drain closes it, so that the peer gets to read it. Only
// the first failure counts, and none after Close. A nil err is ErrClosed.
func (c *Conn) Fail(err error) {
	c.mgr.own()
	if c.is(failed) || c.life >= closing {
		return
	}
	if err == nil {
		err = ErrClosed
	}
	c.flags |= failed
	if c.life == lingering { // nothing can be sent any more
		c.life = closing
	}
	c.mgr.stats.Failed++
	c.mark()
	r := c.mgr.report(c, err)
	if c.ext != nil && c.ext.flight != nil {
		c.ext.flight.log(c, err)
		r.seen.Store(true)
	}
	c.Call(EvError, r)
}

// Pause stops the delivery of input after the event that is being delivered, and the
// reading from the socket: the peer's TCP window fills. On a listener it stops
// accepting. It does not delay what Send holds.
func (c *Conn) Pause() {
	c.mgr.own()
	if !c.is(paused) && c.life < closed {
		c.suspend(paused)
		c.mgr.stats.Pauses++
	}
}

// Resume undoes Pause. What already lies in Recv, or in a layer's own buffer, is
// offered again from Poll, with EvRead, without waiting for the socket.
func (c *Conn) Resume() {
	c.mgr.own()
	if c.life < closed {
		c.unsuspend(paused)
	}
}

// suspend stops input for a reason, paused or held.
func (c *Conn) suspend(why flags) {
	if w := c.watchdog(); w != nil && !c.is(paused) {
		w.stopClocks()
	}
	c.flags |= why
	c.mark()
}

// unsuspend takes a reason away. If it was the last one, input goes on.
func (c *Conn) unsuspend(why flags) {
	if !c.is(why) {
		return
	}
	w := c.watchdog()
	if w != nil && (why == paused || !c.is(paused)) {
		w.startClocks()
	}
	c.flags &^= why
	c.mark()
	if !c.suspended() {
		c.redispatch()
		if c.lost() {
			c.lookAgain()
		}
	}
	if w != nil {
		w.rearm()
	}
}

// redispatch makes Poll offer what lies in Recv.
func (c *Conn) redispatch() {
	if c.on&onRedeliver == 0 && c.life < closed {
		c.on |= onRedeliver
		c.mgr.redeliver.add(c)
	}
}

// SetPoll turns EvPoll, once per Poll, on or off for this connection.
func (c *Conn) SetPoll(on bool) {
	c.mgr.own()
	c.set(polled, on && c.life < closed)
	if c.is(polled) && c.on&onAsking == 0 {
		c.on |= onAsking
		c.mgr.asking = append(c.mgr.asking, c)
	}
}

// start raises EvOpen and begins what the connection is for.
func (c *Conn) start() {
	if c.life == closed {
		return
	}
	if !c.is(opened) {
		c.dispatch(EvOpen, nil)
	}
	switch {
	case c.life >= closing || c.is(failed): // settle ends it
	case c.dialling():
		c.ext.dial.start()
	case c.role == roleWrapped || c.role == roleFile:
		c.established()
	}
	c.mark() // to be registered with the poller from now on
}

// dialling reports whether an outgoing connection is not established yet.
func (c *Conn) dialling() bool { return c.ext != nil && c.ext.dial != nil && !c.ext.dial.done }

// mark puts the connection on the list of those to be settled.
func (c *Conn) mark() {
	c.mgr.own() // for what is appended to Send directly
	if c.on&onDirty == 0 && c.life < closed {
		c.on |= onDirty
		c.mgr.dirty.add(c)
	}
}
