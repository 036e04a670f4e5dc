package broker

import (
	"bytes"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// message is an application message. It never changes once it is made. The queues of
// several clients and the retained messages share it.
type message struct {
	topic   string
	data    []byte
	qos     uint8
	retain  bool
	props   []mqtt.Property // 5.0: those that subscribers get, without the expiry
	expires time.Time       // zero: never [MQTT-3.3.2-5]
	number  int             // of a retained message: they are numbered as they are published
}

// newMessage copies a PUBLISH that arrived now.
func newMessage(m *mqtt.Message, now time.Time) *message {
	msg := &message{topic: string(m.Topic), data: bytes.Clone(m.Data), qos: m.QoS, retain: m.Retain}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		p.Key, p.Value = bytes.Clone(p.Key), bytes.Clone(p.Value)
		msg.addProp(p, now)
	}
	return msg
}

// newWill makes the message to publish when the connection has closed, nil if w is nil. Its
// expiry counts from then on.
func newWill(w *mqtt.Will) *message {
	if w == nil {
		return nil
	}
	return &message{topic: w.Topic, data: w.Data, qos: w.QoS, retain: w.Retain, props: w.Props}
}

// published returns the will as a message that is published now.
func (m *message) published(now time.Time) *message {
	out := *m
	out.props = nil
	for _, p := range m.props {
		out.addProp(p, now)
	}
	return &out
}

// addProp adds a property if subscribers get it, unaltered and in order [MQTT-3.3.2-4]
// [MQTT-3.3.2-15] to [MQTT-3.3.2-18] [MQTT-3.3.2-20].
func (m *message) addProp(p mqtt.Property, now time.Time) {
	switch p.ID {
	case mqtt.PropMessageExpiryInterval:
		m.expires = now.Add(time.Duration(p.Int) * time.Second)
	case mqtt.PropPayloadFormatIndicator, mqtt.PropContentType, mqtt.PropResponseTopic,
		mqtt.PropCorrelationData, mqtt.PropUserProperty:
		m.props = append(m.props, p)
	}
}

// expired reports whether the message must not be sent any more [MQTT-3.3.2-5].
func (m *message) expired(now time.Time) bool {
	return !m.expires.IsZero() && !now.Before(m.expires)
}

// appendProps appends the properties to send now. The expiry interval is the remaining one, in
// whole seconds, rounded up [MQTT-3.3.2-6]. It is 0 for a message that has expired in flight.
func (m *message) appendProps(dst []mqtt.Property, now time.Time) []mqtt.Property {
	dst = append(dst, m.props...)
	if m.expires.IsZero() {
		return dst
	}
	remaining := max(0, (m.expires.Sub(now)+time.Second-1)/time.Second)
	return append(dst, mqtt.Property{ID: mqtt.PropMessageExpiryInterval, Int: uint32(remaining)})
}

// overhead is the number of bytes that limits count for each message and property besides
// its content.
const overhead = 256

// size returns the number of bytes that limits count for the message.
func (m *message) size() int {
	n := overhead + len(m.topic) + len(m.data)
	for i := range m.props {
		n += overhead + len(m.props[i].Key) + len(m.props[i].Value)
	}
	return n
}
