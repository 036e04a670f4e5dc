package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// subs are the subscriptions of one client, by topic filter.
type subs map[string]mqtt.Filter

// add adds a subscription, or replaces the one with the same filter [MQTT-3.8.4-3]. It
// reports whether the filter is new.
func (s subs) add(f mqtt.Filter) (isNew bool) {
	_, had := s[f.Topic]
	s[f.Topic] = f
	return !had
}

// remove removes a subscription and reports whether there was one.
func (s subs) remove(filter string) bool {
	_, had := s[filter]
	delete(s, filter)
	return had
}

// match reports whether any filter matches the topic. If several do, the client gets one
// copy: merged has the highest QoS of them [MQTT-3.3.5-1] (5.0: [MQTT-3.3.4-2]), and
// RetainAsPublished if one of them has it. own is true if the client itself published the
// message; then filters with No Local do not match [MQTT-3.8.3-3].
func (s subs) match(topic string, own bool) (merged mqtt.Filter, ok bool) {
	for _, f := range s {
		if own && f.NoLocal || !mqtt.Match(f.Topic, topic) {
			continue
		}
		ok = true
		merged.QoS = max(merged.QoS, f.QoS)
		merged.RetainAsPublished = merged.RetainAsPublished || f.RetainAsPublished
	}
	return merged, ok
}
