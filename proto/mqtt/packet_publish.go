package mqtt

import "errors"

// Publish is an application message to be sent.
type Publish struct {
	Dup    bool // sent before; QoS 1 and 2 only
	QoS    uint8
	Retain bool
	ID     uint16 // packet identifier at QoS 1 and 2, not 0; not sent at QoS 0
	Topic  string // may be empty in 5.0 if Props hold a Topic Alias
	Data   []byte
	Props  []Property // 5.0 only
}

// The flags of PUBLISH. 3.1.1 and 5.0 section 3.3.1.
const (
	flagRetain = 1 << 0
	flagDup    = 1 << 3
)

func checkPublishFlags(flags byte, version uint8) *ParseError {
	const rule3, rule0 = "MQTT-3.3.1-4", "MQTT-3.3.1-2"
	switch qos := flags >> 1 & 3; {
	case qos == 3: // [MQTT-3.3.1-4]
		return fault(version, ReasonMalformedPacket, rule3, rule3, "both QoS bits are set")
	case qos == 0 && flags&flagDup != 0: // [MQTT-3.3.1-2]
		return fault(version, ReasonMalformedPacket, rule0, rule0, "DUP is set at QoS 0")
	}
	return nil
}

var fieldTopic = field{"topic name", "MQTT-3.3.2-1", "MQTT-3.3.2-1"}

func (c *cursor) publish(m *Message, flags byte) {
	m.Dup = flags&flagDup != 0
	m.QoS = flags >> 1 & 3
	m.Retain = flags&flagRetain != 0
	m.Topic = c.text(&fieldTopic)
	if hasWildcard(m.Topic) {
		c.malformed("MQTT-3.3.2-2", "MQTT-3.3.2-2", "the topic name contains a wildcard")
	}
	if m.QoS > 0 { // at QoS 0 there is none [MQTT-2.3.1-5] [MQTT-2.2.1-2]
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
	c.rest = nil // the payload is whatever remains
}

// PublishSize returns the size of the packet that AppendPublish makes of p, so
// that the caller can make room first. It panics if p is nil.
func PublishSize(version uint8, p *Publish) int {
	if p == nil {
		panic("mqtt: PublishSize of a nil Publish")
	}
	n := publishRemaining(version, p)
	return 1 + varintLen(uint32(min(n, maxVarint))) + int(n)
}

func publishRemaining(version uint8, p *Publish) uint64 {
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

// AppendPublish appends a PUBLISH packet. It allocates only if dst lacks room. p must
// not be nil.
func AppendPublish(dst []byte, version uint8, p *Publish) ([]byte, error) {
	if p == nil {
		return dst, errors.New("mqtt: AppendPublish of a nil Publish")
	}
	b := begin(dst, version)
	remaining := publishRemaining(b.version, p)
	if remaining > maxVarint && b.err == nil {
		b.err = sizeFault(b.version)
	}
	if p.QoS > 2 { // [MQTT-3.3.1-4]
		b.fail(ReasonMalformedPacket, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "QoS is not 0, 1 or 2")
	}
	if b.err != nil { // before a large payload is copied for nothing
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
	return b.finish(dst, CmdPublish, flags, body)
}
