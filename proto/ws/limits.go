package ws

import (
	"math"

	"github.com/rikki-go/rikki/reactor"
)

// Limits bounds what a peer can make us hold. In each field zero means the
// default and a negative value means no limit.
type Limits struct {
	// Message is the size in bytes of the largest message that is taken, after
	// inflating. A larger one is answered with CloseTooLarge and fails the
	// connection. The default is DefaultMaxMessage.
	Message int
}

// DefaultMaxMessage is the size in bytes of the largest message that a
// connection takes unless Limits say otherwise.
const DefaultMaxMessage = 16 << 20

// message is the limit in bytes.
func (l *Limits) message() int64 {
	switch {
	case l.Message == 0:
		return DefaultMaxMessage
	case l.Message < 0:
		return math.MaxInt64
	}
	return int64(l.Message)
}

// SetLimits sets the limits of the messages that c receives, from the next frame
// on. It may be called before the handshake is done. On a listener of Listen they
// are the limits of the connections that it accepts from now on.
//
// Errors are ErrNotWebSocket if c does not speak WebSocket, which an HTTP
// connection does after Upgrade, and reactor.ErrClosed if c is closed.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	var opts **Options
	if l, ok := reactor.Find[*layer](c); ok {
		opts = &l.opts
	} else if u, ok := reactor.Find[*upgrader](c); ok {
		opts = &u.opts
	} else if l, ok := reactor.Find[*listener](c); ok {
		opts = &l.opts
	} else {
		return ErrNotWebSocket
	}
	own := **opts // others share what they point to
	own.Limits = limits
	*opts = &own
	return nil
}

// without is what the calls return for a connection that lacks our layer.
func without(c *reactor.Conn) error {
	if c.Stack().Closed() { // it may have had one
		return reactor.ErrClosed
	}
	if _, ok := reactor.Find[*upgrader](c); ok {
		return ErrNotOpen
	}
	return ErrNotWebSocket
}
