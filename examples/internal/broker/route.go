package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// maxPump is the largest number of messages that pump sends at once.
const maxPump = 256

// deliver sends a message to a client, at the lower of the published and the subscribed QoS
// [MQTT-3.8.4-6] (5.0: [MQTT-3.8.4-8]). QoS 1 and 2 messages go through the queue. QoS 0
// messages are dropped if too much is unsent. They go through the queue if something of the same
// QoS is before them [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]).
func (b *Broker) deliver(s *session, d delivery) {
	switch {
	case s.state != connected:
	case d.qos == 0 && len(s.fetches) == 0 && s.queuedQ0 == 0:
		if s.maySend(0) {
			b.send(s, d)
		}
	case b.charge(s, d.msg.size()):
		s.push(d)
		b.pump(s)
	case d.qos > 0:
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	}
}

// pump sends messages from the queue until the client's window is full, much is unsent, or retained
// messages come next. It is called again when the client has acknowledged or read something.
func (b *Broker) pump(s *session) {
	for n := 0; n < maxPump && !s.fetchIsNext() && s.maySend(0); {
		d, ok := s.next()
		if !ok {
			return
		}
		b.release(s, d.msg.size())
		if b.send(s, d) {
			n++
		}
	}
}

// resume continues what waited for the client.
func (b *Broker) resume(s *session) {
	if s.state == connected {
		b.pump(s)
		b.continueFetching(s)
	}
}

// checkSend disconnects a client that reads too slowly.
func (b *Broker) checkSend(s *session) {
	if s.conn.Send.Len() > b.limits.closeAbove() {
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	}
}

// send sends a message unless it has expired or is too large for the client. It reports whether
// it has sent it.
func (b *Broker) send(s *session, d delivery) bool {
	b.checkSend(s)
	now := b.m.Now()
	if s.state != connected || d.msg.expired(now) {
		return false
	}
	b.out = mqtt.Options{Topic: d.msg.topic, Message: d.msg.data, QoS: d.qos, Retain: d.retain}
	if s.version == 5 {
		b.out.Props = d.msg.propsAt(now)
	}
	if b.outSize(s.version) > s.maxPacket { // counts as sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]
		return false
	}
	id, err := mqtt.Pub(s.conn, &b.out)
	if err != nil {
		b.verbose.Debug("message not sent", "id", s.conn.ID(), "client", s.id, "topic", d.msg.topic, "error", err)
		return false
	}
	if d.qos > 0 {
		s.sent(id, d.qos)
	}
	b.meter(s)
	return true
}

// outSize returns the size in bytes of the PUBLISH packet for b.out.
func (b *Broker) outSize(version uint8) int {
	return mqtt.PublishSize(version, &mqtt.PublishPacket{
		QoS: b.out.QoS, Topic: b.out.Topic, Data: b.out.Message, Props: b.out.Props,
	})
}
