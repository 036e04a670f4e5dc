package reactor

import (
	"cmp"
	"math"
	"strconv"
)

// Limits bound the memory of a connection's buffers, in bytes. In each field zero is the
// default (of a connection: the manager's value) and a negative value is no limit.
type Limits struct {
	// Send is how many bytes may wait in Send. A connection that exceeds it fails with a
	// *LimitError. By default there is no limit.
	Send int
	// Recv is how many bytes handlers may leave in Recv. A connection that exceeds it
	// fails with a *LimitError. By default there is no limit.
	Recv int
	// Unsent is how many bytes may wait in Send while input is delivered. Beyond it the
	// connection's input waits, in Recv and in the socket, until half of Unsent or less
	// is left: a peer that does not read its answers is not read either. The default is
	// DefaultUnsent for what a listener accepted, and for datagram listeners. Others have no
	// limit by default: if both sides waited for each other to read, both would wait for
	// ever.
	Unsent int
}

// DefaultUnsent is the default of Limits.Unsent, in bytes.
const DefaultUnsent = 1 << 20

// A LimitError is EvError's data when a buffer exceeded its limit.
type LimitError struct {
	Buffer string // "Send" or "Recv"
	Held   int    // bytes
	Limit  int    // bytes
}

func (e *LimitError) Error() string {
	return "reactor: " + e.Buffer + " holds " + strconv.Itoa(e.Held) + " bytes, the limit is " + strconv.Itoa(e.Limit)
}

// WithLimits sets the limits of all connections that have none of their own.
func WithLimits(l Limits) Option { return func(m *Manager) { m.limits = l } }

// SetLimits sets the connection's limits, which may be done at any time; on a listener,
// those of the connections that it accepts from now on. The error is ErrClosed after
// EvClose.
func (c *Conn) SetLimits(l Limits) error {
	c.mgr.own()
	switch {
	case c.life == closed:
		return ErrClosed
	case l == (Limits{}) && c.ext == nil:
		return nil
	}
	c.extra().limits = l
	c.setTrip()
	c.mark()
	return nil
}

// none is the value of a limit that is off.
const none = math.MaxInt

// limit returns the first of the values that is not zero, or none if that is negative.
func limit(values ...int) int {
	if n := cmp.Or(values...); n > 0 {
		return n
	}
	return none
}

// limits returns the connection's own limits.
func (c *Conn) limits() *Limits {
	if c.ext != nil {
		return &c.ext.limits
	}
	return &noLimits
}

var noLimits Limits

func (c *Conn) sendLimit() int { return limit(c.limits().Send, c.mgr.limits.Send) }
func (c *Conn) recvLimit() int { return limit(c.limits().Recv, c.mgr.limits.Recv) }

func (c *Conn) unsentLimit() int {
	unless := none
	if c.role == roleAccepted || c.role == roleListener {
		unless = DefaultUnsent
	}
	return limit(c.limits().Unsent, c.mgr.limits.Unsent, unless)
}

// SetWater sets the marks of Send, in bytes. EvHighWater is raised when more than high
// wait in Send, and EvLowWater when there are low or fewer again. It is looked at after
// each event that input causes, and when the socket took what it could. A high of 0
// turns the marks off. Accepted connections inherit them from their listener. SetWater
// panics unless 0 <= low <= high.
func (c *Conn) SetWater(low, high int) {
	c.mgr.own()
	if low < 0 || low > high {
		panic("reactor: SetWater wants 0 <= low <= high, not low " + strconv.Itoa(low) + " and high " + strconv.Itoa(high))
	}
	if high > 0 || c.ext != nil {
		x := c.extra()
		x.low, x.high = low, high
		c.setTrip()
		c.mark()
	}
}

// setTrip notes that size anew.
func (c *Conn) setTrip() {
	trip := min(c.sendLimit(), c.unsentLimit())
	if c.ext.high > 0 {
		trip = min(trip, c.ext.high)
	}
	c.ext.trip = trip
}

// grew hears that bytes were appended to Send.
func (c *Conn) grew() {
	if c.mgr.own(); c.on&onDirty == 0 {
		c.mark()
	}
	if c.Send.Len() > c.trip() && c.on&onGrown == 0 && c.life < closing {
		c.on |= onGrown
		c.mgr.grown.add(c)
	}
}

// trip is the least size of Send that a mark or limit is about.
func (c *Conn) trip() int {
	if c.ext != nil {
		return c.ext.trip
	}
	return c.mgr.trip
}

// checkGrown looks at the connections whose Send has grown beyond a mark or limit in
// the event that was just handled, on whatever connection that was.
func (m *Manager) checkGrown() {
	if m.checking { // a handler of EvHighWater has raised an input event itself
		return
	}
	m.checking = true
	m.grown.each(m, func(c *Conn) {
		c.on &^= onGrown
		c.checkSend()
	})
	m.checking = false
}

// checkSend enforces the limits of Send and raises EvHighWater and EvLowWater as marks
// are crossed.
func (c *Conn) checkSend() {
	if c.over() || c.accepts() || c.lost() {
		return
	}
	n := c.queued()
	if n <= c.trip() && !c.is(held|above) {
		return
	}
	if limit := c.sendLimit(); n > limit {
		c.Fail(&LimitError{"Send", n, limit})
		return
	}
	switch limit := c.unsentLimit(); {
	case c.is(held) && (n <= limit/2 || limit == none || c.securing()):
		c.unsuspend(held)
		c.wantInput()
	case !c.is(held) && n > limit && !c.securing(): // until then Send waits for input
		c.suspend(held)
	}
	if c.ext == nil {
		return
	}
	switch {
	case c.is(above) && (n <= c.ext.low || c.ext.high == 0):
		c.flags &^= above
		c.Call(EvLowWater, nil)
	case !c.is(above) && c.ext.high > 0 && n > c.ext.high:
		c.flags |= above
		c.Call(EvHighWater, nil)
	}
}

// checkRecv enforces the limit on what handlers left, if they had a chance to take it:
// one read may bring more than the limit.
func (c *Conn) checkRecv() {
	if c.Recv.Len() == 0 || c.suspended() || c.on&onRedeliver != 0 || c.isDatagram() {
		return
	}
	if limit := c.recvLimit(); c.Recv.Len() > limit {
		c.Fail(&LimitError{"Recv", c.Recv.Len(), limit})
	}
}
