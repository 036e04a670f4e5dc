package broker

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// subscribe handles SUBSCRIBE: it adds the subscriptions, sends the SUBACK, and then sends
// the retained messages that match.
func (b *Broker) subscribe(s *session, m *mqtt.Message) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropSubscriptionIdentifier {
			b.expel(s, mqtt.ReasonSubIDsNotSupported, errUnsupported)
			return
		}
	}
	var codes []mqtt.ReasonCode // one per filter, in order [MQTT-3.8.4-5] (5.0: [MQTT-3.8.4-6])
	var retained []mqtt.Filter  // those that get retained messages
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		code := s.subscribable(&f)
		if code < mqtt.ReasonUnspecified {
			isNew := s.subs.add(f)
			if f.RetainHandling == 0 || f.RetainHandling == 1 && isNew { // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
				retained = append(retained, f)
			}
		}
		if code < mqtt.ReasonUnspecified {
			b.log.Info("subscribe", "client", s.id, "filter", f.Topic, "qos", f.QoS)
		} else {
			b.log.Info("subscription refused", "client", s.id, "filter", f.Topic, "code", codeName(code, s.version))
		}
		codes = append(codes, code)
	}
	mqtt.Suback(s.conn, m.ID, codes...) // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
	for _, f := range retained {
		b.sendRetained(s, f)
	}
}

// codeName returns a reason code for the log, as in "0x87 not authorized".
func codeName(code mqtt.ReasonCode, version uint8) string {
	return fmt.Sprintf("0x%02X %s", uint8(code), code.Name(version))
}

// subscribable returns the code that answers a filter in the SUBACK: the requested QoS, or the
// reason for a refusal.
func (s *session) subscribable(f *mqtt.Filter) mqtt.ReasonCode {
	code := mqtt.ReasonCode(f.QoS)
	if _, _, shared := mqtt.SplitShare(f.Topic); shared && s.version == 5 {
		code = mqtt.ReasonSharedSubsNotSupported
	} else if _, had := s.subs[f.Topic]; !had && len(s.subs) >= MaxFilters {
		code = mqtt.ReasonQuotaExceeded
	}
	if code >= mqtt.ReasonUnspecified && s.version != 5 {
		return mqtt.ReasonUnspecified // 3.1.1 has no other code for a failure
	}
	return code
}

// sendRetained sends the retained messages that match a new subscription [MQTT-3.3.1-6], with
// the RETAIN flag set [MQTT-3.3.1-8]. DropAbove does not apply to them: RetainedLimit is less
// than CloseAbove.
func (b *Broker) sendRetained(s *session, f mqtt.Filter) {
	for msg := range b.retained.match(f.Topic, b.m.Now()) {
		d := delivery{msg, min(msg.qos, f.QoS), true}
		if d.qos == 0 {
			b.send(s, d)
		} else {
			b.deliver(s, d)
		}
		if s.state != connected { // it was too slow
			return
		}
	}
}

func (b *Broker) unsubscribe(s *session, m *mqtt.Message) {
	var codes []mqtt.ReasonCode
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		code := mqtt.ReasonNoSubscriptionExisted
		if s.subs.remove(f.Topic) {
			code = mqtt.ReasonSuccess
		}
		b.log.Info("unsubscribe", "client", s.id, "filter", f.Topic)
		codes = append(codes, code)
	}
	mqtt.Unsuback(s.conn, m.ID, codes...) // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
}
