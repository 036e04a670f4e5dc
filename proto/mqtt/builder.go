package mqtt

import "encoding/binary"

// builder appends one packet. It refuses what cannot be encoded; for all else it
// has the packet checked by the code that parses, once it is complete. The first
// fault sticks.
type builder struct {
	buf     []byte
	start   int // of the packet in buf
	version uint8
	err     *ParseError
}

// begin makes a builder that appends to dst.
func begin(dst []byte, version uint8) builder {
	v, f := checkVersion(version)
	return builder{buf: dst, start: len(dst), version: v, err: f}
}

func (b *builder) fail(code ReasonCode, v4, v5, reason string) {
	if b.err == nil {
		b.err = fault(b.version, code, v4, v5, reason)
	}
}

// reserve leaves room for the fixed header of a packet shorter than 128 bytes,
// which most are; seal makes more if needed.
func (b *builder) reserve() { b.buf = append(b.buf, 0, 0) }

func (b *builder) u8(v byte)    { b.buf = append(b.buf, v) }
func (b *builder) u16(v uint16) { b.buf = binary.BigEndian.AppendUint16(b.buf, v) }

// length writes the two-byte length of a field that follows.
func (b *builder) length(n int, name string) {
	if n > maxField {
		b.fail(ReasonMalformedPacket, "section 1.5.3", "section 1.5.4", "the "+name+" is longer than 65535 bytes")
		n = 0
	}
	b.u16(uint16(n))
}

func (b *builder) text(s, name string) {
	b.length(len(s), name)
	if b.err == nil {
		b.buf = append(b.buf, s...)
	}
}

func (b *builder) binary(p []byte, name string) {
	b.length(len(p), name)
	if b.err == nil {
		b.buf = append(b.buf, p...)
	}
}

// code writes a reason code, which in 3.1.1 only CONNACK and SUBACK have.
func (b *builder) code(cmd Cmd, code ReasonCode) {
	if b.version != 5 && cmd != CmdConnack && cmd != CmdSuback {
		b.fail(ReasonProtocolError, brokenV4, "", cmd.String()+" has no reason codes in 3.1.1")
	}
	b.u8(byte(code))
}

// seal writes the fixed header into the reserved room and finishes the packet.
// It returns dst as it was if there is a fault.
func (b *builder) seal(dst []byte, cmd Cmd, flags byte) ([]byte, error) {
	body := b.start + 2
	remaining := len(b.buf) - body
	if b.err == nil && remaining > maxVarint {
		b.err = sizeFault(b.version)
	}
	if b.err == nil {
		n := varintLen(uint32(remaining))
		if n > 1 {
			b.buf = append(b.buf, 0, 0, 0)[:len(b.buf)+n-1]
			copy(b.buf[body+n-1:], b.buf[body:body+remaining])
			body += n - 1
		}
		b.buf[b.start] = byte(cmd)<<4 | flags
		appendVarint(b.buf[b.start+1:b.start+1], uint32(remaining))
	}
	return b.finish(dst, cmd, flags, body)
}

// finish has the packet checked, whose fixed header ends at offset body.
func (b *builder) finish(dst []byte, cmd Cmd, flags byte, body int) ([]byte, error) {
	if b.err == nil {
		b.err = check(cmd, flags, b.version, b.buf[body:])
	}
	if b.err != nil {
		b.err.Cmd = cmd
		return dst, b.err
	}
	return b.buf, nil
}

// check says whether Parse would refuse the packet.
func check(cmd Cmd, flags byte, version uint8, body []byte) *ParseError {
	if f := checkFlags(cmd, flags, version); f != nil {
		return f
	}
	if f := checkRemaining(cmd, len(body), version); f != nil {
		return f
	}
	m := Message{Cmd: cmd, Version: version}
	c := cursor{rest: body, version: version}
	c.packet(&m, flags)
	return c.err
}
