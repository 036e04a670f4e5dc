package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// received takes a PUBLISH from a client. The mqtt layer acknowledges it.
func (b *Broker) received(s *session, m *mqtt.Message) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropTopicAlias: // its maximum is 0 [MQTT-3.2.2-18]
			b.expel(s, mqtt.ReasonTopicAliasInvalid, errUnsupported)
			return
		case mqtt.PropSubscriptionIdentifier: // [MQTT-3.3.4-6]
			b.expel(s, mqtt.ReasonProtocolError, errUnsupported)
			return
		}
	}
	b.publish(newMessage(m, b.m.Now()), s)
}

// publish hands a message to every client that wants it, at the lower of the
// QoS it was published with and the one subscribed with [MQTT-3.8.4-6] (5.0: [MQTT-3.8.4-8]).
func (b *Broker) publish(msg *message, from *session) {
	b.log.Debug("publish", "client", from.id, "topic", msg.topic, "bytes", len(msg.data), "qos", msg.qos, "retain", msg.retain)
	if msg.retain && !b.retained.put(msg) {
		b.log.Warn("retained messages exceed the limit", "topic", msg.topic)
	}
	for _, s := range b.clients {
		if want, ok := s.subs.match(msg.topic, s == from); ok {
			retain := msg.retain && want.RetainAsPublished // [MQTT-3.3.1-9] (5.0: [MQTT-3.3.1-12], [MQTT-3.3.1-13])
			b.deliver(s, delivery{msg, min(msg.qos, want.QoS), retain})
		}
	}
}

// deliver sends a message to a client, or queues it until the client may have it.
func (b *Broker) deliver(s *session, d delivery) {
	switch {
	case d.qos > 0:
		if !s.push(d) {
			b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
		}
		b.pump(s)
	case s.conn.Send.Len() <= DropAbove:
		b.send(s, d)
	}
}

// pump sends what is queued, as far as the client's acknowledgements allow.
func (b *Broker) pump(s *session) {
	for d, ok := s.next(); ok; d, ok = s.next() {
		b.send(s, d)
	}
}

// checkSend gives up on a client that does not read what it is sent.
func (b *Broker) checkSend(s *session) {
	if s.conn.Send.Len() > CloseAbove {
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	}
}

// send sends a message unless it is too old or too large for the client.
func (b *Broker) send(s *session, d delivery) {
	b.checkSend(s)
	now := b.m.Now()
	if s.state != connected || d.msg.expired(now) {
		return
	}
	b.out = mqtt.Options{Topic: d.msg.topic, Message: d.msg.data, QoS: d.qos, Retain: d.retain}
	if s.version == 5 {
		b.out.Props = d.msg.propsAt(now)
	}
	if b.outSize(s.version) > s.maxPacket { // then as if it had been sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]
		return
	}
	id, err := mqtt.Pub(s.conn, &b.out)
	if err != nil {
		b.log.Debug("not sent", "id", s.conn.ID(), "client", s.id, "topic", d.msg.topic, "error", err)
		return
	}
	if d.qos > 0 {
		s.sent(id, d.qos)
	}
}

// outSize returns the size of the packet that b.out makes.
func (b *Broker) outSize(version uint8) int {
	return mqtt.PublishSize(version, &mqtt.Publish{
		QoS: b.out.QoS, Topic: b.out.Topic, Data: b.out.Message, Props: b.out.Props,
	})
}
