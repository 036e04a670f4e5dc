package mqtt

import (
	"strings"
	"testing"
)

var testField = field{"test field", "rule of 3.1.1", "rule of 5.0"}

// wantCursorError checks that the cursor has an error and is empty.
func wantCursorError(t *testing.T, name string, c *cursor, code ReasonCode, rule, reason string) {
	t.Helper()
	switch {
	case c.err == nil:
		t.Errorf("%s: no error, want %q", name, reason)
	case c.err.Code != code || c.err.Rule != rule || !strings.Contains(c.err.Reason, reason):
		t.Errorf("%s: error %v, want code 0x%02X, %q [%s]", name, c.err, uint8(code), reason, rule)
	}
	if len(c.rest) > 0 {
		t.Errorf("%s: % x is left, want nothing after an error", name, c.rest)
	}
}

// The functions of the cursor return the fields one after the other.
func TestCursorReadsFields(t *testing.T) {
	buf := []byte("\x07\x01\x02\x00\x02\xff\x00\x00\x03a#b\x00\x03a/b\xc1\x02\x12\x34\x00abc")
	c := cursor{rest: buf, version: 5}
	if v := c.u8(&testField); v != 7 {
		t.Errorf("u8 returns %d, want 7", v)
	}
	if v := c.u16(&testField); v != 0x102 {
		t.Errorf("u16 returns %#x, want 0x102", v)
	}
	if b := c.binary(&testField); string(b) != "\xff\x00" {
		t.Errorf("binary returns % x, want ff 00", b)
	}
	if b := c.text(&testField); string(b) != "a#b" {
		t.Errorf("text returns %q, want a#b", b)
	}
	if b := c.topicName(&testField); string(b) != "a/b" {
		t.Errorf("topicName returns %q, want a/b", b)
	}
	if v := c.varint(&testField); v != 321 {
		t.Errorf("varint returns %d, want 321", v)
	}
	if v := c.packetID("", ""); v != 0x1234 {
		t.Errorf("packetID returns %#x, want 0x1234", v)
	}
	if v := c.reason(CmdPuback, "", ""); v != 0 {
		t.Errorf("reason returns %v, want 0", v)
	}
	// An append to a field must not overwrite the bytes after it.
	if b := c.take(2, &testField); string(b) != "ab" || cap(b) != 2 {
		t.Errorf("take returns %q with capacity %d, want ab with capacity 2", b, cap(b))
	}
	if b := c.take(0, &testField); b == nil || len(b) != 0 {
		t.Errorf("take of no bytes returns %q, want an empty slice", b)
	}
	if string(c.rest) != "c" || c.err != nil {
		t.Errorf("%q is left, error %v, want c", c.rest, c.err)
	}
	c.take(1, &testField)
	if c.checkEnd(); c.err != nil {
		t.Errorf("checkEnd at the end: %v", c.err)
	}
}

// A field that the bytes do not contain completely is an error with the name and the rule of the
// field.
func TestCursorRefusesCutFields(t *testing.T) {
	for name, tc := range map[string]struct {
		buf  string
		read func(c *cursor)
	}{
		"take":      {"ab", func(c *cursor) { c.take(3, &testField) }},
		"u8":        {"", func(c *cursor) { c.u8(&testField) }},
		"u16":       {"a", func(c *cursor) { c.u16(&testField) }},
		"length":    {"\x00", func(c *cursor) { c.binary(&testField) }},
		"binary":    {"\x00\x02a", func(c *cursor) { c.binary(&testField) }},
		"text":      {"\x00\x02a", func(c *cursor) { c.text(&testField) }},
		"topicName": {"\xff\xffa", func(c *cursor) { c.topicName(&testField) }},
		"varint":    {"\x80\x80\x80", func(c *cursor) { c.varint(&testField) }},
		"no varint": {"", func(c *cursor) { c.varint(&testField) }},
	} {
		for version, rule := range map[uint8]string{4: testField.v4, 5: testField.v5} {
			c := cursor{rest: []byte(tc.buf), version: version}
			tc.read(&c)
			wantCursorError(t, name, &c, ReasonMalformedPacket, rule, "the packet ends inside the test field")
		}
	}
}

// A field with an invalid value is an error with the rule of the value.
func TestCursorRefusesInvalidFields(t *testing.T) {
	for _, tc := range []struct {
		name         string
		buf          string
		read         func(c *cursor)
		code         ReasonCode
		v4, v5, text string
	}{
		{"ill-formed", "\x00\x01\xff", func(c *cursor) { c.text(&testField) },
			ReasonMalformedPacket, "MQTT-1.5.3-1", "MQTT-1.5.4-1", "the test field is not well-formed UTF-8"},
		{"NUL", "\x00\x01\x00", func(c *cursor) { c.text(&testField) },
			ReasonMalformedPacket, "MQTT-1.5.3-2", "MQTT-1.5.4-2", "the test field contains U+0000"},
		{"wildcard", "\x00\x01+", func(c *cursor) { c.topicName(&testField) },
			ReasonMalformedPacket, "MQTT-4.7.1-1", "MQTT-4.7.0-1", "the test field contains a wildcard"},
		{"five bytes", "\x80\x80\x80\x80\x01", func(c *cursor) { c.varint(&testField) },
			ReasonMalformedPacket, ruleMalformedV4, "section 1.5.5", "the test field has more than four bytes"},
		{"not minimal", "\x81\x00", func(c *cursor) { c.varint(&testField) },
			ReasonMalformedPacket, ruleMalformedV4, "MQTT-1.5.5-1", "the test field has more bytes than it needs"},
		{"identifier 0", "\x00\x00", func(c *cursor) { c.packetID("four", "five") },
			ReasonProtocolError, "four", "five", "the packet identifier is zero"},
		{"code of SUBACK", "\x03", func(c *cursor) { c.reason(CmdSuback, "four", "five") },
			ReasonProtocolError, "four", "five", "the reason code 0x03 (unknown code) is not allowed in SUBACK"},
		{"bytes left over", "abc", func(c *cursor) { c.checkEnd() },
			ReasonMalformedPacket, ruleMalformedV4, ruleMalformedV5, "3 bytes are left over at the end of the packet"},
	} {
		for version, rule := range map[uint8]string{4: tc.v4, 5: tc.v5} {
			c := cursor{rest: []byte(tc.buf), version: version}
			tc.read(&c)
			wantCursorError(t, tc.name, &c, tc.code, rule, tc.text)
		}
	}
}

// After an error all functions return zero, and the first error stays.
func TestCursorKeepsFirstError(t *testing.T) {
	c := cursor{rest: []byte("\x00\x05abcde"), version: 5}
	c.protocolError("four", "five", "the first error")
	for what, got := range map[string]int{
		"take":      len(c.take(1, &testField)),
		"u8":        int(c.u8(&testField)),
		"u16":       int(c.u16(&testField)),
		"binary":    len(c.binary(&testField)),
		"text":      len(c.text(&testField)),
		"topicName": len(c.topicName(&testField)),
		"varint":    int(c.varint(&testField)),
		"packetID":  int(c.packetID("", "")),
		"reason":    int(c.reason(CmdPuback, "", "")),
	} {
		if got != 0 {
			t.Errorf("%s after an error returns %d, want 0", what, got)
		}
	}
	c.malformed("", "", "the second error")
	c.checkEnd()
	wantCursorError(t, "after other calls", &c, ReasonProtocolError, "five", "the first error")
}
