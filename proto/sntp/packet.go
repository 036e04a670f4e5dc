package sntp

import (
	"encoding/binary"
	"errors"
	"time"
)

// Size is the number of bytes of a packet without authenticator and extensions [RFC 5905 7.3].
const Size = 48

// The modes of packets that this package knows [RFC 5905 7.3].
const (
	ModeClient = 3
	ModeServer = 4
)

// LeapAlarm is the Leap of a server whose clock is not synchronized.
const LeapAlarm = 3

// Packet is the header of an NTP packet [RFC 5905 7.3].
type Packet struct {
	Leap           uint8 // 0: none, 1: the last minute of the day has 61 s, 2: 59 s, 3: LeapAlarm
	Version        uint8 // 1 to 7; 4 is the current one
	Mode           uint8
	Stratum        uint8         // 1: has a reference clock, 2 to 15: one more than its server; 0: see RefID
	Poll           int8          // log2 of the largest interval of messages, in seconds
	Precision      int8          // log2 of the precision of the clock, in seconds
	RootDelay      time.Duration // round trip to the reference clock
	RootDispersion time.Duration // error bound relative to the reference clock
	RefID          [4]byte       // reference clock or server; the kiss code if Stratum is 0
	Reference      Timestamp     // when the server's clock was last set
	Origin         Timestamp     // in an answer: the Transmit of the request
	Receive        Timestamp     // when the server received the request
	Transmit       Timestamp     // when the packet was sent
}

// ErrIncomplete means that there are fewer than Size bytes. A datagram is complete, so it is then
// malformed.
var ErrIncomplete = errors.New("sntp: packet has fewer than 48 bytes")

// ParsePacket parses the header of a packet and returns how many bytes it has used: Size. What
// follows are extensions and an authenticator, which it does not check. Every header of
// Size bytes is well-formed; whether it answers a request is another question.
func ParsePacket(b []byte) (p Packet, n int, err error) {
	if len(b) < Size {
		return Packet{}, 0, ErrIncomplete
	}
	p = Packet{
		Leap:           b[0] >> 6,
		Version:        b[0] >> 3 & 7,
		Mode:           b[0] & 7,
		Stratum:        b[1],
		Poll:           int8(b[2]),
		Precision:      int8(b[3]),
		RootDelay:      short(b[4:]),
		RootDispersion: short(b[8:]),
		RefID:          [4]byte(b[12:]),
		Reference:      Timestamp(binary.BigEndian.Uint64(b[16:])),
		Origin:         Timestamp(binary.BigEndian.Uint64(b[24:])),
		Receive:        Timestamp(binary.BigEndian.Uint64(b[32:])),
		Transmit:       Timestamp(binary.BigEndian.Uint64(b[40:])),
	}
	return p, Size, nil
}

// AppendPacket appends the header to dst. Of Leap, Version and Mode, the lower bits that have space
// are used. Durations below 0 become 0, and those beyond 18 hours the largest that fits.
func AppendPacket(dst []byte, p Packet) []byte {
	dst = append(dst, p.Leap<<6|p.Version&7<<3|p.Mode&7, p.Stratum, byte(p.Poll), byte(p.Precision))
	dst = appendShort(dst, p.RootDelay)
	dst = appendShort(dst, p.RootDispersion)
	dst = append(dst, p.RefID[:]...)
	for _, t := range [...]Timestamp{p.Reference, p.Origin, p.Receive, p.Transmit} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(t))
	}
	return dst
}

// short reads the NTP short format: 16 bits of seconds and 16 bits of fraction [RFC 5905 6].
func short(b []byte) time.Duration {
	return time.Duration(uint64(binary.BigEndian.Uint32(b)) * uint64(time.Second) >> 16)
}

// appendShort appends d in the NTP short format. It rounds up, so that short returns d if d came
// from short.
func appendShort(dst []byte, d time.Duration) []byte {
	d = min(max(d, 0), time.Duration(uint64(1<<32-1)*uint64(time.Second)>>16))
	return binary.BigEndian.AppendUint32(dst, uint32((uint64(d)<<16+uint64(time.Second)-1)/uint64(time.Second)))
}

// Timestamp is the NTP timestamp format: seconds since 1900 in the upper 32 bits, the fraction of a
// second in the lower ones. 0 means that the time is not known [RFC 5905 6].
type Timestamp uint64

// secondsTo1970 is the number of seconds from 1900 to the epoch of UNIX [RFC 5905, figure 4].
const secondsTo1970 = 2208988800

// Time returns the time of t. The seconds overflow in 2036. So t is a time from 1968 to 2036 if its
// upper bit is set, and else one from 2036 to 2104 [RFC 4330 3].
func (t Timestamp) Time() time.Time {
	seconds := int64(t >> 32)
	if t>>63 == 0 {
		seconds += 1 << 32
	}
	fraction := uint64(t) & (1<<32 - 1)
	return time.Unix(seconds-secondsTo1970, int64(fraction*uint64(time.Second)>>32)).UTC()
}

// TimestampOf returns the Timestamp of a time. It rounds up, so that Time returns the same
// nanosecond.
func TimestampOf(at time.Time) Timestamp {
	seconds := uint64(at.Unix()+secondsTo1970) & (1<<32 - 1)
	fraction := (uint64(at.Nanosecond())<<32 + uint64(time.Second) - 1) / uint64(time.Second)
	return Timestamp(seconds<<32 | fraction)
}
