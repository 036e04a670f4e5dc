package broker

// delivery is a message to one client.
type delivery struct {
	msg    *message
	qos    uint8 // at most the message's own
	retain bool  // the RETAIN flag to send
}

// outbox holds a client's QoS 1 and 2 messages: those in flight (sent, but not acknowledged)
// and the queue behind them.
type outbox struct {
	window   int              // the most messages in flight
	inflight map[uint16]uint8 // QoS by packet identifier
	queue    []delivery
	bytes    int // in the queue, as message.size counts
}

// push appends a message to the queue. It returns false if the queue is over its limit.
func (o *outbox) push(d delivery) bool {
	if o.bytes > QueueLimit {
		return false
	}
	o.queue = append(o.queue, d)
	o.bytes += d.msg.size()
	return true
}

// next takes the first message from the queue [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]), unless
// the window is full [MQTT-3.3.4-9]. After sending it the caller must call sent.
func (o *outbox) next() (d delivery, ok bool) {
	if len(o.queue) == 0 || len(o.inflight) >= o.window {
		return d, false
	}
	d = o.queue[0]
	o.queue[0] = delivery{}
	o.queue = o.queue[1:]
	o.bytes -= d.msg.size()
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
