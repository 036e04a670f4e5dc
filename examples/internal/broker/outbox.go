package broker

// delivery is a message to one client.
type delivery struct {
	msg    *message
	qos    uint8 // at most the message's own
	retain bool  // the RETAIN flag to send
}

// outbox holds a client's messages that are not sent yet, in the queue, and the identifiers of
// the QoS 1 and 2 messages in flight: sent, but not acknowledged. A message of QoS 0 is in the
// queue only if retained messages, or another message of QoS 0 in the queue, come before it.
type outbox struct {
	window   int              // the most messages in flight
	inflight map[uint16]uint8 // QoS by packet identifier
	queue    []delivery
	queuedQ0 int // messages of QoS 0 in the queue
	taken    int // messages that were taken from the queue, from the beginning
}

// push appends a message to the queue.
func (o *outbox) push(d delivery) {
	o.queue = append(o.queue, d)
	if d.qos == 0 {
		o.queuedQ0++
	}
}

// pushed returns the number of messages that were appended to the queue, from the beginning.
func (o *outbox) pushed() int { return o.taken + len(o.queue) }

// mayFly reports whether a message of this QoS may be sent now: the window is not full
// [MQTT-3.3.4-9].
func (o *outbox) mayFly(qos uint8) bool { return qos == 0 || len(o.inflight) < o.window }

// next takes the first message from the queue [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]), if it may be
// sent now. After sending it the caller must call sent.
func (o *outbox) next() (d delivery, ok bool) {
	if len(o.queue) == 0 || !o.mayFly(o.queue[0].qos) {
		return d, false
	}
	d = o.queue[0]
	o.taken++
	if d.qos == 0 {
		o.queuedQ0--
	}
	o.queue[0] = delivery{}
	if o.queue = o.queue[1:]; len(o.queue) == 0 {
		o.queue = nil // releases the memory
	}
	return d, true
}

// sent notes that a message was sent with a packet identifier.
func (o *outbox) sent(id uint16, qos uint8) {
	if o.inflight == nil {
		o.inflight = make(map[uint16]uint8)
	}
	o.inflight[id] = qos
}

// acknowledged notes that the handshake of a QoS 1 or 2 message ended. It ignores an
// identifier that is not in flight at that QoS.
func (o *outbox) acknowledged(id uint16, qos uint8) {
	if o.inflight[id] == qos {
		delete(o.inflight, id)
	}
}
