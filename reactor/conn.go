package reactor

import (
	"net/netip"
	"os"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Handler is called with each event of a connection. All callbacks for events have this type.
// docs/events.md lists the dynamic types of data. Event data is valid until the handler
// returns. Handlers run on the goroutine that calls Poll, one at a time. They must not block.
type Handler func(c *Conn, ev Event, data any)

// Conn is a connection or a listener. It belongs to the goroutine of its manager. A *Conn is
// never reused: after EvClose every call on it is harmless.
//
// On a stream a program may use Send and Recv directly, as in Mongoose. The loop writes what
// is in Send when the handlers have returned. Bytes of Recv that are not consumed stay there,
// and later bytes are appended to them.
type Conn struct {
	Fn     Handler // called with each event, after the layers; may be replaced at any time
	FnData any     // for the program; the loop does not use it
	Send   Buffer  // plaintext that is to be written
	Recv   Buffer  // plaintext that arrived and was not consumed

	mgr    *Manager
	id     uint64
	layers layerList
	ext    *extras  // nil until the connection needs one of them
	peer   [16]byte // the peer's IP address on tcp and udp, see peerKind
	port   uint16   // the peer's port
	flags  flags
	fd     int32 // -1 before a client is connected, and after the descriptor is closed
	life   life
	role   role
	on     lists // the manager's lists that the connection is on
	ack    quickAck

	peerKind   addrKind
	acceptedBy uint16 // number of its listener's acceptedSet; 0: no listener has accepted it
}

// is reports whether at least one of the flags is set.
func (c *Conn) is(f flags) bool { return c.flags&f != 0 }

// ID returns the connection's number. Numbers are unique in a manager, begin with 1, and are
// never reused.
func (c *Conn) ID() uint64 { return c.id }

// Manager returns the connection's manager.
func (c *Conn) Manager() *Manager { return c.mgr }

// IsListening reports whether the connection was made by Listen or ListenFD.
func (c *Conn) IsListening() bool { return c.role == roleListener }

// IsClient reports whether the connection was made by Connect.
func (c *Conn) IsClient() bool { return c.role == roleClient }

// InputStopped reports whether no input may be delivered now. That is true if the connection
// is paused, has failed, is closing, has too many unsent bytes (Limits.Backpressure), or has
// used up its share of this turn of the loop. Code that finds several messages in Recv checks it
// after each message. If it is true, the code leaves the rest in Recv. The loop raises EvRead
// again when input may be delivered.
func (c *Conn) InputStopped() bool {
	return c.is(paused|inputHeld|yielded|failed) || c.life >= closing
}

// inputSuspended reports whether input waits, for a call of Resume, for the peer to read what is
// unsent, or for a later turn.
func (c *Conn) inputSuspended() bool { return c.is(paused | inputHeld | yielded) }

// RemoteAddr returns the peer's address. On a datagram listener, and on a client of a multicast or
// broadcast address, that is the sender of the last datagram. It is the zero AddrPort on
// sockets other than tcp and udp, on a stream listener, and before an outgoing connection is
// established.
func (c *Conn) RemoteAddr() netip.AddrPort { return netip.AddrPortFrom(c.peerAddr(), c.port) }

// addrKind says what Conn.peer is. With it an address takes 17 bytes of a Conn instead of the 24 of
// a netip.Addr. A zone is in the settings.
type addrKind uint8

const (
	addrNone addrKind = iota
	addrIPv4
	addrIPv6
)

// peerAddr returns the peer's IP address.
func (c *Conn) peerAddr() netip.Addr {
	switch c.peerKind {
	case addrNone:
		return netip.Addr{}
	case addrIPv4:
		return netip.AddrFrom4([4]byte(c.peer[12:]))
	}
	a := netip.AddrFrom16(c.peer)
	if zone := c.settings().zone; zone != "" {
		a = a.WithZone(zone)
	}
	return a
}

// setRemote sets what RemoteAddr returns.
func (c *Conn) setRemote(to netip.AddrPort) {
	a := to.Addr()
	c.peer, c.port = a.As16(), to.Port()
	switch {
	case a.Is4():
		c.peerKind = addrIPv4
	case a.IsValid():
		c.peerKind = addrIPv6
	default:
		c.peerKind = addrNone
	}
	if zone := a.Zone(); zone != c.settings().zone {
		c.ownSettings().zone = zone
	}
}

// LocalAddr returns the socket's own address. It is the zero AddrPort on sockets other than
// tcp and udp, and after EvClose. A listener keeps its address after EvClose.
func (c *Conn) LocalAddr() netip.AddrPort {
	if local := c.settings().local; local.IsValid() {
		return local
	}
	if c.fd < 0 {
		return netip.AddrPort{}
	}
	return poll.LocalAddr(int(c.fd))
}

// Write appends a copy of p to Send. The loop writes it when the handlers have returned. On a
// datagram socket p is one datagram, and goes to the current RemoteAddr. On a client of a multicast
// or broadcast address it goes to this address. The result is len(p) or an error:
//
//	ErrClosed     the connection is closed, has failed, or has ended its sending side
//	              (CloseWrite, or Drain once Send is empty)
//	ENOTCONN      the connection is a stream listener
//	EMSGSIZE      on a datagram socket: p is longer than any datagram can be
//	EDESTADDRREQ  on a datagram listener: no datagram has arrived, so there is no peer yet
func (c *Conn) Write(p []byte) (int, error) {
	c.mgr.checkOwner()
	if c.is(failed|closeWrite) || c.life >= lingering {
		return 0, ErrClosed
	}
	if c.isStreamListener() {
		return 0, opError("write", c.network(), c.LocalAddr(), os.NewSyscallError("write", syscall.ENOTCONN))
	}
	return c.writeTransport(p)
}

// network returns the kind of socket, as errors and log records name it.
func (c *Conn) network() string {
	switch {
	case c.role == roleWrapped || c.role == roleFile:
		return "fd"
	case c.isDatagram():
		return "udp"
	case c.ext != nil && c.ext.dial != nil:
		return c.ext.dial.network
	case c.peerKind != addrNone || c.settings().local.IsValid():
		return "tcp"
	}
	return "unix"
}

// Close closes the connection when the handlers have returned. It discards what is in Send.
// The next Poll, or the one that is running, raises EvClose.
func (c *Conn) Close() {
	c.mgr.checkOwner()
	c.advance(closing)
}

// Abort closes the connection as Close does, and resets it. The peer gets an error
// (ECONNRESET) instead of an end of stream, so it cannot mistake what it received for the
// whole. After Close, and in EvClose, it is not too late for Abort. On a socket that has no resets,
// such as a UNIX-domain socket, Abort is Close.
func (c *Conn) Abort() {
	c.mgr.checkOwner()
	if c.fd >= 0 && !c.isStreamListener() {
		c.transport().abort()
	}
	c.advance(closing)
}

// Drain closes the connection gracefully:
//
//  1. Input is delivered until everything in Send is written.
//  2. The sending side is shut down, and further input is discarded.
//  3. The connection closes when the peer has ended its side too, at the latest after one
//     second.
//
// Step 2 still reads the input, because a socket that is closed with unread input resets the
// connection. The reset may destroy what was just sent.
func (c *Conn) Drain() {
	c.mgr.checkOwner()
	c.advance(draining)
}

// CloseWrite ends the sending side once Send is empty, over TLS with close_notify. Input is
// still delivered. The connection closes when the peer ends its side too. From now on Write
// returns ErrClosed.
//
// The error is ErrClosed if CloseWrite was called before, or if the connection has failed or
// is draining, closing or closed. It is ENOTSUP on a listener, a datagram socket or a pipe,
// because these have no sending side that can be ended on its own.
func (c *Conn) CloseWrite() error {
	c.mgr.checkOwner()
	switch {
	case c.is(failed|closeWrite) || c.life > open:
		return ErrClosed
	case c.isStreamListener() || c.isDatagram() || c.role == roleFile:
		return opError("close", c.network(), c.RemoteAddr(), os.NewSyscallError("shutdown", syscall.ENOTSUP))
	}
	c.flags |= closeWrite
	c.markDirty()
	return nil
}

// SetHalfClose sets what happens at the end of the peer's stream. If it is off, the default,
// what is in Send is written and the connection closes. If it is on, EvEnd is raised and the
// connection goes on sending until the program calls CloseWrite, Drain or Close. Accepted
// connections inherit the setting from their listener.
func (c *Conn) SetHalfClose(on bool) {
	c.mgr.checkOwner()
	c.set(halfClose, on)
}

// set sets or clears flags.
func (c *Conn) set(f flags, on bool) {
	c.flags &^= f
	if on {
		c.flags |= f
	}
}

// advance moves the connection to a later state of life. A connection never moves back. If our
// side has ended already, nothing is left to write: instead of draining or awaitingEnd the
// state becomes lingering.
func (c *Conn) advance(to life) {
	if c.opening() != nil { // it has not begun, so nothing is to be written
		to = closing
	}
	if c.life == receiving && to < lingering {
		to = lingering
		c.startDeadline(deadlineLinger)
	}
	if c.life < to {
		c.life = to
		if to == closing {
			c.countHeld()
		}
		c.markDirty()
	}
}

// Fail raises EvError with err, at once, and then closes the connection. No more input is
// delivered. What is in Send is offered to the socket once. If the socket takes all of it,
// the connection closes as after Drain, so that the peer can read it. Fail does nothing if
// the connection has failed before, or is closing. A nil err means ErrClosed.
func (c *Conn) Fail(err error) { c.fail(err, false) }

// fail is Fail. If logged is true, the error is in the log already and counts as handled.
func (c *Conn) fail(err error, logged bool) {
	c.mgr.checkOwner()
	if c.is(failed) || c.life >= closing {
		return
	}
	if err == nil {
		err = ErrClosed
	}
	if r := c.opening(); r != nil {
		c.refuse(r.inStep(err))
		return
	}
	c.flags |= failed
	if c.life == lingering { // nothing can be sent any more
		c.life = closing
	}
	c.mgr.stats.Failed++
	c.countHeld()
	c.markDirty()
	r := c.mgr.newReport(c, err)
	r.handled.Store(logged)
	if recorder := c.settings().recorder; recorder != nil {
		recorder.log(c, err)
		r.handled.Store(true)
	}
	c.Call(EvError, r)
}

// Pause stops input after the event that is being delivered. The loop does not read from the
// socket any more, so the peer's TCP window fills. On a listener Pause stops accepting. What
// is in Send is still written.
func (c *Conn) Pause() {
	c.mgr.checkOwner()
	if !c.is(paused) && c.life < closed {
		c.suspendInput(paused)
		c.mgr.stats.Pauses++
	}
}

// Resume ends a Pause. If Recv, or a layer's own buffer, holds bytes, Poll delivers them again
// with EvRead, without waiting for the socket.
func (c *Conn) Resume() {
	c.mgr.checkOwner()
	if c.life < closed {
		c.resumeInput(paused)
	}
}

// suspendInput stops input. The reason is the flag paused or inputHeld.
func (c *Conn) suspendInput(why flags) {
	if w := c.watchdog(); w != nil && !c.is(paused|yielded) {
		w.pauseCountdowns()
	}
	c.flags |= why
	c.markDirty()
}

// resumeInput removes a reason for which input was suspended. If none is left, input goes on.
func (c *Conn) resumeInput(why flags) {
	if !c.is(why) {
		return
	}
	w := c.watchdog()
	if w != nil && (why == paused || !c.is(paused)) {
		w.resumeCountdowns()
	}
	c.flags &^= why
	c.markDirty()
	if !c.is(paused | inputHeld) {
		c.redispatch()
		if c.writeHasFailed() {
			c.startCatchUp()
		}
	}
	if w != nil {
		if w.rearm(); w.timer.pos < 0 {
			w.dropIfUnneeded()
		}
	}
}

// redispatch makes Poll deliver what is in Recv again.
func (c *Conn) redispatch() {
	if c.on&onRedeliver == 0 && c.life < closed {
		c.on |= onRedeliver
		c.mgr.redeliver.add(c)
	}
}

// SetPoll turns EvPoll on or off for this connection. Each Poll raises it once. It is off by
// default.
func (c *Conn) SetPoll(on bool) {
	c.mgr.checkOwner()
	c.set(pollEvents, on && c.life < closed)
	if c.is(pollEvents) && c.on&onPollEvents == 0 {
		c.on |= onPollEvents
		c.mgr.pollConns = append(c.mgr.pollConns, c)
	}
}

// start raises EvOpen on a new connection. Then it starts to dial, or starts the deadlines of
// a wrapped descriptor.
func (c *Conn) start() {
	if c.life == closed {
		return
	}
	if !c.is(opened) {
		c.dispatch(EvOpen, nil)
	}
	switch {
	case c.life >= closing || c.is(failed): // settle frees it
	case c.dialing():
		c.ext.dial.start()
	case c.role == roleWrapped || c.role == roleFile:
		c.startDeadlines()
	}
	c.markDirty() // settle registers it with the poller
}

// dialing reports whether an outgoing connection is still being established.
func (c *Conn) dialing() bool { return c.ext != nil && c.ext.dial != nil && !c.ext.dial.done }

// markDirty makes the loop settle the connection.
func (c *Conn) markDirty() {
	c.mgr.checkOwner() // most changes to a connection come through here
	if c.on&onDirty == 0 && c.life < closed {
		c.on |= onDirty
		c.mgr.dirty.add(c)
	}
}
