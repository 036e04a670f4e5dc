package mqtt

import (
	"errors"
	"strconv"
)

// PublishPacket is the content of a PUBLISH packet: an application message to send.
type PublishPacket struct {
	Dup    bool  // the message was sent before; only for QoS 1 and 2
	QoS    uint8 // 0 to 2
	Retain bool
	ID     uint16 // packet identifier for QoS 1 and 2, not 0; ignored for QoS 0
	Topic  string // may be empty in 5.0 if Props contains a Topic Alias
	Data   []byte
	Props  []Property // 5.0 only
}

// The flags of PUBLISH. 3.1.1 and 5.0 section 3.3.1.
const (
	flagRetain = 1 << 0
	flagDup    = 1 << 3
)

// checkPublishFlags checks the flags of PUBLISH. [MQTT-3.3.1-4] [MQTT-3.3.1-2]
func checkPublishFlags(flags byte, version uint8) *ParseError {
	const qosRule, dupRule = "MQTT-3.3.1-4", "MQTT-3.3.1-2"
	switch qos := flags >> 1 & 3; {
	case qos == 3:
		return newParseError(version, ReasonMalformedPacket, qosRule, qosRule, "the QoS is 3, want 0, 1 or 2")
	case qos == 0 && flags&flagDup != 0:
		return newParseError(version, ReasonMalformedPacket, dupRule, dupRule, "DUP is set at QoS 0")
	}
	return nil
}

var fieldTopic = field{"topic name", "MQTT-3.3.2-1", "MQTT-3.3.2-1"}

// publish parses PUBLISH.
func (c *cursor) publish(m *Message, flags byte) {
	m.Dup = flags&flagDup != 0
	m.QoS = flags >> 1 & 3
	m.Retain = flags&flagRetain != 0
	if m.Topic = c.binary(&fieldTopic); !isPlainTopic(m.Topic) {
		c.checkText(m.Topic, &fieldTopic)
		if hasWildcard(m.Topic) {
			c.malformed("MQTT-3.3.2-2", "MQTT-3.3.2-2", "the topic name contains a wildcard")
		}
	}
	if m.QoS > 0 { // at QoS 0 there is no identifier [MQTT-2.3.1-5] [MQTT-2.2.1-2]
		m.ID = c.packetID("MQTT-2.3.1-1", "MQTT-2.2.1-3")
	}
	props, seen := c.properties(ofPublish)
	m.Props, m.Data = props, c.rest
	if len(m.Topic) == 0 && c.err == nil {
		if c.version != 5 {
			c.malformed("MQTT-4.7.3-1", "", "the topic name is empty")
		} else if !seen.has(PropTopicAlias) {
			c.protocolError("", "section 3.3.2.1", "the topic name is empty and there is no Topic Alias")
		}
	}
	c.rest = nil // the payload is the rest of the packet
}

// PublishSize returns the size in bytes of the packet that AppendPublish appends for p. A
// caller can use it to allocate the buffer. PublishSize panics if p is nil.
func PublishSize(version uint8, p *PublishPacket) int {
	if p == nil {
		panic("mqtt: PublishSize of a nil PublishPacket")
	}
	n := publishRemaining(version, p)
	return 1 + varintLen(uint32(min(n, maxVarint))) + int(n)
}

// publishRemaining returns the Remaining Length of the PUBLISH for p.
func publishRemaining(version uint8, p *PublishPacket) uint64 {
	n := 2 + uint64(len(p.Topic)) + uint64(len(p.Data))
	if p.QoS > 0 {
		n += 2
	}
	if version == 5 {
		props := propsLen(p.Props)
		n += uint64(varintLen(uint32(min(props, maxVarint)))) + props
	}
	return n
}

// isPlain reports whether the parser would find nothing wrong in the packet, because the topic is
// plain and there are no properties. So AppendPublish does not parse it.
func (p *PublishPacket) isPlain() bool {
	switch {
	case len(p.Props) > 0 || p.Topic == "" || !isPlainTopic(p.Topic):
		return false
	case p.QoS == 0:
		return !p.Dup // [MQTT-3.3.1-2]
	}
	return p.ID != 0 // [MQTT-2.3.1-1] [MQTT-2.2.1-3]
}

// AppendPublish appends a PUBLISH. It allocates only if the capacity of dst is too small. It
// returns an error if p is nil.
func AppendPublish(dst []byte, version uint8, p *PublishPacket) ([]byte, error) {
	if p == nil {
		return dst, errors.New("mqtt: AppendPublish of a nil PublishPacket")
	}
	b := begin(dst, version)
	remaining := publishRemaining(b.version, p)
	if remaining > maxVarint && b.err == nil {
		b.err = sizeError(b.version)
	}
	if p.QoS > 2 { // [MQTT-3.3.1-4]
		b.fail(ReasonMalformedPacket, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "the QoS is "+strconv.Itoa(int(p.QoS))+", want 0, 1 or 2")
	}
	if b.err != nil { // do not copy a large payload that is refused later
		return b.finish(dst, CmdPublish, 0, 0)
	}
	flags := p.QoS << 1
	if p.Dup {
		flags |= flagDup
	}
	if p.Retain {
		flags |= flagRetain
	}
	b.u8(byte(CmdPublish)<<4 | flags)
	b.buf = appendVarint(b.buf, uint32(remaining))
	body := len(b.buf)
	b.text(p.Topic, fieldTopic.name)
	if p.QoS > 0 {
		b.u16(p.ID)
	}
	b.properties(p.Props)
	if b.err == nil {
		b.buf = append(b.buf, p.Data...)
	}
	if b.err == nil && p.isPlain() {
		return b.buf, nil
	}
	return b.finish(dst, CmdPublish, flags, body)
}
