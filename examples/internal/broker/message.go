package broker

import (
	"bytes"
	"slices"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// message is an application message on its way. It is complete once it is
// made and never changed, so that queues and the retained store share it.
type message struct {
	topic   string
	data    []byte
	qos     uint8
	retain  bool
	props   []mqtt.Property // 5.0: those that are passed on, but for the expiry
	expires time.Time       // Message Expiry Interval; zero: never
}

// newMessage copies a PUBLISH that arrived at the time now.
func newMessage(m *mqtt.Message, now time.Time) *message {
	msg := &message{topic: string(m.Topic), data: bytes.Clone(m.Data), qos: m.QoS, retain: m.Retain}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		p.Key, p.Value = bytes.Clone(p.Key), bytes.Clone(p.Value)
		msg.addProp(p, now)
	}
	return msg
}

// newWill makes the message that is published at the time when the client is
// gone. That time is not known yet: its expiry counts from publish.
func newWill(w *mqtt.Will) *message {
	if w == nil {
		return nil
	}
	return &message{topic: w.Topic, data: w.Data, qos: w.QoS, retain: w.Retain, props: w.Props}
}

// published returns the will as a message of the time now.
func (m *message) published(now time.Time) *message {
	out := *m
	out.props = nil
	for _, p := range m.props {
		out.addProp(p, now)
	}
	return &out
}

// addProp keeps a property if it is one that is passed on, unaltered and in order
// [MQTT-3.3.2-4] [MQTT-3.3.2-15] to [MQTT-3.3.2-18] [MQTT-3.3.2-20].
func (m *message) addProp(p mqtt.Property, now time.Time) {
	switch p.ID {
	case mqtt.PropMessageExpiryInterval:
		m.expires = now.Add(time.Duration(p.Int) * time.Second)
	case mqtt.PropPayloadFormatIndicator, mqtt.PropContentType, mqtt.PropResponseTopic,
		mqtt.PropCorrelationData, mqtt.PropUserProperty:
		m.props = append(m.props, p)
	}
}

// expired reports whether it is too late to begin to deliver the message
// [MQTT-3.3.2-5].
func (m *message) expired(now time.Time) bool {
	return !m.expires.IsZero() && !now.Before(m.expires)
}

// propsAt returns the properties to send at the time now: the expiry interval
// is what is left of it [MQTT-3.3.2-6].
func (m *message) propsAt(now time.Time) []mqtt.Property {
	if m.expires.IsZero() {
		return m.props
	}
	left := (m.expires.Sub(now) + time.Second - 1) / time.Second
	return append(slices.Clip(m.props), mqtt.Property{ID: mqtt.PropMessageExpiryInterval, Int: uint32(left)})
}

// overhead is what a message counts for, in bytes, besides its content.
const overhead = 256

// size returns what the message counts for in a limit, in bytes.
func (m *message) size() int {
	n := overhead + len(m.topic) + len(m.data)
	for i := range m.props {
		n += overhead + len(m.props[i].Key) + len(m.props[i].Value)
	}
	return n
}
