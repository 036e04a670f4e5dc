package broker

// retained holds the last retained message of each topic.
type retained struct {
	root  node[message]
	bytes int // of all messages, as retainedSize counts
	puts  int // messages that were published with RETAIN
}

// retainedSize returns the number of bytes that limits count for a retained message.
func retainedSize(m *message) int { return m.size() + nodeSize*levels(m.topic) }

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
	r.root.grow(m.topic).value = m
	return true
}

// sizeOf returns the size of a topic's message, 0 if there is none.
func (r *retained) sizeOf(topic string) int {
	if n := r.root.find(topic); n != nil && n.value != nil {
		return retainedSize(n.value)
	}
	return 0
}

func (r *retained) remove(topic string) {
	if n := r.root.find(topic); n != nil && n.value != nil {
		r.bytes -= retainedSize(n.value)
		n.clear()
	}
}
