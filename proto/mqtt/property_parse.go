package mqtt

import "encoding/binary"

var (
	fieldPropLength = field{"property length", brokenV4, "MQTT-2.2.2-1"}
	fieldProps      = field{"properties", brokenV4, "section 2.2.2.1"}
)

// seen is the set of properties that were present.
type seen uint64

func (s seen) has(id PropID) bool { return s&(1<<id) != 0 }

// properties reads and checks a property length and the properties behind it.
// It returns them raw and without the length. 3.1.1 has none.
func (c *cursor) properties(at place) (raw []byte, s seen) {
	if c.version != 5 {
		return nil, 0
	}
	n := c.varint(&fieldPropLength) // there even if zero [MQTT-2.2.2-1]
	raw = c.take(int(n), &fieldProps)
	var p Property
	for ofs := 0; ofs < len(raw) && c.err == nil; {
		ofs += c.property(&p, raw[ofs:], at, &s)
	}
	return raw, s
}

// property decodes the property at the front of b and checks all that the
// standard says of it. It returns the bytes it takes.
func (c *cursor) property(p *Property, b []byte, at place, s *seen) int {
	id := PropID(b[0])
	spec := id.spec()
	n := decodeProperty(p, b)
	switch {
	case spec.typ == propNone || spec.in&at == 0:
		c.malformed(brokenV4, "section 2.2.2.2", "the "+id.String()+" does not belong there")
	case n == 0:
		c.malformed(brokenV4, "section 2.2.2.2", "the "+spec.name+" does not end within the properties")
	case s.has(id) && spec.many&at == 0:
		c.protocolError(brokenV4, spec.rule, "the "+spec.name+" is there twice")
	case spec.notZero && p.Int == 0:
		c.zeroProperty(id, spec)
	case spec.typ == propByte && p.Int > 1:
		c.protocolError(brokenV4, spec.rule, "the "+spec.name+" is neither 0 nor 1")
	case spec.typ == propVarint && n > 2 && b[n-1] == 0:
		c.malformed(brokenV4, "MQTT-1.5.5-1", "the "+spec.name+" has more bytes than it needs")
	case spec.typ == propText || spec.typ == propPair: // both strings of a pair [MQTT-1.5.7-1]
		c.propertyText(p, spec)
	}
	*s |= 1 << id
	return n
}

// zeroProperty refuses a zero where the standard does. A Topic Alias has a
// reason code of its own.
func (c *cursor) zeroProperty(id PropID, spec *propSpec) {
	if id == PropTopicAlias {
		c.fail(ReasonTopicAliasInvalid, brokenV4, "MQTT-3.3.2-8", "the Topic Alias is zero")
		return
	}
	c.protocolError(brokenV4, spec.rule, "the "+spec.name+" is zero")
}

func (c *cursor) propertyText(p *Property, spec *propSpec) {
	f := field{name: spec.name}
	c.checkText(p.Key, &f)
	c.checkText(p.Value, &f)
	if p.ID != PropResponseTopic {
		return
	}
	if hasWildcard(p.Value) {
		c.protocolError(brokenV4, "MQTT-3.3.2-14", "the Response Topic contains a wildcard")
	} else if len(p.Value) == 0 {
		c.protocolError(brokenV4, "MQTT-4.7.3-1", "the Response Topic is empty")
	}
}

// decodeProperty decodes the property at the front of b, which is not empty, into
// p and returns the bytes it takes, 0 if b does not hold a whole one. It checks
// nothing else.
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
		p.Value, n = prefixed(v)
	case propPair:
		p.Key, n = prefixed(v)
		if n > 0 {
			var m int
			if p.Value, m = prefixed(v[n:]); m == 0 {
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

// prefixed returns the bytes behind a two-byte length at the front of b and the
// size of both, 0 if b ends before.
func prefixed(b []byte) (val []byte, n int) {
	if len(b) < 2 {
		return nil, 0
	}
	n = 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return nil, 0
	}
	return b[2:n:n], n
}

// NextProp decodes the property of m at offset ofs into p and returns the offset
// of the next, to be passed in the next call. It returns 0 when there is none
// left. Start with 0:
//
//	var p mqtt.Property
//	for ofs := msg.NextProp(&p, 0); ofs > 0; ofs = msg.NextProp(&p, ofs) {
//
// p's slices alias the message. NextProp panics if p is nil.
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
