package broker

// delivery is a message for one client.
type delivery struct {
	msg    *message
	qos    uint8 // at most the message's own
	retain bool  // the RETAIN flag to send
}

// outbox is what a client was sent and has not acknowledged, and what waits
// until it has. Messages at QoS 0 do not pass through it.
type outbox struct {
	window   int              // how many may be unacknowledged
	inflight map[uint16]uint8 // QoS of the unacknowledged by packet identifier
	waiting  []delivery
	bytes    int // of what is waiting, by size
}

// push queues a message. It returns false if the client is too far behind.
func (o *outbox) push(d delivery) bool {
	if o.bytes > QueueLimit {
		return false
	}
	o.waiting = append(o.waiting, d)
	o.bytes += d.msg.size()
	return true
}

// next takes the next message that may be sent now, in the order in which they
// were pushed [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]) and no more at a time than the client can take
// [MQTT-3.3.4-9]. The caller reports with sent what became of it.
func (o *outbox) next() (d delivery, ok bool) {
	if len(o.waiting) == 0 || len(o.inflight) >= o.window {
		return d, false
	}
	d = o.waiting[0]
	o.waiting[0] = delivery{}
	o.waiting = o.waiting[1:]
	o.bytes -= d.msg.size()
	return d, true
}

// sent notes that a message was sent under that identifier.
func (o *outbox) sent(id uint16, qos uint8) {
	if o.inflight == nil {
		o.inflight = make(map[uint16]uint8)
	}
	o.inflight[id] = qos
}

// acknowledged notes the end of a message's QoS 1 or 2 handshake. What was
// not sent, or is being delivered at another QoS, is ignored.
func (o *outbox) acknowledged(id uint16, qos uint8) {
	if o.inflight[id] == qos {
		delete(o.inflight, id)
	}
}
