package broker

import "slices"

// delivery is a message to one session.
type delivery struct {
	msg    *message
	qos    uint8 // at most the message's own
	retain bool  // the RETAIN flag to send
	ids    []uint32
	group  *group // of the shared subscription that brought it, or nil
}

// flight is a message in flight: sent, but not acknowledged.
type flight struct {
	delivery        // without msg if halfway is set
	id       uint16 // packet identifier
	halfway  bool   // PUBREC has arrived: PUBREL is sent again, not PUBLISH
}

// outbox holds a session's messages that are not sent yet, in the queue, and the QoS 1 and 2
// messages in flight. It is the part of the session state that [MQTT-4.1.0-1] asks a server to
// store. A message of QoS 0 is in the queue only if retained messages, or another message of QoS 0
// in the queue, come before it.
type outbox struct {
	window   int      // the most messages in flight, of the connection
	flights  []flight // in the order in which they were sent first
	again    int      // flights before it were sent on this connection, the others come again
	lastID   uint16   // packet identifier that nextID has returned last
	queue    []delivery
	queuedQ0 int // messages of QoS 0 in the queue
	taken    int // messages that were taken from the queue, from the beginning
}

// restart begins with a new connection that allows window messages in flight.
func (o *outbox) restart(window int) { o.window, o.again = window, 0 }

// push appends a message to the queue.
func (o *outbox) push(d delivery) {
	o.queue = append(o.queue, d)
	if d.qos == 0 {
		o.queuedQ0++
	}
}

// pushed returns the number of messages that were appended to the queue, from the beginning.
func (o *outbox) pushed() int { return o.taken + len(o.queue) }

// mayFly reports whether a message of this QoS may be sent now: all in flight were sent on this
// connection, and the window is not full [MQTT-3.3.4-9].
func (o *outbox) mayFly(qos uint8) bool {
	return o.again == len(o.flights) && (qos == 0 || len(o.flights) < o.window)
}

// redeliver returns the next message in flight that must be sent again on this connection
// [MQTT-4.4.0-1], or nil if there is none or if it has to wait. The Receive Maximum bounds PUBLISH
// alone. After sending it the caller must call sentAgain.
func (o *outbox) redeliver() *flight {
	if o.again == len(o.flights) || !o.flights[o.again].halfway && o.again >= o.window {
		return nil
	}
	return &o.flights[o.again]
}

func (o *outbox) sentAgain() { o.again++ }

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

// putBack puts a message that next has returned back to the front of the queue.
func (o *outbox) putBack(d delivery) {
	o.taken--
	o.queue = slices.Insert(o.queue, 0, d)
	if d.qos == 0 {
		o.queuedQ0++
	}
}

// nextID returns a packet identifier that is not in use [MQTT-2.3.1-4] (5.0: [MQTT-2.2.1-4]).
func (o *outbox) nextID() uint16 {
	for {
		if o.lastID++; o.lastID != 0 && o.find(o.lastID) < 0 {
			return o.lastID
		}
	}
}

// sent notes that a QoS 1 or 2 message was sent with a packet identifier.
func (o *outbox) sent(d delivery, id uint16) {
	o.flights = append(o.flights, flight{delivery: d, id: id})
	o.again = len(o.flights)
}

// find returns the index of a message in flight, or -1. There are few.
func (o *outbox) find(id uint16) int {
	return slices.IndexFunc(o.flights, func(f flight) bool { return f.id == id })
}

// acknowledged ends the handshake of a QoS 1 or 2 message. It returns the message, which is nil if
// it was forgotten before. found is false for an identifier that is not in flight at that QoS, or
// not sent on this connection.
func (o *outbox) acknowledged(id uint16, qos uint8) (msg *message, found bool) {
	i := o.find(id)
	if i < 0 || i >= o.again || o.flights[i].qos != qos {
		return nil, false
	}
	msg = o.flights[i].msg
	o.drop(i)
	return msg, true
}

// drop removes a message in flight.
func (o *outbox) drop(i int) {
	if i < o.again {
		o.again--
	}
	if o.flights = slices.Delete(o.flights, i, i+1); len(o.flights) == 0 {
		o.flights = nil // releases the memory
	}
}

// halfway notes a PUBREC. It returns the message, which is not needed any more, or nil.
func (o *outbox) halfway(id uint16) *message {
	i := o.find(id)
	if i < 0 || i >= o.again || o.flights[i].qos != 2 {
		return nil
	}
	f := &o.flights[i]
	msg := f.msg
	f.halfway, f.delivery = true, delivery{qos: 2}
	return msg
}
