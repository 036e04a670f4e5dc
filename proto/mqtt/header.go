package mqtt

import (
	"fmt"
	"strconv"
)

// Header is the fixed header of a packet. 3.1.1 section 2.2, 5.0 section 2.1.
type Header struct {
	Cmd       Cmd
	Flags     byte // lower four bits of the first byte
	Remaining int  // bytes of the packet behind the fixed header
}

// ParseHeader decodes the fixed header at the front of buf and returns the bytes
// it takes. The packet has n + h.Remaining bytes, which lets the caller refuse one
// that is too large before it has arrived.
//
// It returns ErrIncomplete when the header is not there in full, and a
// *ParseError as soon as the bytes show that the packet cannot be right.
func ParseHeader(buf []byte, version uint8) (h Header, n int, err error) {
	version, f := checkVersion(version)
	if f != nil {
		return Header{}, 0, f
	}
	h, n, f = parseHeader(buf, version)
	if f != nil {
		return Header{}, 0, f
	}
	if n == 0 {
		return Header{}, 0, ErrIncomplete
	}
	return h, n, nil
}

// CheckSize refuses the packet at the front of buf, with an ErrTooLarge, if it
// has more than limit bytes: as soon as its fixed header is there, before the
// rest has arrived. Faults of the header are left for Parse to report.
func CheckSize(buf []byte, version uint8, limit int) error {
	h, n, err := ParseHeader(buf, version)
	if err == nil && n+h.Remaining > limit {
		return fmt.Errorf("%w: %s of %d bytes, the limit is %d", ErrTooLarge, h.Cmd, n+h.Remaining, limit)
	}
	return nil
}

// parseHeader returns n == 0 and no fault when bytes are missing.
func parseHeader(buf []byte, version uint8) (h Header, n int, f *ParseError) {
	if len(buf) == 0 {
		return h, 0, nil
	}
	h.Cmd, h.Flags = Cmd(buf[0]>>4), buf[0]&0x0f
	if f = checkFlags(h.Cmd, h.Flags, version); f != nil {
		return h, 0, f
	}
	v, n := parseVarint(buf[1:])
	switch {
	case n == 0:
		return h, 0, nil
	case n < 0:
		f = fault(version, ReasonMalformedPacket, "section 2.2.3", "section 1.5.5", "the remaining length has more than four bytes")
	case version == 5 && h.Cmd != CmdConnect: // a CONNECT says itself which version it is of
		f = checkMinimal(v, n)
	}
	h.Remaining = int(v)
	if f == nil {
		f = checkRemaining(h.Cmd, h.Remaining, version)
	}
	if f != nil {
		f.Cmd = h.Cmd
		return h, 0, f
	}
	return h, 1 + n, nil
}

// checkMinimal refuses a remaining length in more bytes than needed. 3.1.1 does not.
func checkMinimal(v uint32, n int) *ParseError {
	if n == varintLen(v) {
		return nil
	}
	return fault(5, ReasonMalformedPacket, "", "MQTT-1.5.5-1", "the remaining length has more bytes than it needs")
}

// checkVersion returns the protocol level meant by a version argument.
func checkVersion(version uint8) (uint8, *ParseError) {
	switch version {
	case 0:
		return 4, nil
	case 4, 5:
		return version, nil
	}
	return 0, levelFault(version)
}

func levelFault(level uint8) *ParseError {
	return fault(level, ReasonUnsupportedVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2",
		"protocol level "+strconv.Itoa(int(level))+" is neither 4 (3.1.1) nor 5 (5.0)")
}

// flagRules holds the flags that each type but PUBLISH must have, and the
// statements that say so.
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

// checkFlags judges the first byte of a packet.
func checkFlags(cmd Cmd, flags byte, version uint8) *ParseError {
	var f *ParseError
	switch {
	case cmd == 0 || cmd > CmdAuth || cmd == CmdAuth && version != 5:
		f = fault(version, ReasonMalformedPacket, "section 2.2.1", "section 2.1.2", "the packet type is reserved")
	case cmd == CmdPublish:
		f = checkPublishFlags(flags, version)
	case flags != flagRules[cmd].want:
		f = fault(version, ReasonMalformedPacket, flagRules[cmd].v4, flagRules[cmd].v5, "the reserved flags are set wrongly")
	}
	if f != nil {
		f.Cmd = cmd
	}
	return f
}

// checkRemaining refuses the lengths that a type never has, so that nobody waits
// for the rest of such a packet.
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
	return fault(version, ReasonMalformedPacket, brokenV4, brokenV5,
		"the remaining length is "+strconv.Itoa(n)+", not "+strconv.Itoa(want))
}

// AppendHeader appends a fixed header, for a caller who appends the remaining
// bytes of the packet itself. Of the packet it checks the type, the flags and that
// remaining can be encoded; ErrTooLarge if not. AUTH is taken to be of 5.0.
func AppendHeader(dst []byte, cmd Cmd, flags byte, remaining int) ([]byte, error) {
	version := uint8(4)
	if cmd == CmdAuth {
		version = 5
	}
	f := checkFlags(cmd, flags, version)
	if f == nil && flags > 0x0f {
		f = fault(version, ReasonMalformedPacket, "section 2.2.2", "section 2.1.3", "the flags are more than four bits")
		f.Cmd = cmd
	}
	if f == nil && uint64(remaining) > maxVarint {
		f = sizeFault(version)
		f.Cmd = cmd
	}
	if f != nil {
		return dst, f
	}
	return appendVarint(append(dst, byte(cmd)<<4|flags), uint32(remaining)), nil
}

func sizeFault(version uint8) *ParseError {
	return fault(version, ReasonPacketTooLarge, "section 2.2.3", "section 2.1.4", "the remaining length is not within 0 to 268435455")
}
