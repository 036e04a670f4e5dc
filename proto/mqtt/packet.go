package mqtt

import (
	"strconv"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The packets that each side may send: bit n is the packet type Cmd(n). AUTH, and DISCONNECT
// from a server, exist in 5.0 only. Parse refuses AUTH in 3.1.1.
const (
	eitherSends = 1<<CmdPublish | 1<<CmdPuback | 1<<CmdPubrec | 1<<CmdPubrel | 1<<CmdPubcomp | 1<<CmdAuth
	clientSends = eitherSends | 1<<CmdConnect | 1<<CmdSubscribe | 1<<CmdUnsubscribe | 1<<CmdPingreq | 1<<CmdDisconnect
	serverSends = eitherSends | 1<<CmdConnack | 1<<CmdSuback | 1<<CmdUnsuback | 1<<CmdPingresp | 1<<CmdDisconnect
)

// checkOrder checks that the peer may send the packet in l.msg now. If the packet changes the
// phase, checkOrder sets the new phase.
func (l *layer) checkOrder(c *reactor.Conn) error {
	cmd, protocolError := l.msg.Cmd, func(rule4, rule5, reason string) error {
		parseErr := newParseError(l.version, ReasonProtocolError, rule4, rule5, reason)
		parseErr.Cmd = l.msg.Cmd
		return parseErr
	}
	if l.role == server {
		switch {
		case 1<<cmd&clientSends == 0:
			return protocolError("section 2.2.1", "section 2.1.2", "the client sent a packet that only a server may send")
		case l.phase == beforeConnect && cmd != CmdConnect:
			return protocolError("MQTT-3.1.0-1", "MQTT-3.1.0-1", "the first packet must be CONNECT")
		case l.phase != beforeConnect && cmd == CmdConnect:
			return protocolError("MQTT-3.1.0-2", "MQTT-3.1.0-2", "the client sent a second CONNECT")
		case cmd == CmdConnect:
			c.Stack().SetHandshaking(false)
			l.phase, l.version = connecting, l.msg.Version
		}
		return nil
	}
	switch {
	case 1<<cmd&serverSends == 0 || cmd == CmdDisconnect && l.version != 5:
		return protocolError("section 2.2.1", "section 2.1.2", "the server sent a packet that only a client may send")
	case l.phase != connected && cmd != CmdConnack && cmd != CmdAuth && !(cmd == CmdDisconnect && l.msg.Ack >= 0x80):
		return protocolError("MQTT-3.2.0-1", "section 3.2", "the first packet must be CONNACK")
	case l.phase == connected && cmd == CmdConnack:
		return protocolError("section 3.2", "MQTT-3.2.0-2", "the server sent a second CONNACK")
	case cmd == CmdConnack && l.msg.Ack != 0:
		l.phase = disconnected
	case cmd == CmdConnack:
		c.Stack().SetHandshaking(false)
		l.phase = connected
	}
	return nil
}

// handlePacket raises the events of the packet in l.msg and then sends the acknowledgement
// that the protocol requires. Every packet raises EvMQTTCmd. Before EvMQTTCmd, CONNACK raises
// EvMQTTOpen and PUBLISH raises EvMQTTMsg.
func (l *layer) handlePacket(c *reactor.Conn) {
	m := &l.msg
	cmd, id, qos, code := m.Cmd, m.ID, m.QoS, m.Ack // copies: a handler may change the message
	switch {
	case cmd == CmdConnack:
		c.Call(reactor.EvMQTTOpen, code)
	case cmd == CmdPublish && (qos < 2 || l.noteQoS2(id)):
		c.Call(reactor.EvMQTTMsg, m)
	}
	c.Call(reactor.EvMQTTCmd, m)
	switch cmd {
	case CmdPublish:
		switch qos {
		case 1:
			l.ack(c, CmdPuback, id, 0) // [MQTT-4.3.2-4]
		case 2:
			l.ack(c, CmdPubrec, id, 0) // [MQTT-4.3.3-8]
		}
	case CmdPubrec:
		if code < 0x80 {
			l.ack(c, CmdPubrel, id, 0) // [MQTT-4.3.3-4]
		}
	case CmdPubrel:
		l.answerPubrel(c, id)
	case CmdConnack:
		if code != 0 {
			l.fail(c, &RefusedError{cmd, code, l.version})
		}
	case CmdDisconnect:
		l.handleDisconnect(c, code)
	}
}

// noteQoS2 notes the identifier of a QoS 2 message until PUBREL. It returns false if the message
// is a duplicate: it was delivered before, and PUBREL has not arrived [MQTT-4.3.3-10].
func (l *layer) noteQoS2(id uint16) bool {
	if l.unreleased.has(id) {
		return false
	}
	l.unreleased.add(id)
	return true
}

// noReceiveMax is the Receive Maximum of a side that sends none. 5.0 section 3.1.2.11.3.
const noReceiveMax = 65535

// receiveMaximum returns the Receive Maximum in the properties of a CONNECT or CONNACK.
func receiveMaximum(props []Property) uint16 {
	for i := range props {
		if props[i].ID == PropReceiveMaximum {
			return uint16(props[i].Int)
		}
	}
	return noReceiveMax
}

// checkUnreleased refuses a QoS 2 message in l.msg if too many of the peer's messages wait for
// PUBREL. A message of QoS 1 does not wait, because it is acknowledged when its handlers return.
func (l *layer) checkUnreleased() error {
	limit := min(l.limits.Unreleased, int(l.receiveMax))
	if l.msg.Cmd != CmdPublish || l.msg.QoS < 2 || l.unreleased.size < limit || l.unreleased.has(l.msg.ID) {
		return nil
	}
	rule5 := "MQTT-3.3.4-7"
	if l.role == client {
		rule5 = "MQTT-3.3.4-9"
	}
	err := newParseError(l.version, ReasonReceiveMaximumExceeded, ruleLimitV4, rule5,
		"more than "+strconv.Itoa(limit)+" QoS 2 messages wait for PUBREL")
	err.Cmd = CmdPublish
	return err
}

// answerPubrel forgets the identifier of a QoS 2 message and answers PUBREL [MQTT-4.3.3-11].
func (l *layer) answerPubrel(c *reactor.Conn, id uint16) {
	code := ReasonCode(0)
	if found := l.unreleased.remove(id); !found && l.version == 5 {
		code = ReasonPacketIDNotFound
	}
	l.ack(c, CmdPubcomp, id, code)
}

// handleDisconnect ends the connection after DISCONNECT from the peer. On a client it fails the
// connection if the server gives a reason of 0x80 or higher.
func (l *layer) handleDisconnect(c *reactor.Conn, code ReasonCode) {
	if l.role == client && code >= 0x80 {
		l.fail(c, &RefusedError{CmdDisconnect, code, l.version})
		return
	}
	l.drain(c)
}

// drain drains the connection. Over WebSocket it sends a Close frame first.
func (l *layer) drain(c *reactor.Conn) {
	l.phase = disconnected
	if l.overWS {
		ws.Close(c, ws.StatusNormalClosure, "") // returns an error if a Close frame was sent before
	}
	c.Drain()
}
