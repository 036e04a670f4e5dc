package session

import (
	"fmt"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// maxReplies is the largest number of PUBRELs that wait because the server has sent PUBREC for
// identifiers that are not in use. A server has no reason for more: there are no more identifiers.
const maxReplies = 65535

// receive handles PUBACK, PUBREC and PUBCOMP. The table says what they do.
//
//	             QoS 1       QoS 2, no PUBREC yet   QoS 2, released   unknown identifier
//	PUBACK       outcome     violation              violation         ignored
//	PUBREC       violation   released: PUBREL       PUBREL again      PUBREL, in 5.0 with 0x92
//	PUBREC≥0x80  violation   outcome                ignored           ignored
//	PUBCOMP      violation   ignored                outcome           ignored
//
// An identifier is unknown if no message with it was sent to the server in this session. Its
// PUBCOMP may be the answer to a PUBREL of clearing. What is ignored can be a late duplicate. An
// error is a violation of the protocol by the server [MQTT-4.8.0-1] [MQTT-4.13.1-1].
func (s *sender) receive(_ time.Time, m *mqtt.Message) error {
	if !s.connected {
		return nil
	}
	r := s.byID.get(m.ID)
	if r != nil && !r.dup {
		r = nil
	}
	switch {
	case m.Cmd != mqtt.CmdPuback && m.Cmd != mqtt.CmdPubrec && m.Cmd != mqtt.CmdPubcomp:
		return nil
	case r == nil:
		return s.unknown(m)
	case (r.qos == 1) != (m.Cmd == mqtt.CmdPuback): // [MQTT-3.3.4-1]
		return &mqtt.ParseError{Cmd: m.Cmd, Code: mqtt.ReasonProtocolError, Rule: "MQTT-3.3.4-1",
			Reason: fmt.Sprintf("the answer does not belong to a message of QoS %d, packet identifier %d", r.qos, m.ID)}
	case m.Cmd == mqtt.CmdPuback:
		s.settle(r, m)
	case m.Cmd == mqtt.CmdPubrec:
		s.pubrec(r, m)
	case r.state == stateReleased:
		s.settle(r, m)
	}
	return nil
}

// unknown handles an answer to a message that is not in flight. PUBREC gets PUBREL, so that the
// server forgets the identifier. 5.0 section 4.3.3.
func (s *sender) unknown(m *mqtt.Message) error {
	switch {
	case m.Cmd == mqtt.CmdPubcomp:
		s.clear(m.ID)
		return nil
	case m.Cmd != mqtt.CmdPubrec || m.Ack >= 0x80:
		return nil
	}
	code := mqtt.ReasonCode(0)
	if s.version == 5 {
		code = mqtt.ReasonPacketIDNotFound
	}
	return s.reply(m.ID, code)
}

// reply notes a PUBREL to send.
func (s *sender) reply(id uint16, code mqtt.ReasonCode) error {
	if len(s.replies) >= maxReplies {
		return &mqtt.ParseError{Cmd: mqtt.CmdPubrec, Code: mqtt.ReasonQuotaExceeded, Rule: "MQTT-4.13.2-1",
			Reason: fmt.Sprintf("more than %d PUBRECs without a message wait for PUBREL", maxReplies)}
	}
	s.replies = append(s.replies, reply{id, code})
	return nil
}

// pubrec handles PUBREC for a message of QoS 2 that was sent.
func (s *sender) pubrec(r *record, m *mqtt.Message) {
	switch {
	case r.state == stateReleased:
		if m.Ack < 0x80 && r.wire { // [MQTT-4.3.3-1] [MQTT-4.3.3-4]
			s.reply(r.id, 0)
		}
	case m.Ack >= 0x80: // the exchange has ended. 5.0 section 4.3.3
		s.settle(r, m)
	default:
		s.detach(r)
		s.order++
		r.state, r.order, r.wire = stateReleased, s.order, false
		s.released.push(r)
		s.count(r)
		if s.unrel == nil {
			s.unrel = r
		}
		s.putEntry(r) // it is committed before PUBREL is sent
	}
}

// settle ends the exchange of a message. PUBCOMP with 0x92 is a success: the server has released
// the message before, and its PUBCOMP was lost. 5.0 section 3.7.2.1.
func (s *sender) settle(r *record, m *mqtt.Message) {
	s.detach(r)
	if m.Ack >= 0x80 && m.Cmd != mqtt.CmdPubcomp {
		s.finish(r, Rejected, m.Ack, m.Props, rejection(m))
		return
	}
	s.finish(r, Acknowledged, m.Ack, m.Props, nil)
}
