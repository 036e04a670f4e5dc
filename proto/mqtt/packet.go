package mqtt

import (
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
	cmd, protocolError := l.msg.Cmd, l.protocolError
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
			l.receivedConnect(&l.msg)
		case l.phase == connecting && cmd != CmdAuth && cmd != CmdDisconnect:
			return protocolError("", "MQTT-3.1.2-30", "the client sent another packet than AUTH before CONNACK")
		case cmd == CmdAuth:
			return l.checkAuth(c)
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
		return l.accepted(c)
	case cmd == CmdAuth:
		return l.checkAuth(c)
	}
	return nil
}

// protocolError returns the error for the packet in l.msg. rule4 and rule5 are the rules that it
// breaks.
func (l *layer) protocolError(rule4, rule5, reason string) error {
	return l.refusal(ReasonProtocolError, rule4, rule5, reason)
}

// refusal is protocolError with the reason code of the DISCONNECT.
func (l *layer) refusal(code ReasonCode, rule4, rule5, reason string) error {
	err := newParseError(l.version, code, rule4, rule5, reason)
	err.Cmd = l.msg.Cmd
	return err
}

// accepted handles the CONNACK in l.msg, which accepts the connection.
func (l *layer) accepted(c *reactor.Conn) error {
	if l.cleanStart && l.msg.SessionPresent {
		return l.protocolError("MQTT-3.2.2-1", "MQTT-3.2.2-4", "Session Present is set, but CONNECT asked for a clean start")
	}
	if err := l.checkAuthMethod(false); err != nil {
		return err
	}
	c.Stack().SetHandshaking(false)
	l.phase = connected
	l.receivedConnack(&l.msg)
	return nil
}

// handlePacket raises the events of the packet in l.msg and then sends the acknowledgement
// that the protocol requires. Every packet raises EvMQTTCmd. Before EvMQTTCmd, CONNACK raises
// EvMQTTOpen and PUBLISH raises EvMQTTMsg.
func (l *layer) handlePacket(c *reactor.Conn) {
	m := &l.msg
	l.now = current{cmd: m.Cmd, id: m.ID, qos: m.QoS, code: m.Ack} // a handler may change the message
	p := &l.now
	l.endExchange(p.cmd, p.id, p.code)
	var refused *RefusedError
	if l.role == client && (p.cmd == CmdConnack && p.code != 0 || p.cmd == CmdDisconnect) {
		refused = newRefusedError(m, l.version)
	}
	switch {
	case p.cmd == CmdConnack:
		c.Call(reactor.EvMQTTOpen, p.code)
	case p.cmd == CmdPublish && (p.qos < 2 || l.ownFlows || l.noteQoS2(p.id)):
		c.Call(reactor.EvMQTTMsg, m)
	}
	c.Call(reactor.EvMQTTCmd, m)
	if answer := p.answer(); answer != 0 && !p.acknowledged && !l.ownFlows {
		l.failIfTooSmall(c, l.acknowledge(c, answer, l.automaticCode(), nil))
	}
	cmd, code := p.cmd, p.code
	l.now = current{}
	switch cmd {
	case CmdConnack:
		if code != 0 {
			l.fail(c, refused)
		}
	case CmdDisconnect:
		l.handleDisconnect(c, refused)
	}
}

// handleDisconnect ends the connection after DISCONNECT from the peer. A client fails with refused.
func (l *layer) handleDisconnect(c *reactor.Conn, refused *RefusedError) {
	if refused == nil {
		l.drain(c)
		return
	}
	if l.overWS {
		ws.Close(c, ws.StatusNormalClosure, "") // returns an error if a Close frame was sent before
	}
	l.fail(c, refused)
}

// drain drains the connection. Over WebSocket it sends a Close frame first.
func (l *layer) drain(c *reactor.Conn) {
	l.phase = disconnected
	if l.overWS {
		ws.Close(c, ws.StatusNormalClosure, "") // returns an error if a Close frame was sent before
	}
	c.Drain()
}
