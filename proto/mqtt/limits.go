package mqtt

import (
	"errors"
	"math"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Limits limits the memory that a peer can make a connection use. In each field zero means
// the default and a negative value means no limit.
type Limits struct {
	// Packet is the size of the largest accepted packet in bytes. A larger packet fails the
	// connection as soon as its fixed header has arrived. Over WebSocket the connection fails
	// when the message that contains the header is complete. The default is DefaultMaxPacket.
	Packet int
}

// DefaultMaxPacket is the size in bytes of the largest packet that a connection accepts if
// Limits does not set another.
const DefaultMaxPacket = 16 << 20

// packet returns the limit in bytes.
func (l *Limits) packet() int {
	switch {
	case l.Packet == 0:
		return DefaultMaxPacket
	case l.Packet < 0:
		return math.MaxInt
	}
	return l.Packet
}

// errLimitsOfLogin is the error of SetLimits on a connection of Login, where a limit would have no
// effect.
var errLimitsOfLogin = errors.New("mqtt: SetLimits on a connection of Login: " +
	"the program parses its packets; call CheckSize before Parse")

// SetLimits sets the limits of the packets that c receives. On a listener they apply to the
// connections that it accepts from now on. Over WebSocket SetLimits also sets the limit for
// WebSocket messages: it is limits.Packet, but at least ws.DefaultMaxMessage. A later call of
// ws.SetLimits overrides it.
//
// The error is ErrNotMQTT if c does not speak MQTT, and reactor.ErrClosed if c is closed. On a
// connection of Login SetLimits also returns an error, because the program itself parses the
// packets.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	size, overWS := limits.packet(), false
	if p, ok := reactor.Find[*listener](c); ok {
		p.maxPacket, overWS = size, p.overWS
	} else if l, err := layerOf(c); err != nil {
		return err
	} else if l.role == manual {
		return errLimitsOfLogin
	} else {
		l.maxPacket, overWS = size, l.overWS
	}
	if overWS {
		return ws.SetLimits(c, ws.Limits{Message: max(size, ws.DefaultMaxMessage)})
	}
	return nil
}
