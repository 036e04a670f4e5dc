package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// received handles a PUBLISH from a client. The mqtt layer acknowledges it.
func (b *Broker) received(s *session, m *mqtt.Message) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropTopicAlias: // the Topic Alias Maximum is 0 [MQTT-3.2.2-18]
			b.expel(s, mqtt.ReasonTopicAliasInvalid, errUnsupported)
			return
		case mqtt.PropSubscriptionIdentifier: // [MQTT-3.3.4-6]
			b.expel(s, mqtt.ReasonProtocolError, errUnsupported)
			return
		}
	}
	b.publish(newMessage(m, b.m.Now()), s)
}

// publish delivers a message to every client that has a matching subscription, at the lower
// of the published and the subscribed QoS [MQTT-3.8.4-6] (5.0: [MQTT-3.8.4-8]).
func (b *Broker) publish(msg *message, from *session) {
	b.log.Debug("publish", "client", from.id, "topic", msg.topic, "bytes", len(msg.data), "qos", msg.qos, "retain", msg.retain)
	if msg.retain && !b.retained.put(msg) {
		b.log.Warn("message not retained: too many retained messages", "topic", msg.topic, "limit", RetainedLimit)
	}
	for _, s := range b.clients {
		if sub, ok := s.subs.match(msg.topic, s == from); ok {
			retain := msg.retain && sub.RetainAsPublished // [MQTT-3.3.1-9] (5.0: [MQTT-3.3.1-12], [MQTT-3.3.1-13])
			b.deliver(s, delivery{msg, min(msg.qos, sub.QoS), retain})
		}
	}
}

// deliver sends a message to a client. QoS 1 and 2 messages go through the queue. QoS 0
// messages are dropped if too much is unsent.
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

// pump sends messages from the queue until the client's window is full.
func (b *Broker) pump(s *session) {
	for d, ok := s.next(); ok; d, ok = s.next() {
		b.send(s, d)
	}
}

// checkSend disconnects a client that reads too slowly.
func (b *Broker) checkSend(s *session) {
	if s.conn.Send.Len() > CloseAbove {
		b.expel(s, mqtt.ReasonQuotaExceeded, errTooSlow)
	}
}

// send sends a message unless it has expired or is too large for the client.
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
	if b.outSize(s.version) > s.maxPacket { // counts as sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]
		return
	}
	id, err := mqtt.Pub(s.conn, &b.out)
	if err != nil {
		b.log.Debug("message not sent", "id", s.conn.ID(), "client", s.id, "topic", d.msg.topic, "error", err)
		return
	}
	if d.qos > 0 {
		s.sent(id, d.qos)
	}
}

// outSize returns the size in bytes of the PUBLISH packet for b.out.
func (b *Broker) outSize(version uint8) int {
	return mqtt.PublishSize(version, &mqtt.PublishPacket{
		QoS: b.out.QoS, Topic: b.out.Topic, Data: b.out.Message, Props: b.out.Props,
	})
}
