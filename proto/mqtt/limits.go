package mqtt

import (
	"errors"
	"math"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Limits bounds what a peer can make us hold. In each field zero means the
// default and a negative value means no limit.
type Limits struct {
	// Packet is the size in bytes of the largest packet that is taken. A larger
	// one fails the connection as soon as its header has arrived; over WebSocket the
	// message around it arrives first. The default is DefaultMaxPacket.
	Packet int
}

// DefaultMaxPacket is the size in bytes of the largest packet that a connection
// takes unless Limits say otherwise.
const DefaultMaxPacket = 16 << 20

// packet is the limit in bytes.
func (l *Limits) packet() int {
	switch {
	case l.Packet == 0:
		return DefaultMaxPacket
	case l.Packet < 0:
		return math.MaxInt
	}
	return l.Packet
}

// errByHand is what SetLimits returns where it could change nothing.
var errByHand = errors.New("mqtt: SetLimits of a connection whose packets the program parses: see CheckSize")

// SetLimits sets the limits of the packets that c receives. On a listener they are
// the limits of the connections that it accepts from now on. Over WebSocket it sets
// ws.Limits, too: messages may be as large as packets, and at least
// ws.DefaultMaxMessage. A later ws.SetLimits changes that.
//
// Errors are ErrNotMQTT if c does not speak MQTT, reactor.ErrClosed if c is closed,
// and one for a connection of Login's, whose packets the program parses itself.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	n, overWS := limits.packet(), false
	if p, ok := reactor.Find[*listener](c); ok {
		p.limit, overWS = n, p.overWS
	} else if l, err := layerOf(c); err != nil {
		return err
	} else if l.role == bare {
		return errByHand
	} else {
		l.limit, overWS = n, l.overWS
	}
	if overWS {
		return ws.SetLimits(c, ws.Limits{Message: max(n, ws.DefaultMaxMessage)})
	}
	return nil
}
