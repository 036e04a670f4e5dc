package mqtt

import (
	"cmp"
	"errors"
	"math"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Limits limits the memory and the time that a peer can make a connection use. In each field
// zero means the default and a negative value means no limit. A packet beyond a limit fails the
// connection with an error that wraps ErrTooLarge or ErrLimit. The table says what a 5.0 peer
// gets; a 3.1.1 peer only sees that the connection closes.
//
//	field        default                        the peer gets
//	Packet       DefaultMaxPacket, 16 MiB       DISCONNECT 0x95 Packet too large
//	Properties   DefaultMaxProperties, 256      DISCONNECT or CONNACK 0x97 Quota exceeded
//	Filters      DefaultMaxFilters, 1,024       DISCONNECT 0x97 Quota exceeded
//	Unreleased   DefaultMaxUnreleased, 65,535   DISCONNECT 0x93 Receive Maximum exceeded
type Limits struct {
	// Packet is the size of the largest accepted packet in bytes. A larger packet fails the
	// connection as soon as its fixed header has arrived. Over WebSocket the connection fails
	// when the message that contains the header is complete. In 5.0 a Maximum Packet Size that
	// this side sends in its CONNECT or CONNACK also applies, if it is lower. The default is
	// DefaultMaxPacket.
	Packet int
	// Properties is the largest number of properties in a packet of 5.0. The properties of the
	// will are counted separately. The default is DefaultMaxProperties.
	Properties int
	// Filters is the largest number of topic filters in a SUBSCRIBE or UNSUBSCRIBE, and of
	// codes in a SUBACK or UNSUBACK. The default is DefaultMaxFilters.
	Filters int
	// Unreleased is the largest number of QoS 2 messages that the peer has sent without
	// releasing their packet identifiers with PUBREL. In 5.0 a Receive Maximum that this side
	// sends in its CONNECT or CONNACK also applies, if it is lower, and to messages of QoS 1 too
	// [MQTT-3.3.4-7] [MQTT-3.3.4-9]. The default is DefaultMaxUnreleased.
	Unreleased int
}

// The defaults of Limits.
const (
	DefaultMaxPacket     = 16 << 20 // bytes
	DefaultMaxProperties = 256      // in each packet, and in each will
	DefaultMaxFilters    = 1024     // in each packet
	DefaultMaxUnreleased = 65535    // all packet identifiers: about 20 KiB per connection
)

// defaultLimits are the limits of a connection on which SetLimits was not called.
var defaultLimits = Limits{}.resolved()

// resolved returns the limits with all defaults filled in. Limits that are off are the largest
// int.
func (l Limits) resolved() *Limits {
	value := func(n, fallback int) int {
		if n = cmp.Or(n, fallback); n < 0 {
			return math.MaxInt
		}
		return n
	}
	return &Limits{
		Packet:     value(l.Packet, DefaultMaxPacket),
		Properties: value(l.Properties, DefaultMaxProperties),
		Filters:    value(l.Filters, DefaultMaxFilters),
		Unreleased: value(l.Unreleased, DefaultMaxUnreleased),
	}
}

// The statements that allow a receiver to end the connection because of a limit of its own.
const (
	ruleLimitV4 = "MQTT-4.8.0-2"
	ruleLimitV5 = "MQTT-4.13.2-1"
)

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
	resolved, overWS := limits.resolved(), false
	if p, ok := reactor.Find[*listener](c); ok {
		p.limits, overWS = resolved, p.overWS
	} else if l, err := layerOf(c); err != nil {
		return err
	} else if l.role == manual {
		return errLimitsOfLogin
	} else {
		l.limits, overWS = resolved, l.overWS
	}
	if overWS {
		return ws.SetLimits(c, ws.Limits{Message: max(resolved.Packet, ws.DefaultMaxMessage)})
	}
	return nil
}
