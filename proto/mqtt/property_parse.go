package mqtt

import (
	"encoding/binary"
	"math"
)

var (
	fieldPropLength = field{"property length", ruleMalformedV4, "MQTT-2.2.2-1"}
	fieldProps      = field{"properties", ruleMalformedV4, "section 2.2.2.1"}
)

// propSet is the set of the properties that a packet contains: bit n is PropID(n).
type propSet uint64

func (s propSet) has(id PropID) bool { return s&(1<<id) != 0 }

// properties reads and checks the property length and the properties after it. It returns
// the encoded properties without the length. In 3.1.1 there are none.
func (c *cursor) properties(at packetSet) (raw []byte, s propSet) {
	if c.version != 5 {
		return nil, 0
	}
	n := c.varint(&fieldPropLength) // present even if it is zero [MQTT-2.2.2-1]
	raw = c.take(int(n), &fieldProps)
	limit := math.MaxInt
	if c.limits != nil {
		limit = c.limits.Properties
	}
	var p Property
	for ofs, count := 0, 1; ofs < len(raw) && c.err == nil; count++ {
		ofs += c.property(&p, raw[ofs:], at, &s)
		c.checkLimit(count, limit, "properties")
	}
	return raw, s
}

// property decodes the property at the front of b into p and checks all rules of the
// standard. It returns the size of the property in bytes.
func (c *cursor) property(p *Property, b []byte, at packetSet, s *propSet) int {
	id := PropID(b[0])
	spec := id.spec()
	n := decodeProperty(p, b)
	switch {
	case spec.typ == propNone || spec.in&at == 0:
		c.malformed(ruleMalformedV4, "section 2.2.2.2", id.String()+" is not allowed in "+at.description())
	case n == 0:
		c.malformed(ruleMalformedV4, "section 2.2.2.2", "the properties end inside "+spec.name)
	case s.has(id) && spec.repeatable&at == 0:
		c.protocolError(ruleMalformedV4, spec.rule, spec.name+" occurs twice")
	case spec.notZero && p.Int == 0:
		c.zeroProperty(id, spec)
	case spec.typ == propByte && p.Int > 1:
		c.protocolError(ruleMalformedV4, spec.rule, spec.name+" is neither 0 nor 1")
	case spec.typ == propVarint && n > 2 && b[n-1] == 0:
		c.malformed(ruleMalformedV4, "MQTT-1.5.5-1", spec.name+" has more bytes than it needs")
	case spec.typ == propText || spec.typ == propPair: // both strings of a pair [MQTT-1.5.7-1]
		c.propertyText(p, spec)
	}
	*s |= 1 << id
	return n
}

// description returns the words for the packets in error messages.
func (at packetSet) description() string {
	if at == ofWill {
		return "the will"
	}
	return "this packet"
}

// zeroProperty refuses a property whose value must not be zero. Topic Alias has its own
// reason code.
func (c *cursor) zeroProperty(id PropID, spec *propSpec) {
	if id == PropTopicAlias {
		c.fail(ReasonTopicAliasInvalid, ruleMalformedV4, "MQTT-3.3.2-8", "Topic Alias is zero")
		return
	}
	c.protocolError(ruleMalformedV4, spec.rule, spec.name+" is zero")
}

// propertyText checks the strings of a property.
func (c *cursor) propertyText(p *Property, spec *propSpec) {
	f := field{name: spec.name}
	c.checkText(p.Key, &f)
	c.checkText(p.Value, &f)
	if p.ID != PropResponseTopic {
		return
	}
	if hasWildcard(p.Value) {
		c.protocolError(ruleMalformedV4, "MQTT-3.3.2-14", "Response Topic contains a wildcard")
	} else if len(p.Value) == 0 {
		c.protocolError(ruleMalformedV4, "MQTT-4.7.3-1", "Response Topic is empty")
	}
}

// decodeProperty decodes the property at the front of b into p. It returns the size of the
// property in bytes, or 0 if b ends inside the property. It checks nothing else. b must not
// be empty.
func decodeProperty(p *Property, b []byte) int {
	*p = Property{ID: PropID(b[0])}
	v, n := b[1:], 0
	switch p.ID.spec().typ {
	case propByte:
		if len(v) >= 1 {
			p.Int, n = uint32(v[0]), 1
		}
	case propTwo:
		if len(v) >= 2 {
			p.Int, n = uint32(binary.BigEndian.Uint16(v)), 2
		}
	case propFour:
		if len(v) >= 4 {
			p.Int, n = binary.BigEndian.Uint32(v), 4
		}
	case propVarint:
		p.Int, n = parseVarint(v)
	case propText, propBinary:
		p.Value, n = readPrefixed(v)
	case propPair:
		p.Key, n = readPrefixed(v)
		if n > 0 {
			var m int
			if p.Value, m = readPrefixed(v[n:]); m == 0 {
				return 0
			}
			n += m
		}
	}
	if n <= 0 {
		return 0
	}
	return 1 + n
}

// readPrefixed reads a two-byte length at the front of b and the bytes after it. n is the size of
// both, or 0 if b ends inside them.
func readPrefixed(b []byte) (val []byte, n int) {
	if len(b) < 2 {
		return nil, 0
	}
	n = 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return nil, 0
	}
	return b[2:n:n], n
}

// NextProp decodes the property of m at offset ofs into p. It returns the offset of the next
// property, or 0 if there is no property at ofs. Start with 0:
//
//	var p mqtt.Property
//	for ofs := msg.NextProp(&p, 0); ofs > 0; ofs = msg.NextProp(&p, ofs) {
//
// The slices in p point into the message. NextProp panics if p is nil.
func (m *Message) NextProp(p *Property, ofs int) int {
	if p == nil {
		panic("mqtt: NextProp into a nil Property")
	}
	if ofs < 0 || ofs >= len(m.Props) {
		return 0
	}
	n := decodeProperty(p, m.Props[ofs:])
	if n == 0 {
		return 0
	}
	return ofs + n
}
