package mqtt

import (
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// What each side may send, as bits by Cmd. AUTH exists in 5.0 only, and so does a
// DISCONNECT from the server; Parse refuses AUTH in 3.1.1 by itself.
const (
	eitherSends = 1<<CmdPublish | 1<<CmdPuback | 1<<CmdPubrec | 1<<CmdPubrel | 1<<CmdPubcomp | 1<<CmdAuth
	clientSends = eitherSends | 1<<CmdConnect | 1<<CmdSubscribe | 1<<CmdUnsubscribe | 1<<CmdPingreq | 1<<CmdDisconnect
	serverSends = eitherSends | 1<<CmdConnack | 1<<CmdSuback | 1<<CmdUnsuback | 1<<CmdPingresp | 1<<CmdDisconnect
)

// sequence checks that the packet may come from this peer at this time, and
// moves to the phase that it leads to.
func (l *layer) sequence(c *reactor.Conn) error {
	cmd, bad := l.msg.Cmd, func(rule4, rule5, reason string) error {
		f := fault(l.version, ReasonProtocolError, rule4, rule5, reason)
		f.Cmd = l.msg.Cmd
		return f
	}
	if l.role == server {
		switch {
		case 1<<cmd&clientSends == 0:
			return bad("section 2.2.1", "section 2.1.2", "only a server sends it")
		case l.phase == silent && cmd != CmdConnect:
			return bad("MQTT-3.1.0-1", "MQTT-3.1.0-1", "the first packet must be CONNECT")
		case l.phase != silent && cmd == CmdConnect:
			return bad("MQTT-3.1.0-2", "MQTT-3.1.0-2", "a second CONNECT")
		case cmd == CmdConnect:
			c.Stack().SetHandshaking(false)
			l.phase, l.version = asked, l.msg.Version
		}
		return nil
	}
	switch {
	case 1<<cmd&serverSends == 0 || cmd == CmdDisconnect && l.version != 5:
		return bad("section 2.2.1", "section 2.1.2", "only a client sends it")
	case l.phase != ready && cmd != CmdConnack && cmd != CmdAuth && !(cmd == CmdDisconnect && l.msg.Ack >= 0x80):
		return bad("MQTT-3.2.0-1", "section 3.2", "the first packet must be CONNACK")
	case l.phase == ready && cmd == CmdConnack:
		return bad("section 3.2", "MQTT-3.2.0-2", "a second CONNACK")
	case cmd == CmdConnack && l.msg.Ack != 0:
		l.phase = over
	case cmd == CmdConnack:
		c.Stack().SetHandshaking(false)
		l.phase = ready
	}
	return nil
}

// packet raises the events of a packet and then does what the protocol
// demands of the receiver. EvMQTTCmd comes for every packet, after the special
// one.
func (l *layer) packet(c *reactor.Conn) {
	m := &l.msg
	cmd, id, qos, code := m.Cmd, m.ID, m.QoS, m.Ack // a handler may scribble
	switch {
	case cmd == CmdConnack:
		c.Call(reactor.EvMQTTOpen, code)
	case cmd == CmdPublish && (qos < 2 || l.hold(id)):
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
		l.release(c, id)
	case CmdConnack:
		if code != 0 {
			l.fail(c, &RefusedError{cmd, code, l.version})
		}
	case CmdDisconnect:
		l.bye(c, code)
	}
}

// hold notes the identifier of a QoS 2 message; false means that it was
// delivered before and not released yet [MQTT-4.3.3-10].
func (l *layer) hold(id uint16) bool {
	if _, again := l.held[id]; again {
		return false
	}
	if l.held == nil {
		l.held = make(map[uint16]struct{})
	}
	l.held[id] = struct{}{}
	return true
}

// release answers PUBREL [MQTT-4.3.3-11].
func (l *layer) release(c *reactor.Conn, id uint16) {
	code := ReasonCode(0)
	if _, ok := l.held[id]; !ok && l.version == 5 {
		code = ReasonPacketIDNotFound
	}
	delete(l.held, id)
	l.ack(c, CmdPubcomp, id, code)
}

// bye ends the connection after a DISCONNECT: in order, unless a server gives
// a reason.
func (l *layer) bye(c *reactor.Conn, code ReasonCode) {
	if l.role == client && code >= 0x80 {
		l.fail(c, &RefusedError{CmdDisconnect, code, l.version})
		return
	}
	l.hangUp(c)
}

// hangUp ends the connection in order.
func (l *layer) hangUp(c *reactor.Conn) {
	l.phase = over
	if l.overWS {
		ws.Close(c, ws.CloseNormal, "") // it fails if one was sent
	}
	c.Drain()
}
