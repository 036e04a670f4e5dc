package mqtt

import "encoding/binary"

// propsLen returns the size in bytes of the encoded props without the property length. It
// does not check the values: builder.property checks them.
func propsLen(props []Property) (n uint64) {
	for i := range props {
		p := &props[i]
		n++
		switch p.ID.spec().typ {
		case propByte:
			n++
		case propTwo:
			n += 2
		case propFour:
			n += 4
		case propVarint:
			n += uint64(varintLen(p.Int))
		case propText, propBinary:
			n += 2 + uint64(len(p.Value))
		case propPair:
			n += 4 + uint64(len(p.Key)) + uint64(len(p.Value))
		}
	}
	return n
}

// properties appends the property length and the properties. 3.1.1 has no properties, so there
// it is an error if props is not empty.
func (b *builder) properties(props []Property) {
	if b.version != 5 {
		if len(props) > 0 {
			b.fail(ReasonProtocolError, "section 2.3", "section 2.2.2", "MQTT 3.1.1 has no properties")
		}
		return
	}
	n := propsLen(props)
	if n > maxVarint {
		b.fail(ReasonPacketTooLarge, "section 2.2.3", "section 2.1.4", "the properties are longer than 268435455 bytes")
		return
	}
	b.buf = appendVarint(b.buf, uint32(n))
	for i := range props {
		b.property(&props[i])
	}
}

// property appends one property.
func (b *builder) property(p *Property) {
	spec := p.ID.spec()
	b.u8(byte(p.ID))
	switch spec.typ {
	case propByte:
		b.checkRange(p.Int, 1<<8-1, spec)
		b.u8(byte(p.Int))
	case propTwo:
		b.checkRange(p.Int, 1<<16-1, spec)
		b.u16(uint16(p.Int))
	case propFour:
		b.buf = binary.BigEndian.AppendUint32(b.buf, p.Int)
	case propVarint:
		b.checkRange(p.Int, maxVarint, spec)
		b.buf = appendVarint(b.buf, p.Int&maxVarint)
	case propText, propBinary:
		b.binary(p.Value, spec.name)
	case propPair:
		b.binary(p.Key, spec.name)
		b.binary(p.Value, spec.name)
	default:
		b.fail(ReasonMalformedPacket, "section 2.3", "section 2.2.2.2", p.ID.String()+" does not exist")
	}
}

// checkRange fails the packet if v does not fit into the type of the property.
func (b *builder) checkRange(v, largest uint32, spec *propSpec) {
	if v > largest {
		b.fail(ReasonMalformedPacket, spec.rule, spec.rule, "the "+spec.name+" is too large for its type")
	}
}
