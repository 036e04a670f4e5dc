package reactor

import (
	"net/netip"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Handler is the one shape of callback: it hears of every event of the
// connections it was given to. Handlers run on the goroutine that calls Poll,
// one at a time, and must not block.
type Handler func(c *Conn, ev Event, data any)

// Conn is a connection or a listener. It belongs to its manager's goroutine.
// A *Conn is never reused: after EvClose it stays what it is, and every call on
// it is harmless.
//
// A stream's Send and Recv may be used directly, as in Mongoose: whatever is
// appended to Send is written when the handlers have returned, and what is not
// consumed from Recv stays there, with later bytes behind it.
type Conn struct {
	Fn     Handler // called last, after the protocols' layers; may be replaced at any time
	FnData any     // the program's own
	Send   Buffer  // plaintext to be written
	Recv   Buffer  // plaintext that arrived and was not consumed

	mgr    *Manager
	id     uint64
	layers []Protocol
	remote netip.AddrPort
	ext    *extras
	fd     int32
	flags  flags
}

// extras are what most connections do without.
type extras struct {
	dial     *dialer        // while an outgoing connection is being established
	dgrams   []datagram     // of Send, on datagram sockets
	bordered int            // bytes in dgrams
	linger   *Timer         // bounds the wait for the peer's end of stream
	local    netip.AddrPort // of a listener, whose address outlives its descriptor
	path     string         // of a UNIX-domain listener, to be unlinked
	high     int            // water marks of Send; 0 is off
	low      int
	limits   Limits
	limited  bool   // limits are the connection's own
	burst    uint8  // how many connections a listener accepted in its last turn, if nothing stopped it
	batch    uint32 // that turn's
	watch    *watchdog
	flight   *flight
	tls      *tlsState
}

type flags uint32

const (
	opened      flags = 1 << iota // EvOpen was raised
	listening                     // accepts (stream) or receives from anyone (datagram)
	client                        // made by Connect
	connecting                    // the dialler is at work
	packets                       // a datagram socket
	foreign                       // made by WrapFD
	noSocket                      // of those, a pipe or a terminal, say
	paused                        // Pause
	ended                         // the peer's end of stream was read
	failed                        // Fail: no more input, Send gets one try
	draining                      // Drain
	patient                       // AwaitEnd: the peer is to end the stream first
	lingering                     // our end of stream was sent, the peer's is awaited
	closing                       // to be freed by settle
	closed                        // EvClose was or is being raised
	marked                        // on the manager's dirty list
	again                         // on the manager's redo list
	polled                        // SetPoll
	asking                        // on the manager's list of those
	above                         // Send is beyond its high-water mark
	hexdump                       // SetHexdump
	handshaking                   // SetHandshaking
	receiving                     // SetReceiving
	recorded                      // SetRecorder
	resting                       // a listener that must not accept now, a connection that waits for room for its handshake
	secure                        // ext.tls is there
	inLine                        // on the manager's line
)

func (c *Conn) is(f flags) bool { return c.flags&f != 0 }

// ID returns the connection's number, unique in its manager, from 1.
func (c *Conn) ID() uint64 { return c.id }

// Manager returns the manager that the connection lives on.
func (c *Conn) Manager() *Manager { return c.mgr }

// IsListening reports whether the connection was made by Listen.
func (c *Conn) IsListening() bool { return c.is(listening) }

// IsClient reports whether the connection was made by Connect.
func (c *Conn) IsClient() bool { return c.is(client) }

// Stopped reports whether input must not be delivered now: the connection is
// paused, has failed or is closing. A protocol that finds several messages in
// Recv asks after each event it raised, and leaves the rest if it is.
func (c *Conn) Stopped() bool { return c.is(paused | failed | closing | closed) }

// RemoteAddr returns the address of the peer; of a datagram listener, of the
// sender of the last datagram. It is the zero AddrPort for other than tcp and
// udp, and before an outgoing connection is established.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns the socket's own address, the zero AddrPort for other than
// tcp and udp and, unless it is a listener, after EvClose.
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
		c.ext = new(extras)
	}
	return c.ext
}

// Write appends a copy of p to Send, to be written when the handlers have
// returned. On a datagram socket p is one datagram, to the RemoteAddr of this
// moment. The error is ErrClosed on a connection that is closed, or failed, or
// whose sending side was shut down; on a datagram socket also EMSGSIZE for what
// no datagram can carry.
func (c *Conn) Write(p []byte) (int, error) {
	c.mgr.own()
	if c.is(failed|closing|closed|lingering) || c.is(secure) && c.ext.tls.bye {
		return 0, ErrClosed
	}
	if c.is(packets) {
		return c.writePacket(p)
	}
	if c.is(listening) {
		return 0, opError("write", c.network(), c.LocalAddr(), sysErr("write", syscall.ENOTCONN))
	}
	c.Send.owner = c // if the program has put another Buffer there
	c.Send.Append(p)
	return len(p), nil
}

// network is the name that errors give the kind of socket.
func (c *Conn) network() string {
	switch {
	case c.is(packets):
		return "udp"
	case c.is(foreign):
		return "fd"
	case c.ext != nil && c.ext.dial != nil:
		return c.ext.dial.network
	case c.remote.IsValid() || c.ext != nil && c.ext.local.IsValid():
		return "tcp"
	}
	return "unix"
}

// Close closes the connection when the handlers have returned. What lies in
// Send is discarded. EvClose follows, from Poll.
func (c *Conn) Close() {
	c.mgr.own()
	if !c.is(closing | closed) {
		c.flags |= closing
		c.mark()
	}
}

// Drain closes the connection in order: input is delivered until Send is
// empty, then the sending side is shut down and further input discarded until
// the peer has closed too, or for one second. (Closing a socket that has
// unread input resets it, which may destroy what was just sent.)
func (c *Conn) Drain() {
	c.mgr.own()
	if !c.is(draining | closing | closed) {
		c.flags |= draining
		c.mark()
	}
}

// AwaitEnd is Drain for the side that is not to be the first to close: once Send
// is empty it waits, for one second, until the peer ends the stream. How the peer
// does that, with a reset too, is no failure. Over TLS it is told by close_notify that
// nothing more comes.
func (c *Conn) AwaitEnd() {
	c.Drain()
	c.flags |= patient
}

// Fail raises EvError with err and closes the connection. No input is
// delivered any more; what lies in Send is offered to the socket once. If that took
// all of it, the connection is closed as Drain closes it, so that the peer gets to
// read the last word. Only the first failure counts, and none after Close. A nil
// err is ErrClosed.
func (c *Conn) Fail(err error) {
	c.mgr.own()
	if c.is(failed | closing | closed) {
		return
	}
	if err == nil {
		err = ErrClosed
	}
	c.flags |= failed
	if c.is(lingering) { // nothing can be said any more
		c.flags |= closing
	}
	c.mgr.stats.Failed++
	c.mark()
	if c.is(recorded) {
		c.ext.flight.log(c, err)
	}
	c.Call(EvError, err)
}

// Pause stops the delivery of input after the event that is being delivered,
// and the reading from the socket: the peer's TCP window fills. On a listener
// it stops accepting. It does not delay what Send holds.
func (c *Conn) Pause() {
	c.mgr.own()
	if !c.is(paused | closed) {
		c.flags |= paused
		c.mgr.stats.Pauses++
		c.mark()
	}
}

// Resume undoes Pause. What already lies in Recv, or in a layer's own buffer,
// is offered again from Poll, with EvRead and a count of 0, without waiting
// for the socket.
func (c *Conn) Resume() {
	c.mgr.own()
	if c.is(paused) && !c.is(closed) {
		c.flags &^= paused
		c.mark()
		c.Redispatch()
		if w := c.watchdog(); w != nil {
			w.read = c.mgr.ticks()
			w.shaken, w.begun = w.read, w.read
			w.rearm()
		}
	}
}

// Redispatch makes Poll raise EvRead, with a count of 0, if there is anything
// in Recv or a layer that may have kept something: for protocols that left a
// message and can go on now. A paused connection stays paused.
func (c *Conn) Redispatch() {
	c.mgr.own()
	if !c.is(again | closed) {
		c.flags |= again
		c.mgr.redo.add(c)
	}
}

// SetPoll turns EvPoll, once per Poll, on or off for this connection.
func (c *Conn) SetPoll(on bool) {
	c.mgr.own()
	if !on || c.is(closed) {
		c.flags &^= polled
		return
	}
	c.flags |= polled
	if !c.is(asking) {
		c.flags |= asking
		c.mgr.asking = append(c.mgr.asking, c)
	}
}

// open raises EvOpen and starts what the connection is for.
func (c *Conn) open() {
	if c.is(closed) {
		return
	}
	if !c.is(opened) {
		c.dispatch(EvOpen, nil)
	}
	if c.is(foreign) {
		c.established()
	}
	if c.is(connecting) && !c.is(failed|closing) {
		c.ext.dial.start()
	}
	c.mark() // to be watched from now on
}

// mark puts the connection on the list of those that settle looks at.
func (c *Conn) mark() {
	c.mgr.own() // for what is appended to Send directly
	if !c.is(marked | closed) {
		c.flags |= marked
		c.mgr.dirty.add(c)
	}
}
