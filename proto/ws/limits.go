package ws

import (
	"math"

	"github.com/rikki-go/rikki/reactor"
)

// Limits bounds the size of received messages. In each field zero means the default and a
// negative value means no limit.
type Limits struct {
	// Message is the largest size of a message in bytes, after decompression. A larger
	// message fails the connection, and the peer gets a Close frame with StatusMessageTooBig. The
	// default is DefaultMaxMessage.
	Message int
}

// DefaultMaxMessage is the default of Limits.Message in bytes.
const DefaultMaxMessage = 16 << 20

// message returns the limit in bytes.
func (l *Limits) message() int64 {
	switch {
	case l.Message == 0:
		return DefaultMaxMessage
	case l.Message < 0:
		return math.MaxInt64
	}
	return int64(l.Message)
}

// SetLimits sets the limits for the messages that c receives. It may be called at any time, also
// before the handshake is complete. The limits also apply to a message that has partly arrived:
// if it exceeds them, it is refused when more of it arrives. On a listener that Listen has
// returned, the limits apply to the connections that it accepts from now on.
//
// The error is ErrNotWebSocket if c does not speak WebSocket. An HTTP connection speaks
// WebSocket after Upgrade. The error is reactor.ErrClosed if c is closed.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	if l, ok := reactor.Find[*layer](c); ok {
		l.common = &common{l.opts.withLimits(limits), l.spares}
		if l.current != nil && l.current.inflater != nil {
			l.current.inflater.setLimit(l.inflateLimit())
		}
	} else if u, ok := reactor.Find[*upgrader](c); ok {
		u.opts = u.opts.withLimits(limits)
	} else if l, ok := reactor.Find[*listener](c); ok {
		l.opts = l.opts.withLimits(limits)
	} else {
		return ErrNotWebSocket
	}
	return nil
}

// withLimits returns a copy with other limits, because connections share Options.
func (o *Options) withLimits(limits Limits) *Options {
	own := *o
	own.Limits = limits
	return &own
}

// noLayerError returns the error for a call on a connection that has no WebSocket layer.
func noLayerError(c *reactor.Conn) error {
	if c.Stack().Closed() { // it may have had the layer before
		return reactor.ErrClosed
	}
	if _, ok := reactor.Find[*upgrader](c); ok {
		return ErrNotOpen
	}
	return ErrNotWebSocket
}
