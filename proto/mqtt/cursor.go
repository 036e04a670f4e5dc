package mqtt

import "encoding/binary"

// A field is a part of a packet as errors name it, and the statements that
// require it: one per version.
type field struct{ name, v4, v5 string }

// The statements about any packet that cannot be parsed: close the connection.
const (
	brokenV4 = "MQTT-4.8.0-1"
	brokenV5 = "MQTT-4.13.1-1"
)

// cursor reads the part of a packet behind the fixed header. The first fault
// sticks and empties it, so that what is read afterwards is zero, every loop over
// the rest ends, and only the last step needs to look.
type cursor struct {
	rest    []byte
	version uint8
	err     *ParseError
}

// fail records a fault unless there is one. v4 and v5 are the rules broken.
func (c *cursor) fail(code ReasonCode, v4, v5, reason string) {
	if c.err == nil {
		c.rest = nil
		c.err = fault(c.version, code, v4, v5, reason)
	}
}

func (c *cursor) malformed(v4, v5, reason string) {
	c.fail(ReasonMalformedPacket, v4, v5, reason)
}

func (c *cursor) protocolError(v4, v5, reason string) {
	c.fail(ReasonProtocolError, v4, v5, reason)
}

// take returns the next n bytes.
func (c *cursor) take(n int, f *field) []byte {
	if n > len(c.rest) {
		if c.err == nil { // else the rest is empty because of that
			c.malformed(f.v4, f.v5, "the packet ends within its "+f.name)
		}
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) u8(f *field) byte {
	if b := c.take(1, f); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(f *field) uint16 {
	if b := c.take(2, f); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// binary reads bytes behind a two-byte length. 5.0 section 1.5.6.
func (c *cursor) binary(f *field) []byte {
	return c.take(int(c.u16(f)), f)
}

// text reads a UTF-8 encoded string.
func (c *cursor) text(f *field) []byte {
	b := c.binary(f)
	c.checkText(b, f)
	return b
}

func (c *cursor) checkText(b []byte, f *field) {
	if !wellFormed(b) {
		c.malformed("MQTT-1.5.3-1", "MQTT-1.5.4-1", "the "+f.name+" is not well-formed UTF-8")
	} else if hasNUL(b) {
		c.malformed("MQTT-1.5.3-2", "MQTT-1.5.4-2", "the "+f.name+" contains U+0000")
	}
}

// topicName reads a topic name without wildcards. It may be empty: whether it
// must not depends on the field.
func (c *cursor) topicName(f *field) []byte {
	b := c.text(f)
	if hasWildcard(b) {
		c.malformed("MQTT-4.7.1-1", "MQTT-4.7.0-1", "the "+f.name+" contains a wildcard")
	}
	return b
}

// varint reads a variable byte integer of 5.0.
func (c *cursor) varint(f *field) uint32 {
	v, n := parseVarint(c.rest)
	switch {
	case n == 0:
		c.take(len(c.rest)+1, f)
		return 0
	case n < 0:
		c.malformed(brokenV4, "section 1.5.5", "the "+f.name+" has more than four bytes")
		return 0
	case n > 1 && c.rest[n-1] == 0:
		c.malformed(brokenV4, "MQTT-1.5.5-1", "the "+f.name+" has more bytes than it needs")
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

var fieldPacketID = field{"packet identifier", brokenV4, brokenV5}

// packetID reads a packet identifier, which is never zero.
func (c *cursor) packetID(v4, v5 string) uint16 {
	id := c.u16(&fieldPacketID)
	if id == 0 && c.err == nil {
		c.protocolError(v4, v5, "the packet identifier is zero")
	}
	return id
}

// reason reads a reason code that the packet may carry.
func (c *cursor) reason(cmd Cmd, v4, v5 string) ReasonCode {
	code := ReasonCode(c.u8(&fieldReason))
	if c.err == nil && !code.legalIn(cmd, c.version) {
		c.protocolError(v4, v5, code.hex()+" is not a reason code of "+cmd.String())
	}
	return code
}

var fieldReason = field{"reason code", brokenV4, brokenV5}

// end reports bytes left over.
func (c *cursor) end() {
	if len(c.rest) > 0 {
		c.malformed(brokenV4, brokenV5, "bytes are left over at the end of the packet")
	}
}
