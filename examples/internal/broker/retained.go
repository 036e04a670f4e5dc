package broker

import (
	"iter"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// retained holds the last retained message of each topic.
type retained struct {
	byTopic map[string]*message
	bytes   int // of all messages, as message.size counts
}

// put replaces the message of m's topic [MQTT-3.3.1-5]. A message without payload only
// removes it [MQTT-3.3.1-6] [MQTT-3.3.1-7] (3.1.1: [MQTT-3.3.1-10], [MQTT-3.3.1-11]). put
// returns false if m would exceed RetainedLimit. The old message is removed in any case,
// because it is not the last one any more.
func (r *retained) put(m *message) bool {
	r.remove(m.topic)
	if len(m.data) == 0 {
		return true
	}
	if r.bytes+m.size() > RetainedLimit {
		return false
	}
	if r.byTopic == nil {
		r.byTopic = make(map[string]*message)
	}
	r.byTopic[m.topic] = m
	r.bytes += m.size()
	return true
}

func (r *retained) remove(topic string) {
	if old := r.byTopic[topic]; old != nil {
		r.bytes -= old.size()
		delete(r.byTopic, topic)
	}
}

// match iterates over the messages whose topic matches the filter, in any order. It removes
// the expired messages that it meets.
func (r *retained) match(filter string, now time.Time) iter.Seq[*message] {
	return func(yield func(*message) bool) {
		for topic, m := range r.byTopic {
			if m.expired(now) {
				r.remove(topic)
			} else if mqtt.Match(filter, topic) && !yield(m) {
				return
			}
		}
	}
}
