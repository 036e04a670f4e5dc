package broker

import "github.com/rikki-go/rikki/internal/topics"

// retained holds the last retained message of each topic.
type retained struct {
	root  topics.Node[message]
	bytes int // of all messages, as retainedSize counts
	puts  int // messages that were published with RETAIN
}

// retainedSize returns the number of bytes that limits count for a retained message.
func retainedSize(m *message) int { return m.size() + topics.NodeSize*topics.Levels(m.topic) }

// put replaces the message of m's topic [MQTT-3.3.1-5]. A message without payload only
// removes it [MQTT-3.3.1-6] [MQTT-3.3.1-7] (3.1.1: [MQTT-3.3.1-10], [MQTT-3.3.1-11]). put
// returns false if m would exceed the limit. The old message is removed in any case, because it
// is not the last one any more.
func (r *retained) put(m *message, limit int) bool {
	r.puts++
	m.number = r.puts
	size := retainedSize(m)
	fits := len(m.data) > 0 && r.bytes-r.sizeOf(m.topic)+size <= limit
	if !fits {
		r.remove(m.topic)
		return len(m.data) == 0
	}
	r.bytes += size - r.sizeOf(m.topic)
	r.root.Grow(m.topic).Value = m
	return true
}

// sizeOf returns the size of a topic's message, 0 if there is none.
func (r *retained) sizeOf(topic string) int {
	if n := r.root.Find(topic); n != nil && n.Value != nil {
		return retainedSize(n.Value)
	}
	return 0
}

func (r *retained) remove(topic string) {
	if n := r.root.Find(topic); n != nil && n.Value != nil {
		r.bytes -= retainedSize(n.Value)
		n.Clear()
	}
}
