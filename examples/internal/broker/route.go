package broker

import (
	"errors"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// maxPump is the largest number of messages that pump sends at once.
const maxPump = 256

// deliver sends a message to a session's client, at the lower of the published and the subscribed
// QoS [MQTT-3.8.4-6] (5.0: [MQTT-3.8.4-8]). QoS 1 and 2 messages go through the queue. QoS 0
// messages are dropped if too much is unsent or if there is no client. They go through the queue if
// something of the same QoS is before them [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]).
func (b *Broker) deliver(s *session, d delivery) {
	switch {
	case s.ended:
	case s.client == nil:
		b.enqueue(s, d)
	case d.qos == 0 && len(s.fetches) == 0 && s.queuedQ0 == 0 && s.mayFly(0):
		if s.maySend(0) {
			b.settle(s, b.send(s, d))
		}
	case b.charge(s, d.msg.size()):
		s.push(d)
		b.pump(s)
	case d.qos > 0:
		b.expel(s.client, mqtt.ReasonQuotaExceeded, errTooSlow)
	}
}

// pump sends messages in flight again, and then messages from the queue, until the client's window
// is full, much is unsent, or retained messages come next. It is called again when the client has
// acknowledged or read something.
func (b *Broker) pump(s *session) {
	for n := 0; n < maxPump && s.client != nil && s.unsentFits(); {
		if f := s.redeliver(); f != nil {
			b.sendAgain(s, f)
			n++
			continue
		}
		if s.fetchIsNext() {
			return
		}
		d, ok := s.next()
		if !ok {
			return
		}
		r := b.send(s, d)
		switch {
		case r == failed:
			s.putBack(d)
		case r == undeliverable || d.qos == 0:
			b.release(s, d.msg.size())
		}
		if b.settle(s, r); r == sent {
			n++
		}
	}
}

// unsentFits reports whether little enough is unsent for another message.
func (s *session) unsentFits() bool { return s.client.conn.Send.Len() <= s.b.limits.Send }

// resume continues what waited for the client. s may be nil.
func (b *Broker) resume(s *session) {
	if s != nil && s.client != nil {
		b.pump(s)
		b.continueFetching(s)
	}
}

// acknowledged ends the handshake of a message of QoS 1 or 2.
func (b *Broker) acknowledged(s *session, id uint16, qos uint8) {
	if msg, _ := s.outbox.acknowledged(id, qos); msg != nil {
		b.release(s, msg.size())
	}
}

// halfway handles PUBREC: the message is not needed any more. The mqtt layer sends PUBREL.
func (b *Broker) halfway(s *session, id uint16) {
	if msg := s.outbox.halfway(id); msg != nil {
		b.release(s, msg.size())
	}
}

// result is what became of a message.
type result uint8

const (
	sent          result = iota
	undeliverable        // it has expired or is too large: it counts as sent
	failed               // the connection takes no packets any more
)

// settle is called after a message was sent, when what the session holds agrees with that: it may
// separate the session from its client, or end it.
func (b *Broker) settle(s *session, r result) {
	switch r {
	case sent:
		b.meter(s.client)
	case failed:
		b.expel(s.client, mqtt.ReasonUnspecified, errNotSent)
	}
}

// send sends a message. If it was sent with QoS 1 or 2, it is in flight then.
func (b *Broker) send(s *session, d delivery) result {
	if d.msg.expired(b.m.Now()) {
		return undeliverable
	}
	b.fill(s.client, d)
	if d.qos > 0 {
		b.out.ID = s.nextID()
	}
	r := b.pub(s.client)
	if r == sent && d.qos > 0 {
		s.sent(d, b.out.ID)
	}
	return r
}

// sendAgain sends PUBLISH with DUP or PUBREL for a message in flight [MQTT-4.4.0-1]. A message does
// not expire in flight.
func (b *Broker) sendAgain(s *session, f *flight) {
	r := sent
	if f.halfway {
		pubrec := mqtt.Message{Cmd: mqtt.CmdPubrec, ID: f.id} // of the connection before
		if err := mqtt.Ack(s.client.conn, &pubrec); err != nil {
			r = failed
		}
	} else {
		b.fill(s.client, f.delivery)
		b.out.RetransmitID = f.id
		r = b.pub(s.client)
	}
	switch r {
	case sent:
		s.sentAgain()
	case undeliverable:
		b.release(s, f.msg.size())
		s.drop(s.again)
	}
	b.settle(s, r)
}

// fill fills b.out with a message.
func (b *Broker) fill(c *client, d delivery) {
	b.out = mqtt.Options{Topic: d.msg.topic, Message: d.msg.data, QoS: d.qos, Retain: d.retain, Props: b.out.Props[:0]}
	if c.version != 5 {
		return
	}
	b.out.Props = d.msg.appendProps(b.out.Props, b.m.Now())
	for _, id := range d.ids { // all that match [MQTT-3.3.4-3] [MQTT-3.3.4-4]
		b.out.Props = append(b.out.Props, mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: id})
	}
}

// pub sends the PUBLISH in b.out, with a topic alias if there is one. A packet that is too large
// for the client counts as sent [MQTT-3.1.2-24] [MQTT-3.1.2-25].
func (b *Broker) pub(c *client) result {
	topic := b.out.Topic
	alias, known := c.aliases.choose(topic)
	if alias > 0 {
		b.out.Props = append(b.out.Props, mqtt.Property{ID: mqtt.PropTopicAlias, Int: uint32(alias)})
	}
	if known {
		b.out.Topic = ""
	}
	if _, err := mqtt.Pub(c.conn, &b.out); err != nil {
		b.verbose.Debug("message not sent", "id", c.conn.ID(), "client", c.id, "topic", topic, "error", err)
		if tooLarge(err) {
			return undeliverable
		}
		return failed
	}
	if alias > 0 && !known {
		c.aliases.set(topic, alias)
	}
	return sent
}

// tooLarge reports whether a packet is larger than the client or the protocol allows.
func tooLarge(err error) bool {
	limit, ok := errors.AsType[*mqtt.PeerLimitError](err)
	return ok && limit.Limit == mqtt.PropMaximumPacketSize.String() || errors.Is(err, mqtt.ErrTooLarge)
}
