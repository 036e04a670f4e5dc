package reactor

import "strconv"

// Limits bound the memory of a connection's buffers, in bytes; 0 is off. A
// connection that exceeds one fails with a *LimitError.
type Limits struct {
	Send int // bytes in Send that the socket did not take
	Recv int // bytes in Recv that no handler consumed
}

// A LimitError is EvError's data when a buffer exceeded its limit.
type LimitError struct {
	Buffer string // "Send" or "Recv"
	Held   int    // bytes
	Limit  int    // bytes
}

func (e *LimitError) Error() string {
	return "reactor: " + e.Buffer + " holds " + strconv.Itoa(e.Held) + " bytes, the limit is " + strconv.Itoa(e.Limit)
}

// WithLimits sets the limits of all connections that have none of their own;
// the default has none.
func WithLimits(l Limits) Option { return func(m *Manager) { m.limits = l } }

// SetLimits sets the connection's limits, which may be at any time; on a listener,
// those of the connections that it accepts from now on.
func (c *Conn) SetLimits(l Limits) {
	c.mgr.own()
	if l == c.limits() || c.is(closed) {
		return
	}
	x := c.extra()
	x.limits, x.limited = l, true
	c.mark()
}

func (c *Conn) limits() Limits {
	if c.ext != nil && c.ext.limited {
		return c.ext.limits
	}
	return c.mgr.limits
}

// SetWater sets the marks of Send, in bytes: EvHighWater is raised when more
// than high stay unwritten after the socket took what it could, and EvLowWater
// when there are low or fewer again. A high of 0 turns them off. Accepted
// connections inherit them from their listener. It panics unless
// 0 <= low <= high.
func (c *Conn) SetWater(low, high int) {
	c.mgr.own()
	if low < 0 || low > high {
		panic("reactor: SetWater wants 0 <= low <= high")
	}
	if high > 0 || c.ext != nil {
		x := c.extra()
		x.low, x.high = low, high
		c.mark()
	}
}

// checkSend raises EvHighWater and EvLowWater as marks are crossed, after a
// flush, and enforces the limit.
func (c *Conn) checkSend() {
	n := c.queued()
	if limit := c.limits().Send; limit > 0 && n > limit {
		c.Fail(&LimitError{"Send", n, limit})
	}
	if c.ext == nil || c.is(failed|closing) {
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

// checkRecv enforces the limit on what handlers left, had they a chance to take it:
// one read may bring more than the limit.
func (c *Conn) checkRecv() {
	if limit := c.limits().Recv; limit > 0 && c.Recv.Len() > limit && !c.is(packets|paused|again) {
		c.Fail(&LimitError{"Recv", c.Recv.Len(), limit})
	}
}
