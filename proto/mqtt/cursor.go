package mqtt

import (
	"encoding/binary"
	"math"
	"strconv"
)

// field is a part of a packet: its name in errors, and the statements of 3.1.1 and 5.0 that
// require it.
type field struct{ name, v4, v5 string }

// The statements about packets that cannot be parsed: the receiver closes the connection.
const (
	ruleMalformedV4 = "MQTT-4.8.0-1"
	ruleMalformedV5 = "MQTT-4.13.1-1"
)

// cursor reads the part of a packet after the fixed header. The first error is stored in err
// and empties rest. Later reads then return zero, and loops over rest end. So the caller checks
// err only once, at the end.
type cursor struct {
	rest    []byte
	version uint8
	limits  *Limits // resolved; nil if there are none
	err     *ParseError
}

// fail records an error unless there is one. v4 and v5 are the broken rules.
func (c *cursor) fail(code ReasonCode, v4, v5, reason string) {
	if c.err == nil {
		c.rest = nil
		c.err = newParseError(c.version, code, v4, v5, reason)
	}
}

func (c *cursor) malformed(v4, v5, reason string) {
	c.fail(ReasonMalformedPacket, v4, v5, reason)
}

// checkLimit fails if count is above limit. things is the plural of what is counted.
func (c *cursor) checkLimit(count, limit int, things string) {
	if count > limit {
		c.fail(ReasonQuotaExceeded, ruleLimitV4, ruleLimitV5, "more than "+strconv.Itoa(limit)+" "+things)
	}
}

// filterLimit returns the limit for filters and their codes.
func (c *cursor) filterLimit() int {
	if c.limits == nil {
		return math.MaxInt
	}
	return c.limits.Filters
}

func (c *cursor) protocolError(v4, v5, reason string) {
	c.fail(ReasonProtocolError, v4, v5, reason)
}

// take returns the next n bytes, which belong to the field f.
func (c *cursor) take(n int, f *field) []byte {
	if n > len(c.rest) {
		if c.err == nil { // an earlier error has emptied rest
			c.malformed(f.v4, f.v5, "the packet ends inside the "+f.name)
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

// binary reads a two-byte length and the bytes after it. 5.0 section 1.5.6.
func (c *cursor) binary(f *field) []byte {
	return c.take(int(c.u16(f)), f)
}

// text reads a UTF-8 encoded string.
func (c *cursor) text(f *field) []byte {
	b := c.binary(f)
	c.checkText(b, f)
	return b
}

// checkText checks the encoding of a UTF-8 encoded string.
func (c *cursor) checkText(b []byte, f *field) {
	if !validUTF8(b) {
		c.malformed("MQTT-1.5.3-1", "MQTT-1.5.4-1", "the "+f.name+" is not well-formed UTF-8")
	} else if hasNUL(b) {
		c.malformed("MQTT-1.5.3-2", "MQTT-1.5.4-2", "the "+f.name+" contains U+0000")
	}
}

// topicName reads a topic name, which must not contain wildcards. It accepts an empty name: the
// caller checks for it, because the rule depends on the field.
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
		c.malformed(ruleMalformedV4, "section 1.5.5", "the "+f.name+" has more than four bytes")
		return 0
	case n > 1 && c.rest[n-1] == 0:
		c.malformed(ruleMalformedV4, "MQTT-1.5.5-1", "the "+f.name+" has more bytes than it needs")
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

var fieldPacketID = field{"packet identifier", ruleMalformedV4, ruleMalformedV5}

// packetID reads a packet identifier, which must not be zero.
func (c *cursor) packetID(v4, v5 string) uint16 {
	id := c.u16(&fieldPacketID)
	if id == 0 && c.err == nil {
		c.protocolError(v4, v5, "the packet identifier is zero")
	}
	return id
}

// reason reads a reason code and checks that the packet type may have it.
func (c *cursor) reason(cmd Cmd, v4, v5 string) ReasonCode {
	code := ReasonCode(c.u8(&fieldReason))
	if c.err == nil && !code.legalIn(cmd, c.version) {
		c.protocolError(v4, v5, "the reason code "+code.textIn(cmd, c.version)+" is not allowed in "+cmd.String())
	}
	return code
}

var fieldReason = field{"reason code", ruleMalformedV4, ruleMalformedV5}

// checkEnd checks that no bytes are left.
func (c *cursor) checkEnd() {
	if len(c.rest) > 0 {
		c.malformed(ruleMalformedV4, ruleMalformedV5, strconv.Itoa(len(c.rest))+" bytes are left over at the end of the packet")
	}
}
