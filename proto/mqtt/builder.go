package mqtt

import "encoding/binary"

// builder appends one packet to a slice. It refuses values that cannot be encoded. When the
// packet is complete, the code of Parse checks all other rules. The first error is kept, and
// later ones are ignored.
type builder struct {
	buf     []byte
	start   int // offset of the packet in buf
	version uint8
	err     *ParseError
}

// begin returns a builder that appends to dst.
func begin(dst []byte, version uint8) builder {
	level, err := checkVersion(version)
	return builder{buf: dst, start: len(dst), version: level, err: err}
}

// fail records an error unless there is one. v4 and v5 are the broken rules.
func (b *builder) fail(code ReasonCode, v4, v5, reason string) {
	if b.err == nil {
		b.err = newParseError(b.version, code, v4, v5, reason)
	}
}

// reserve appends two bytes for the fixed header, which are enough if fewer than 128 bytes
// follow. seal inserts more bytes for a larger packet.
func (b *builder) reserve() { b.buf = append(b.buf, 0, 0) }

func (b *builder) u8(v byte)    { b.buf = append(b.buf, v) }
func (b *builder) u16(v uint16) { b.buf = binary.BigEndian.AppendUint16(b.buf, v) }

// length appends the two-byte length of the field that follows. name is the name of the
// field in errors.
func (b *builder) length(n int, name string) {
	if n > maxField {
		b.fail(ReasonMalformedPacket, "section 1.5.3", "section 1.5.4", "the "+name+" is longer than 65535 bytes")
		n = 0
	}
	b.u16(uint16(n))
}

// text appends a string with its length.
func (b *builder) text(s, name string) {
	b.length(len(s), name)
	if b.err == nil {
		b.buf = append(b.buf, s...)
	}
}

// binary appends bytes with their length.
func (b *builder) binary(p []byte, name string) {
	b.length(len(p), name)
	if b.err == nil {
		b.buf = append(b.buf, p...)
	}
}

// code appends a reason code. In 3.1.1 only CONNACK and SUBACK have one.
func (b *builder) code(cmd Cmd, code ReasonCode) {
	if b.version != 5 && cmd != CmdConnack && cmd != CmdSuback {
		b.fail(ReasonProtocolError, ruleMalformedV4, "", cmd.String()+" has no reason code in MQTT 3.1.1")
	}
	b.u8(byte(code))
}

// seal writes the fixed header into the reserved bytes and calls finish. On an error it returns
// dst unchanged.
func (b *builder) seal(dst []byte, cmd Cmd, flags byte) ([]byte, error) {
	body := b.start + 2
	remaining := len(b.buf) - body
	if b.err == nil && remaining > maxVarint {
		b.err = sizeError(b.version)
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

// finish checks the packet and returns the extended slice. The fixed header ends at offset
// body. On an error it returns dst unchanged.
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

// check returns the error with which Parse would refuse the packet.
func check(cmd Cmd, flags byte, version uint8, body []byte) *ParseError {
	if err := checkFlags(cmd, flags, version); err != nil {
		return err
	}
	if err := checkRemaining(cmd, len(body), version); err != nil {
		return err
	}
	m := Message{Cmd: cmd, Version: version}
	c := cursor{rest: body, version: version}
	c.packet(&m, flags)
	return c.err
}
