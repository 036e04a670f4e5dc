package mqtt

import (
	"fmt"
	"strconv"
)

// Header is the fixed header of a packet. 3.1.1 section 2.2, 5.0 section 2.1.
type Header struct {
	Cmd       Cmd
	Flags     byte // lower four bits of the first byte
	Remaining int  // size in bytes of the part after the fixed header
}

// ParseHeader decodes the fixed header at the front of buf. n is the size of the header in
// bytes. The packet has n + h.Remaining bytes, so the caller can refuse a large packet before
// it has arrived. version is the protocol level of the connection; 0 means 4.
//
// It returns ErrIncomplete if the header is incomplete, and a *ParseError as soon as the
// bytes show that the packet is malformed. After an error h is zero and n is 0.
func ParseHeader(buf []byte, version uint8) (h Header, n int, err error) {
	version, parseErr := checkVersion(version)
	if parseErr != nil {
		return Header{}, 0, parseErr
	}
	h, n, parseErr = parseHeader(buf, version)
	if parseErr != nil {
		return Header{}, 0, parseErr
	}
	if n == 0 {
		return Header{}, 0, ErrIncomplete
	}
	return h, n, nil
}

// CheckSize returns an error that wraps ErrTooLarge if the packet at the front of buf has
// more than limit bytes. It needs only the fixed header. It returns nil if the header is
// incomplete or malformed: Parse returns an error then.
func CheckSize(buf []byte, version uint8, limit int) error {
	h, n, err := ParseHeader(buf, version)
	if err == nil && n+h.Remaining > limit {
		return tooLarge(h.Cmd, n+h.Remaining, limit)
	}
	return nil
}

// missing returns how many bytes of the packet at the front of buf are to come, or 0 if its fixed
// header is incomplete.
func missing(buf []byte, version uint8) int {
	h, n, err := parseHeader(buf, version)
	if err != nil || n == 0 {
		return 0
	}
	return n + h.Remaining - len(buf)
}

func tooLarge(cmd Cmd, size, limit int) error {
	return fmt.Errorf("%w: %s of %d bytes, the limit is %d bytes", ErrTooLarge, cmd, size, limit)
}

// parseHeader decodes a fixed header. It returns n == 0 and no error if bytes are missing.
func parseHeader(buf []byte, version uint8) (h Header, n int, err *ParseError) {
	if len(buf) == 0 {
		return h, 0, nil
	}
	h.Cmd, h.Flags = Cmd(buf[0]>>4), buf[0]&0x0f
	if err = checkFlags(h.Cmd, h.Flags, version); err != nil {
		return h, 0, err
	}
	v, n := parseVarint(buf[1:])
	switch {
	case n == 0:
		return h, 0, nil
	case n < 0:
		err = newParseError(version, ReasonMalformedPacket, "section 2.2.3", "section 1.5.5", "the remaining length has more than four bytes")
	case version == 5 && h.Cmd != CmdConnect: // a CONNECT contains its own version, see Parse
		err = checkMinimal(v, n)
	}
	h.Remaining = int(v)
	if err == nil {
		err = checkRemaining(h.Cmd, h.Remaining, version)
	}
	if err != nil {
		err.Cmd = h.Cmd
		return h, 0, err
	}
	return h, 1 + n, nil
}

// checkMinimal refuses a remaining length that is encoded in more bytes than necessary. Only
// 5.0 has this rule. n is the number of bytes.
func checkMinimal(v uint32, n int) *ParseError {
	if n == varintLen(v) {
		return nil
	}
	return newParseError(5, ReasonMalformedPacket, "", "MQTT-1.5.5-1", "the remaining length has more bytes than it needs")
}

// checkVersion returns the protocol level for a version argument: 0 means 4.
func checkVersion(version uint8) (uint8, *ParseError) {
	switch version {
	case 0:
		return 4, nil
	case 4, 5:
		return version, nil
	}
	return 0, versionError(version)
}

// versionError returns the error for an unsupported protocol level.
func versionError(level uint8) *ParseError {
	return newParseError(level, ReasonUnsupportedVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2",
		"the protocol level is "+strconv.Itoa(int(level))+", want 4 (MQTT 3.1.1) or 5 (MQTT 5.0)")
}

// flagRules are the flags that each packet type except PUBLISH must have, and the statements
// that require them.
var flagRules = [16]struct {
	want   byte
	v4, v5 string
}{
	CmdConnect:     {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdConnack:     {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdPuback:      {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdPubrec:      {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdPubrel:      {2, "MQTT-3.6.1-1", "MQTT-3.6.1-1"},
	CmdPubcomp:     {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdSubscribe:   {2, "MQTT-3.8.1-1", "MQTT-3.8.1-1"},
	CmdSuback:      {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdUnsubscribe: {2, "MQTT-3.10.1-1", "MQTT-3.10.1-1"},
	CmdUnsuback:    {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdPingreq:     {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdPingresp:    {0, "MQTT-2.2.2-2", "MQTT-2.1.3-1"},
	CmdDisconnect:  {0, "MQTT-3.14.1-1", "MQTT-3.14.1-1"},
	CmdAuth:        {0, "MQTT-2.2.2-2", "MQTT-3.15.1-1"},
}

// checkFlags checks the packet type and the flags in the first byte of a packet.
func checkFlags(cmd Cmd, flags byte, version uint8) *ParseError {
	var err *ParseError
	switch {
	case cmd == 0 || cmd > CmdAuth || cmd == CmdAuth && version != 5:
		err = newParseError(version, ReasonMalformedPacket, "section 2.2.1", "section 2.1.2", "the packet type is reserved")
	case cmd == CmdPublish:
		err = checkPublishFlags(flags, version)
	case flags != flagRules[cmd].want:
		rule := &flagRules[cmd]
		err = newParseError(version, ReasonMalformedPacket, rule.v4, rule.v5,
			fmt.Sprintf("the reserved flags are 0x%X, want 0x%X", flags, rule.want))
	}
	if err != nil {
		err.Cmd = cmd
	}
	return err
}

// checkRemaining refuses a remaining length that the packet type never has. So the receiver
// does not wait for the rest of such a packet.
func checkRemaining(cmd Cmd, n int, version uint8) *ParseError {
	want := n
	switch cmd {
	case CmdPingreq, CmdPingresp:
		want = 0
	case CmdConnack, CmdPuback, CmdPubrec, CmdPubrel, CmdPubcomp, CmdUnsuback:
		if version != 5 {
			want = 2
		}
	case CmdDisconnect:
		if version != 5 {
			want = 0
		}
	}
	if n == want {
		return nil
	}
	return newParseError(version, ReasonMalformedPacket, ruleMalformedV4, ruleMalformedV5,
		"the remaining length is "+strconv.Itoa(n)+", want "+strconv.Itoa(want))
}

// AppendHeader appends a fixed header. The caller appends the other bytes of the packet,
// whose number is remaining. AppendHeader checks the packet type and the flags. It returns an
// error that matches ErrTooLarge if remaining cannot be encoded. AUTH is checked as a packet
// of 5.0, other types as packets of 3.1.1.
func AppendHeader(dst []byte, cmd Cmd, flags byte, remaining int) ([]byte, error) {
	version := uint8(4)
	if cmd == CmdAuth {
		version = 5
	}
	err := checkFlags(cmd, flags, version)
	if err == nil && flags > 0x0f {
		err = newParseError(version, ReasonMalformedPacket, "section 2.2.2", "section 2.1.3", "the flags have more than four bits")
		err.Cmd = cmd
	}
	if err == nil && uint64(remaining) > maxVarint {
		err = sizeError(version)
		err.Cmd = cmd
	}
	if err != nil {
		return dst, err
	}
	return appendVarint(append(dst, byte(cmd)<<4|flags), uint32(remaining)), nil
}

// sizeError returns the error for a packet that is too large for its remaining length.
func sizeError(version uint8) *ParseError {
	return newParseError(version, ReasonPacketTooLarge, "section 2.2.3", "section 2.1.4", "the remaining length is not in the range 0 to 268435455")
}
