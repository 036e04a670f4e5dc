package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// limits are what the server allows in a PUBLISH. Before the first connection they are the
// defaults of the standard.
type limits struct {
	packet uint32 // Maximum Packet Size
	qos    uint8  // Maximum QoS
	retain bool   // Retain Available
}

func limitsOf(caps *mqtt.Capabilities) limits {
	return limits{caps.MaximumPacketSize, caps.MaximumQoS, caps.RetainAvailable}
}

// check returns an error that names the limit which does not allow the message, and the reason
// code with which a server would refuse it [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15].
func (l limits) check(qos uint8, retain bool, size int) (mqtt.ReasonCode, *mqtt.PeerLimitError) {
	switch {
	case qos > l.qos:
		return mqtt.ReasonQoSNotSupported, &mqtt.PeerLimitError{Limit: "Maximum QoS", Value: int(l.qos), Got: int(qos)}
	case retain && !l.retain:
		return mqtt.ReasonRetainNotSupported, &mqtt.PeerLimitError{Limit: "Retain Available", Value: 0, Got: 1}
	case uint64(size) > uint64(l.packet):
		return mqtt.ReasonPacketTooLarge, &mqtt.PeerLimitError{Limit: "Maximum Packet Size", Value: int(l.packet), Got: size}
	}
	return 0, nil
}

// forbiddenProps are the properties that the program may not give to Publish, each with the reason.
var forbiddenProps = [...]struct {
	id  mqtt.PropID
	why string
}{
	{mqtt.PropMessageExpiryInterval, "set Message.Expiry"},
	{mqtt.PropTopicAlias, "a topic alias ends with the connection, and the message may outlive it"},
	{mqtt.PropSubscriptionIdentifier, "only a server sends it [MQTT-3.3.4-6]"},
}

// maxExpiry is the largest value of Message Expiry Interval, about 136 years. A message with a
// larger Expiry does not expire.
const maxExpiry = math.MaxUint32 * time.Second

// expires reports whether a message with this Expiry has a deadline.
func expires(d time.Duration) bool { return d > 0 && d <= maxExpiry }

// seconds returns a duration in whole seconds, rounded up, as a Message Expiry Interval or a
// Session Expiry Interval. It returns at least 1, and at most 0xFFFFFFFF. A session with that
// interval never expires. 5.0 sections 3.3.2.3.3 and 3.1.2.11.2.
func seconds(d time.Duration) uint32 {
	d = min(max(d, 1), maxExpiry)
	return uint32(d/time.Second + min(1, d%time.Second))
}

// content checks what does not depend on the server, and returns the PUBLISH for a message. Its
// packet identifier is a placeholder. Call dropProps when the packet is encoded.
func (s *sender) content(m *Message) (mqtt.PublishPacket, error) {
	for i := range m.Props {
		for _, f := range forbiddenProps {
			if m.Props[i].ID == f.id {
				return mqtt.PublishPacket{}, fmt.Errorf("Message.Props has %v: %s", f.id, f.why)
			}
		}
	}
	if m.Expiry < 0 {
		return mqtt.PublishPacket{}, fmt.Errorf("Message.Expiry is %v: want 0 or more", m.Expiry)
	}
	p := mqtt.PublishPacket{QoS: m.QoS, Retain: m.Retain, Topic: m.Topic, Data: m.Data, Props: m.Props}
	if m.QoS > 0 {
		p.ID = 1
	}
	if s.version == 5 && expires(m.Expiry) {
		// The property comes first, so that its value has a known place: see expiryOffset.
		s.props = append(s.props[:0], mqtt.Property{ID: mqtt.PropMessageExpiryInterval, Int: seconds(m.Expiry)})
		s.props = append(s.props, m.Props...)
		p.Props = s.props
	}
	return p, nil
}

// dropProps forgets the slices of the program that content has used.
func (s *sender) dropProps() {
	if clear(s.props); cap(s.props) > 16 {
		s.props = nil
	}
}

// idOffset returns the offset of the packet identifier in an encoded PUBLISH of QoS 1 or 2. At QoS
// 0 it is the offset of what follows.
func idOffset(packet []byte) int {
	start := topicOffset(packet)
	return start + int(binary.BigEndian.Uint16(packet[start-2:]))
}

// topicOffset returns the offset of the topic name in an encoded PUBLISH. Its length is before it.
func topicOffset(packet []byte) int {
	i := 1
	for packet[i] >= 0x80 {
		i++
	}
	return i + 3
}

// expiryOffset returns the offset of the value of Message Expiry Interval, which is the first
// property of an encoded PUBLISH of 5.0.
func expiryOffset(packet []byte) int {
	i := idOffset(packet)
	if packet[0]>>1&3 > 0 {
		i += 2
	}
	for packet[i] >= 0x80 {
		i++
	}
	return i + 2
}

// flagDup and flagRetain are bits of the first byte of PUBLISH.
const (
	flagRetain = 1 << 0
	flagDup    = 1 << 3
)

// appendPublish appends the PUBLISH of a record, with what is left of its Expiry. DUP is set if
// the message was given to a connection before [MQTT-3.3.1-1].
func (s *sender) appendPublish(now time.Time, dst []byte, r *record) []byte {
	start := len(dst)
	dst = append(dst, r.packet...)
	packet := dst[start:]
	if r.dup {
		packet[0] |= flagDup
	}
	if s.version == 5 && !r.deadline.IsZero() {
		binary.BigEndian.PutUint32(packet[expiryOffset(packet):], seconds(r.deadline.Sub(now)))
	}
	return dst
}

// setID sets the packet identifier of a record and of its packet.
func (r *record) setID(id uint16) {
	r.id = id
	binary.BigEndian.PutUint16(r.packet[idOffset(r.packet):], id)
}

// message decodes the PUBLISH of a record into m, as mqtt.Parse does. It checks nothing, because
// the sender has encoded the packet. A message that waits has no identifier: that of its packet is
// a placeholder.
func (r *record) message(version uint8, m *mqtt.Message) {
	p := r.packet[:len(r.packet):len(r.packet)]
	*m = mqtt.Message{Cmd: mqtt.CmdPublish, Version: version, QoS: p[0] >> 1 & 3, Retain: p[0]&flagRetain != 0, ID: r.id, Dgram: p}
	start, end := topicOffset(p), idOffset(p)
	m.Topic = p[start:end:end]
	rest := p[end:]
	if m.QoS > 0 {
		rest = rest[2:]
	}
	if version == 5 {
		n, i := 0, 0
		for shift := 0; ; shift += 7 {
			n |= int(rest[i]&0x7f) << shift
			if i++; rest[i-1] < 0x80 {
				break
			}
		}
		m.Props, rest = rest[i:i+n:i+n], rest[i+n:]
	}
	m.Data = rest
}

// appendPubrel appends a PUBREL.
func (s *sender) appendPubrel(dst []byte, id uint16, code mqtt.ReasonCode) []byte {
	dst, err := mqtt.AppendAck(dst, s.version, mqtt.CmdPubrel, id, code, nil)
	if err != nil {
		panic("session: PUBREL cannot be encoded: " + err.Error())
	}
	return dst
}

// errNilMessage is the error of Publish without a message.
var errNilMessage = errors.New("session: Publish of a nil Message")
