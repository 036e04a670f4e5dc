package reactor

import (
	"cmp"
	"math"
	"strconv"
)

// Flow control: water marks and limits of Send and Recv.
//
//	setting              compares                     default            beyond it
//	SetWater             unsent bytes                 off                EvHighWater, EvLowWater
//	Limits.Backpressure  unsent bytes                 1 MiB, or off (*)  input is held
//	Limits.Send          unsent bytes                 off                EvError, *LimitError
//	Limits.Recv          what handlers leave in Recv  off                EvError, *LimitError
//
// (*) 1 MiB for accepted connections and datagram listeners. It is off for others: if each end
// stopped reading until the other one reads, both would wait forever.
//
// Unsent bytes are those in Send, and ciphertext that the socket did not take. A connection's
// unsent bytes are compared after each flush. After each event that input causes, and after each
// event of the program's own, they are compared on all connections whose Send has grown. So a
// batch of messages that arrives in one read cannot grow Send without bound.

// Limits bound the memory of a connection's buffers, in bytes, and the number of a listener's
// connections. In each field zero means the default, which for a connection is the manager's
// value. A negative value means no limit.
type Limits struct {
	// Send bounds the unsent bytes: those in Send, and ciphertext of TLS that the socket did
	// not take. A connection that exceeds it fails with a *LimitError. By default there is no
	// limit.
	Send int
	// Recv bounds what handlers leave in Recv. A connection that exceeds it fails with a
	// *LimitError. One read may bring more than the limit, because handlers can consume it.
	// By default there is no limit.
	Recv int
	// Backpressure is the number of unsent bytes beyond which no input is delivered. Input
	// then waits in Recv and in the socket until half of Backpressure or less is unsent. So
	// the loop does not read from a peer that does not read its answers. The default is
	// DefaultMaxBackpressure for accepted connections and for datagram listeners. Others have
	// no limit by default: if each end stopped reading until the other one reads, both would
	// wait forever.
	Backpressure int
	// Conns is how many connections of a stream listener may be open at once. It has no meaning
	// for other connections. WhenFull says what happens beyond it. If it is set to less than are
	// open, none closes until the next client connects. By default there is no limit besides the
	// number of descriptors, see WithDescriptorReserve.
	Conns int
	// WhenFull says what a stream listener does with a new connection if it has Conns of them
	// already, or if only reserved descriptors are left. The default is EvictIdle.
	WhenFull WhenFull
}

// ofBuffers returns the limits without those that only listeners have.
func (l Limits) ofBuffers() Limits {
	l.Conns, l.WhenFull = 0, 0
	return l
}

// DefaultMaxBackpressure is the default of Limits.Backpressure, in bytes.
const DefaultMaxBackpressure = 1 << 20

// A LimitError is the cause of EvError when a buffer has exceeded its limit.
type LimitError struct {
	Buffer string // "Send" or "Recv"
	Size   int    // how many bytes the buffer held
	Limit  int    // its limit, in bytes
}

func (e *LimitError) Error() string {
	return "reactor: " + e.Buffer + " holds " + strconv.Itoa(e.Size) + " bytes, the limit is " + strconv.Itoa(e.Limit)
}

// WithLimits sets the manager's limits. They apply to each connection, in all fields that
// Conn.SetLimits does not set for it.
func WithLimits(l Limits) Option { return func(m *Manager) { m.limits = l } }

// SetLimits sets all limits of the connection. On a stream listener it sets Conns, WhenFull, and
// the limits of the connections that it accepts from now on. It may be called at any time. The
// error is ErrClosed after EvClose, and nil otherwise.
func (c *Conn) SetLimits(l Limits) error {
	c.mgr.checkOwner()
	switch {
	case c.life == closed:
		return ErrClosed
	case l == (Limits{}) && *c.limits() == l:
		return nil
	}
	c.ownSettings().limits = l
	c.setSendThreshold()
	c.markDirty()
	return nil
}

// noLimit is the value of a limit that is off.
const noLimit = math.MaxInt

// effectiveLimit returns the first of the values that is not zero. If that is negative, or if
// all are zero, it returns noLimit.
func effectiveLimit(values ...int) int {
	if n := cmp.Or(values...); n > 0 {
		return n
	}
	return noLimit
}

// limits returns the connection's own limits. The caller must not change them.
func (c *Conn) limits() *Limits { return &c.settings().limits }

// sendLimit returns the Limits.Send that applies to the connection.
func (c *Conn) sendLimit() int { return effectiveLimit(c.limits().Send, c.mgr.limits.Send) }

// recvLimit returns the Limits.Recv that applies to the connection.
func (c *Conn) recvLimit() int { return effectiveLimit(c.limits().Recv, c.mgr.limits.Recv) }

// backpressureLimit returns the Limits.Backpressure that applies to the connection.
func (c *Conn) backpressureLimit() int {
	fallback := noLimit
	if c.role == roleAccepted || c.role == roleListener {
		fallback = DefaultMaxBackpressure
	}
	return effectiveLimit(c.limits().Backpressure, c.mgr.limits.Backpressure, fallback)
}

// SetWater sets the water marks of Send, in bytes. EvHighWater is raised when more than high
// bytes are unsent. After that, EvLowWater is raised when low or fewer are unsent, and also when
// a write has failed, which discards Send. The loop compares after each event that input causes,
// and after each flush. A high of 0, the default, turns the marks off. Accepted connections
// inherit them from their listener. SetWater panics unless 0 <= low <= high.
//
// If the marks change while bytes are unsent, the loop compares again in the same turn, or in the
// next one. It raises EvHighWater or EvLowWater if the connection is on the other side of the new
// marks then.
//
// EvLowWater comes only after EvHighWater. A flush may send all bytes beyond high before the loop
// compares. Then neither event comes. So stop producing at EvHighWater, and not because Send.Len
// is large. A program that looks at Send.Len itself continues at EvWrite.
func (c *Conn) SetWater(low, high int) {
	c.mgr.checkOwner()
	if low < 0 || low > high {
		panic("reactor: SetWater with low " + strconv.Itoa(low) + " and high " + strconv.Itoa(high) + ", want 0 <= low <= high")
	}
	if high > 0 || c.settings().high > 0 {
		s := c.ownSettings()
		s.low, s.high = low, high
		c.setSendThreshold()
		c.markDirty()
	}
}

// Water returns the water marks that SetWater has set. A high of 0 means that they are off.
func (c *Conn) Water() (low, high int) {
	c.mgr.checkOwner()
	s := c.settings()
	return s.low, s.high
}

// setSendThreshold computes the threshold again after a mark or limit has changed.
func (c *Conn) setSendThreshold() {
	threshold := min(c.sendLimit(), c.backpressureLimit())
	if high := c.settings().high; high > 0 {
		threshold = min(threshold, high)
	}
	c.ext.sendThreshold = threshold
}

// sendGrew is called when bytes were appended to Send.
func (c *Conn) sendGrew() {
	if c.mgr.checkOwner(); c.on&onDirty == 0 {
		c.markDirty()
	}
	if c.Send.Len() > c.sendThreshold() && c.on&onGrown == 0 && c.life < closing {
		c.on |= onGrown
		c.mgr.grown.add(c)
	}
}

// sendThreshold returns the lowest mark or limit of unsent bytes. While there are no more than
// that, nothing needs to be checked.
func (c *Conn) sendThreshold() int {
	if c.ext != nil {
		return c.ext.sendThreshold
	}
	return c.mgr.sendThreshold
}

// checkGrown is called after an event that input causes, and after a program's own event. It
// checks the connections whose Send has grown beyond the threshold. The event may have been
// raised on another connection.
func (m *Manager) checkGrown() {
	if m.checkingSend { // a handler of EvHighWater has raised an input event
		return
	}
	m.checkingSend = true
	m.grown.each(m, func(c *Conn) {
		c.on &^= onGrown
		c.checkSend()
	})
	m.checkingSend = false
}

// checkSend compares the unsent bytes with the marks and limits. It fails the connection, holds
// or resumes input, or raises EvHighWater or EvLowWater.
func (c *Conn) checkSend() {
	if c.inputOver() || c.isStreamListener() || c.writeHasFailed() {
		return
	}
	n := c.unsentBytes()
	if n <= c.sendThreshold() && !c.is(inputHeld|aboveHighWater) {
		return
	}
	if limit := c.sendLimit(); n > limit {
		c.Fail(&LimitError{"Send", n, limit})
		return
	}
	switch limit := c.backpressureLimit(); {
	case c.is(inputHeld) && (n <= limit/2 || limit == noLimit || c.handshakePending()):
		c.resumeInput(inputHeld)
		c.scheduleInput()
	case !c.is(inputHeld) && n > limit && !c.handshakePending(): // in a TLS handshake Send waits for input
		c.suspendInput(inputHeld)
	}
	switch s := c.settings(); {
	case c.is(aboveHighWater) && (n <= s.low || s.high == 0):
		c.flags &^= aboveHighWater
		c.Call(EvLowWater, nil)
	case !c.is(aboveHighWater) && s.high > 0 && n > s.high:
		c.flags |= aboveHighWater
		c.Call(EvHighWater, nil)
	}
}

// checkRecv fails the connection if handlers have left more in Recv than the limit. It does
// nothing while input is suspended or Recv is to be delivered again, because then handlers can
// still consume it.
func (c *Conn) checkRecv() {
	if c.Recv.Len() == 0 || c.inputSuspended() || c.on&onRedeliver != 0 || c.isDatagram() {
		return
	}
	if limit := c.recvLimit(); c.Recv.Len() > limit {
		c.Fail(&LimitError{"Recv", c.Recv.Len(), limit})
	}
}
