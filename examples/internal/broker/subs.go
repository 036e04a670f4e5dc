package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// subs are the subscriptions of one client, by topic filter.
type subs map[string]mqtt.Filter

// add makes a subscription, or replaces the one with the same filter
// [MQTT-3.8.4-3]. It reports whether it is new.
func (s subs) add(f mqtt.Filter) (fresh bool) {
	_, had := s[f.Topic]
	s[f.Topic] = f
	return !had
}

// remove ends a subscription and reports whether there was one.
func (s subs) remove(filter string) bool {
	_, had := s[filter]
	delete(s, filter)
	return had
}

// match returns how the client wants a message with that topic, if it does.
// However many of its filters match it gets one copy, at the highest QoS among
// them [MQTT-3.3.5-1] (5.0: [MQTT-3.3.4-2]). own says that it published the
// message itself, which then does not go where No Local is set [MQTT-3.8.3-3].
func (s subs) match(topic string, own bool) (want mqtt.Filter, ok bool) {
	for _, f := range s {
		if own && f.NoLocal || !mqtt.Match(f.Topic, topic) {
			continue
		}
		ok = true
		want.QoS = max(want.QoS, f.QoS)
		want.RetainAsPublished = want.RetainAsPublished || f.RetainAsPublished
	}
	return want, ok
}
