package mqtt

import "github.com/rikki-go/rikki/reactor"

// What servers say. The errors are those of the calls in calls.go.

// Pong sends PINGRESP, a server's answer to PINGREQ [MQTT-3.12.4-1].
func Pong(c *reactor.Conn) error {
	return sendOn(c, func(_ *layer, dst []byte) ([]byte, error) { return AppendPingresp(dst), nil })
}

// DisconnectCode sends DISCONNECT with a reason. In 3.1.1 there are none: the
// packet has no code, and for a server, which must not send it at all, both
// calls return an error.
func DisconnectCode(c *reactor.Conn, code ReasonCode) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	return l.disconnect(c, code, nil)
}

// Connack answers CONNECT, at once or later. With a code other than 0 the
// connection is drained [MQTT-3.2.2-5]. It returns ErrNotAsked if no CONNECT waits
// for an answer. The error wraps its cause, see errors.Is. One that the program does
// not look at is logged once, at level Warn, unless it is reactor.ErrClosed.
func Connack(c *reactor.Conn, sessionPresent bool, code ReasonCode, props ...Property) error {
	return answered(c, connack(c, sessionPresent, code, props))
}

// answered makes the loop log the error of an answer that was refused and that the program
// does not look at. That the connection has ended is none: EvClose tells the program.
func answered(c *reactor.Conn, err error) error {
	if err == reactor.ErrClosed || err == ErrDisconnected {
		return err
	}
	return c.Stack().Report(err)
}

func connack(c *reactor.Conn, sessionPresent bool, code ReasonCode, props []Property) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	if l.role == client || l.role == server && l.phase != asked {
		return ErrNotAsked
	}
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, l.version, sessionPresent, code, props) })
	switch {
	case err != nil:
	case code == 0:
		l.phase = ready
		if !l.busy {
			c.Stack().Redispatch() // for what has come behind CONNECT meanwhile
		}
	default:
		l.hangUp(c)
	}
	return err
}

// Suback answers SUBSCRIBE with one code per filter, in their order: the QoS
// granted, or a failure [MQTT-3.8.4-5].
func Suback(c *reactor.Conn, id uint16, codes ...ReasonCode) error {
	return answered(c, sendOn(c, func(l *layer, dst []byte) ([]byte, error) {
		return AppendSuback(dst, l.version, id, codes, nil)
	}))
}

// Unsuback answers UNSUBSCRIBE. The codes, one per filter, are sent in 5.0
// only.
func Unsuback(c *reactor.Conn, id uint16, codes ...ReasonCode) error {
	return answered(c, sendOn(c, func(l *layer, dst []byte) ([]byte, error) {
		if l.version != 5 {
			codes = nil
		}
		return AppendUnsuback(dst, l.version, id, codes, nil)
	}))
}
