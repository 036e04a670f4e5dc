package mqtt

import "github.com/rikki-go/rikki/reactor"

// This file has the calls for the answers of a server. They return the errors that the
// calls in calls.go return.

// Pong sends PINGRESP, the answer of a server to PINGREQ [MQTT-3.12.4-1].
func Pong(c *reactor.Conn) error {
	return sendOn(c, func(_ *layer, dst []byte) ([]byte, error) { return AppendPingresp(dst), nil })
}

// DisconnectCode sends DISCONNECT with a reason code and properties. In 3.1.1 the packet has
// neither: the call ignores code, and properties are an error. A 3.1.1 server must not send
// DISCONNECT: Disconnect and DisconnectCode return an error there.
func DisconnectCode(c *reactor.Conn, code ReasonCode, props ...Property) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	return l.disconnect(c, code, props)
}

// Connack answers CONNECT, at once or later. A code other than 0 refuses the client, and drains
// the connection [MQTT-3.2.2-5]. Connack returns ErrNoConnect if no CONNECT waits for an answer.
// If CONNECT has an Authentication Method, Connack adds it to the CONNACK that accepts the client,
// unless props contains it. The error wraps its cause: use errors.Is. If the program does not use
// the error, it is logged once at level Warn. reactor.ErrClosed and ErrDisconnected are not
// logged.
func Connack(c *reactor.Conn, sessionPresent bool, code ReasonCode, props ...Property) error {
	return reportIgnored(c, connack(c, sessionPresent, code, props))
}

// reportIgnored wraps err, so that the loop logs it if the program does not use it. The errors
// of a connection that has ended are not logged, because EvClose tells the program.
func reportIgnored(c *reactor.Conn, err error) error {
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
	if l.role == client || l.role == server && l.phase != connecting {
		return ErrNoConnect
	}
	if code == 0 {
		if props, err = l.withAuthMethod(CmdConnack, props); err != nil {
			return err
		}
	}
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, l.version, sessionPresent, code, props) })
	switch {
	case err != nil:
	case code == 0:
		l.phase = connected
		l.sentConnack(props)
		c.Stack().SetHandshaking(false)
		if !l.parsing {
			c.Stack().Redispatch() // handle the packets that have waited for CONNACK
		}
	default:
		l.drain(c)
	}
	return err
}

// Suback answers SUBSCRIBE with one code per topic filter, in the order of the filters: the
// granted QoS, or a failure [MQTT-3.8.4-5]. id is the packet identifier of SUBSCRIBE. An
// error that the program does not use is logged, as for Connack.
func Suback(c *reactor.Conn, id uint16, codes ...ReasonCode) error {
	return reportIgnored(c, sendOn(c, func(l *layer, dst []byte) ([]byte, error) {
		return AppendSuback(dst, l.version, id, codes, nil)
	}))
}

// Unsuback answers UNSUBSCRIBE with one code per topic filter, in the order of the filters.
// In 3.1.1 UNSUBACK has no codes, and the call ignores codes. id is the packet identifier of
// UNSUBSCRIBE. An error that the program does not use is logged, as for Connack.
func Unsuback(c *reactor.Conn, id uint16, codes ...ReasonCode) error {
	return reportIgnored(c, sendOn(c, func(l *layer, dst []byte) ([]byte, error) {
		if l.version != 5 {
			codes = nil
		}
		return AppendUnsuback(dst, l.version, id, codes, nil)
	}))
}
