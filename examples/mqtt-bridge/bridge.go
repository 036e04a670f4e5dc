package main

import (
	"errors"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/mqtt/session"
	"github.com/rikki-go/rikki/reactor"
)

// receive is the handler of the source's messages.
func (b *bridge) receive(_ *reactor.Conn, _ reactor.Event, data any) {
	m := data.(*mqtt.Message)
	b.publish(b.from.Delivery(m), b.prefix+string(m.Topic), m)
}

// publish passes a message on. The source gets its acknowledgement when the destination has sent
// one. While too much waits for that, the source's connection is paused.
func (b *bridge) publish(d session.Delivery, topic string, m *mqtt.Message) {
	msg := session.Message{Topic: topic, Data: m.Data, QoS: m.QoS, Retain: m.Retain}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropSubscriptionIdentifier, mqtt.PropTopicAlias: // of the source's connection
		case mqtt.PropMessageExpiryInterval:
			msg.Expiry = time.Duration(max(p.Int, 1)) * time.Second
		default:
			msg.Props = append(msg.Props, p)
		}
	}
	size := len(topic) + len(m.Data)
	msg.Done = func(o *session.Outcome) {
		b.held -= size
		switch {
		case errors.Is(o.Err, session.ErrClosed): // no acknowledgement: the next run gets it again
		case errors.Is(o.Err, session.ErrSessionLost): // QoS 2: may arrive twice, but is not lost
			b.publish(d, topic, o.Message)
		default:
			b.count(topic, o.Err)
			b.from.Ack(d, mqtt.ReasonSuccess)
		}
		if b.held <= b.limit/2 {
			b.from.Conn().Resume()
		}
	}
	if b.held += size; b.held > b.limit {
		b.from.Conn().Pause()
	}
	if _, err := b.to.Publish(&msg); err != nil {
		msg.Done(&session.Outcome{Err: err})
	}
}
