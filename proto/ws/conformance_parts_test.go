package ws_test

import (
	"encoding/binary"
	"strings"
	"testing"
)

// part is a piece of input, written as the peer of a role has to.
type part func(r role) string

const (
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

// raw is the same bytes for either role.
func raw(s string) part { return func(role) string { return s } }

// fr is a frame.
func fr(first byte, payload string) part { return wide(first, -1, payload) }

// wide is a frame whose extended length has a width of its own.
func wide(first byte, width int, payload string) part {
	return func(r role) string { return build(first, r == asServer, width, payload) }
}

// wrongly is a frame that is masked where it must not be, or the other way.
func wrongly(first byte, payload string) part {
	return func(r role) string { return build(first, r != asServer, -1, payload) }
}

// head is the beginning of a frame: two bytes, of which the mask bit is right,
// and the extended length.
func head(first, length byte, extended string) part {
	return func(r role) string { return string([]byte{first, length | maskBit(r == asServer)}) + extended }
}

// sized is a frame's whole header, with a 64-bit length, without the payload.
func sized(first byte, n uint64) part {
	return func(r role) string {
		return head(first, 127, string(binary.BigEndian.AppendUint64(nil, n)))(r) + maskOf(r)
	}
}

// keyed is a frame to a server with a masking key of the test's choice.
func keyed(key string, first byte, payload string) part {
	return func(role) string {
		b := []byte(build(first, true, -1, payload))
		at := len(b) - len(payload)
		copy(b[at-4:], key)
		for i := range len(payload) {
			b[at+i] = payload[i] ^ key[i%4]
		}
		return string(b)
	}
}

// maskOf is the masking key of empty frames: none, if it is a client that gets
// them.
func maskOf(r role) string { return build(fin|bin, r == asServer, -1, "")[2:] }

// times repeats a frame.
func times(n int, p part) part { return func(r role) string { return strings.Repeat(p(r), n) } }

// pattern is n bytes without a short period.
func pattern(n int) string {
	var b strings.Builder
	for i := uint32(0); b.Len() < n; i++ {
		b.WriteByte(' ' + byte(i*2654435761>>24)%95)
	}
	return b.String()
}

// msg and ctl are events.
func msg(op, payload string) string { return "MSG " + op + " " + brief(payload) }
func ctl(op, payload string) string { return "CTL " + op + " " + brief(payload) }

// count is how many whole frames lie in b.
func count(b []byte) (frames int) {
	for len(b) >= 2 {
		n, size := uint64(b[1]&0x7f), 2
		switch {
		case n == 126 && len(b) >= 4:
			n, size = uint64(binary.BigEndian.Uint16(b[2:])), 4
		case n == 127 && len(b) >= 10:
			n, size = binary.BigEndian.Uint64(b[2:]), 10
		case n >= 126:
			return frames
		}
		if b[1]&0x80 != 0 {
			size += 4
		}
		if uint64(len(b)) < uint64(size)+n {
			return frames
		}
		b, frames = b[uint64(size)+n:], frames+1
	}
	return frames
}

// deed is a row for what we do ourselves.
type deed struct {
	name string
	only role
	do   func(t *testing.T, w *world, r role)
}

func (d deed) title() string                      { return d.name }
func (d deed) sides() []role                      { return sidesOf(d.only) }
func (d deed) run(t *testing.T, w *world, r role) { d.do(t, w, r) }

// opened is a deed on an open connection, which is left open.
func opened(name string, only role, do func(t *testing.T, e *end)) deed {
	return deed{name, only, func(t *testing.T, w *world, r role) {
		e := w.open(r, echoing)
		do(t, e)
		if !e.rec.closed {
			e.drop()
		}
	}}
}
