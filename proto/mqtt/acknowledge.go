package mqtt

import (
	"errors"

	"github.com/rikki-go/rikki/reactor"
)

// ErrAcknowledged is returned by Ack and AckCode if the packet has its answer already: the layer
// acknowledges a packet when its handlers have returned.
var ErrAcknowledged = errors.New("mqtt: the packet is already acknowledged: call Ack in its handler, or use Options.Manual")

// current is the packet whose events are raised. The zero value is none.
type current struct {
	cmd          Cmd
	qos          uint8
	code         ReasonCode
	acknowledged bool // the handler has acknowledged the packet itself
	id           uint16
}

// answer returns the type of the packet that acknowledges p in a QoS handshake, or 0 if there is
// none. A PUBREC of 0x80 or higher ends the handshake.
func (p *current) answer() Cmd {
	switch {
	case p.cmd == CmdPublish && p.qos == 1:
		return CmdPuback // [MQTT-4.3.2-4]
	case p.cmd == CmdPublish && p.qos == 2:
		return CmdPubrec // [MQTT-4.3.3-8]
	case p.cmd == CmdPubrec && p.code < 0x80:
		return CmdPubrel // [MQTT-4.3.3-4]
	case p.cmd == CmdPubrel:
		return CmdPubcomp // [MQTT-4.3.3-11]
	}
	return 0
}

// automaticCode returns the reason code with which the layer acknowledges the current packet.
func (l *layer) automaticCode() ReasonCode {
	if l.version == 5 && l.now.cmd == CmdPubrel && (l.ids == nil || !l.ids.unreleased.Has(l.now.id)) {
		return ReasonPacketIDNotFound
	}
	return ReasonSuccess
}

// acknowledge sends the answer to the current packet.
func (l *layer) acknowledge(c *reactor.Conn, answer Cmd, code ReasonCode, props []Property) error {
	p := &l.now
	ends := answer == CmdPubcomp || answer == CmdPubrec && code >= 0x80 // [MQTT-4.3.3-9] [MQTT-4.3.3-12]
	err := l.sendAck(c, answer, p.id, code, props)
	if err == nil {
		p.acknowledged = true
		if ends {
			l.release(p.id)
		}
	}
	return err
}

// sendAck sends PUBACK, PUBREC, PUBREL or PUBCOMP.
func (l *layer) sendAck(c *reactor.Conn, cmd Cmd, id uint16, code ReasonCode, props []Property) error {
	return l.send(c, func(dst []byte) ([]byte, error) { return AppendAck(dst, l.version, cmd, id, code, props) })
}

// Ack is AckCode with reason code 0 and without properties.
func Ack(c *reactor.Conn, m *Message) error { return AckCode(c, m, ReasonSuccess) }

// AckCode acknowledges the packet m in its QoS handshake, with a reason code and properties, which
// only 5.0 has.
//
//	m                              AckCode sends
//	PUBLISH of QoS 1               PUBACK
//	PUBLISH of QoS 2               PUBREC; a code of 0x80 or higher ends the handshake
//	PUBREC with a code below 0x80  PUBREL
//	PUBREL                         PUBCOMP
//	other                          nothing, and returns nil
//
// A program that runs the handshakes itself (Login, Options.Manual) calls Ack or AckCode for every
// packet. On a connection of Login the packet identifier of Pub, Sub or Unsub is in use until the
// program passes the packet that acknowledges it to Ack: PUBACK, PUBCOMP, SUBACK, UNSUBACK, or a
// PUBREC with a code of 0x80 or higher. From CONNACK the connection learns what the server
// allows, and its keep-alive starts, see Options.KeepAlive.
//
// On other connections the layer itself acknowledges a packet when its handlers have returned. A
// handler that acknowledges the packet of its EvMQTTMsg or EvMQTTCmd replaces that. For a packet
// that is already acknowledged, AckCode returns ErrAcknowledged. There is one exception: for the
// PUBREC of an earlier connection AckCode sends PUBREL, and the packet identifier is in use again.
//
// AckCode returns an error if m is nil, and the errors of Pub. It then has sent nothing.
func AckCode(c *reactor.Conn, m *Message, code ReasonCode, props ...Property) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	if m == nil {
		return errors.New("mqtt: Ack of a nil Message: pass the Message that Parse has filled")
	}
	p := current{cmd: m.Cmd, id: m.ID, qos: m.QoS, code: m.Ack}
	automatic := l.role != manual && !l.ownFlows
	isCurrent := l.now.cmd != 0 && (m == &l.msg || p.cmd == l.now.cmd && p.id == l.now.id)
	if isCurrent {
		p = l.now
	}
	if l.role == manual {
		l.endExchange(p.cmd, p.id, p.code)
		if p.cmd == CmdConnack && p.code == 0 {
			l.receivedConnack(m)
			l.startKeepAlive(c, m)
		}
	}
	answer := p.answer()
	if answer == 0 {
		return nil
	}
	if err := l.maySend(c); err != nil {
		return err
	}
	switch {
	case !automatic:
		return l.sendAck(c, answer, p.id, code, props)
	case isCurrent && !p.acknowledged:
		return l.acknowledge(c, answer, code, props)
	case !isCurrent && answer == CmdPubrel:
		return l.resumePubrel(c, p.id, code, props)
	}
	if _, err := c.Write(nil); err != nil {
		return err // the connection has ended
	}
	return ErrAcknowledged
}

// resumePubrel sends PUBREL for a message whose PUBREC an earlier connection has received
// [MQTT-4.4.0-1].
func (l *layer) resumePubrel(c *reactor.Conn, id uint16, code ReasonCode, props []Property) error {
	taken, err := l.retakeID(id, 2)
	if err == nil {
		err = l.sendAck(c, CmdPubrel, id, code, props)
	}
	if err != nil && taken {
		l.returnID(id)
	}
	return err
}
