package broker

import (
	"fmt"

	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// subscribe handles SUBSCRIBE: it adds the subscriptions, sends the SUBACK, and then sends
// the retained messages that match. A filter that occurs twice gets them once.
func (b *Broker) subscribe(s *session, m *mqtt.Message) {
	var ids []uint32
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropSubscriptionIdentifier {
			ids = []uint32{p.Int}
		}
	}
	var codes []mqtt.ReasonCode // one per filter, in order [MQTT-3.8.4-5] (5.0: [MQTT-3.8.4-6])
	refused := 0
	var f mqtt.Filter // after the loop, the last one: the log names it
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		code := b.subscribable(s, &f, m.Version)
		if code < mqtt.ReasonUnspecified {
			share := ""
			if m.Version == 5 {
				share, _, _ = mqtt.SplitShare(f.Topic)
			}
			sub, isNew := b.subs.add(s, f, share, ids)
			// Retained messages are not sent to shared subscriptions. 5.0 section 4.8.2.
			if sub.group == nil && (f.RetainHandling == 0 || f.RetainHandling == 1 && isNew) { // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
				b.fetchFor(sub)
			}
		} else {
			refused++
		}
		codes = append(codes, code)
	}
	b.log.Info("subscribe", "client", s.id, "filter", f.Topic,
		"code", subackName(codes[len(codes)-1], m.Version), "filters", len(codes), "refused", refused)
	mqtt.Suback(s.client.conn, m.ID, codes...) // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
	b.continueFetching(s)
}

// codeName returns a reason code for the log, as in "0x87 not authorized".
func codeName(code mqtt.ReasonCode, version uint8) string {
	return fmt.Sprintf("0x%02X %s", uint8(code), code.Name(version))
}

// subackName is codeName for a code of SUBACK. In 3.1.1 the same codes have other names in CONNACK.
func subackName(code mqtt.ReasonCode, version uint8) string {
	if code < mqtt.ReasonUnspecified {
		version = 5
	}
	return codeName(code, version)
}

// subscribable returns the code that answers a filter in the SUBACK: the requested QoS, or the
// reason for a refusal. If the filter is new, it is charged to the client.
func (b *Broker) subscribable(s *session, f *mqtt.Filter, version uint8) mqtt.ReasonCode {
	code := mqtt.ReasonCode(f.QoS)
	if topics.Levels(f.Topic) > b.limits.Levels {
		code = mqtt.ReasonTopicFilterInvalid
	} else if s.subs[f.Topic] == nil && (len(s.subs) >= b.limits.Filters || !b.charge(s, filterSize(f.Topic))) {
		code = mqtt.ReasonQuotaExceeded
	}
	if code >= mqtt.ReasonUnspecified && version != 5 {
		return mqtt.ReasonUnspecified // 3.1.1 has no other code for a failure
	}
	return code
}

// unsubscribe handles UNSUBSCRIBE.
func (b *Broker) unsubscribe(s *session, m *mqtt.Message) {
	var codes []mqtt.ReasonCode
	var f mqtt.Filter // after the loop, the last one: the log names it
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		code := mqtt.ReasonNoSubscriptionExisted
		if sub := s.subs[f.Topic]; sub != nil {
			b.removeSub(sub)
			code = mqtt.ReasonSuccess
		}
		codes = append(codes, code)
	}
	b.log.Info("unsubscribe", "client", s.id, "filter", f.Topic, "filters", len(codes))
	mqtt.Unsuback(s.client.conn, m.ID, codes...) // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
}

// removeSub ends a subscription.
func (b *Broker) removeSub(sub *subscription) {
	sub.endFetch()
	sub.remove()
	b.release(sub.s, filterSize(sub.Topic))
}
