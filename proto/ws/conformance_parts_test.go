package ws_test

import (
	"encoding/binary"
	"strings"
	"testing"
)

// part is a piece of the input. The peer of a server must mask it, the peer of a client
// must not.
type part func(r role) string

const (
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

// raw is the same bytes for both roles.
func raw(s string) part { return func(role) string { return s } }

// fr is a frame with the shortest form of the length.
func fr(first byte, payload string) part { return wide(first, -1, payload) }

// wide is a frame whose extended length has width bytes.
func wide(first byte, width int, payload string) part {
	return func(r role) string { return buildFrame(first, r == asServer, width, payload) }
}

// wrongly is a frame that is masked although it must not be, or unmasked although it must
// be masked.
func wrongly(first byte, payload string) part {
	return func(r role) string { return buildFrame(first, r != asServer, -1, payload) }
}

// head is the beginning of a frame: the first byte, the second byte with the right mask
// bit, and the extended length.
func head(first, length byte, extended string) part {
	return func(r role) string { return string([]byte{first, length | maskBit(r == asServer)}) + extended }
}

// sized is the header of a frame with a 64-bit length. The payload is missing.
func sized(first byte, n uint64) part {
	return func(r role) string {
		return head(first, 127, string(binary.BigEndian.AppendUint64(nil, n)))(r) + maskOf(r)
	}
}

// keyed is a frame to a server with the given masking key.
func keyed(key string, first byte, payload string) part {
	return func(role) string {
		b := []byte(buildFrame(first, true, -1, payload))
		at := len(b) - len(payload)
		copy(b[at-4:], key)
		for i := range len(payload) {
			b[at+i] = payload[i] ^ key[i%4]
		}
		return string(b)
	}
}

// maskOf returns the masking key in an empty frame. It is empty if the receiver is a
// client.
func maskOf(r role) string { return buildFrame(fin|bin, r == asServer, -1, "")[2:] }

// times repeats a frame.
func times(n int, p part) part { return func(r role) string { return strings.Repeat(p(r), n) } }

// pattern returns n bytes of ASCII without a short period.
func pattern(n int) string {
	var b strings.Builder
	for i := uint32(0); b.Len() < n; i++ {
		b.WriteByte(' ' + byte(i*2654435761>>24)%95)
	}
	return b.String()
}

// msg and ctl are the recorder's lines for EvWSMsg and EvWSCtl.
func msg(op, payload string) string { return "MSG " + op + " " + brief(payload) }
func ctl(op, payload string) string { return "CTL " + op + " " + brief(payload) }

// count returns the number of complete frames in b.
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

// deed is a row with an action of our side.
type action struct {
	name string
	only role
	do   func(t *testing.T, env *testEnv, r role)
}

func (d action) title() string                          { return d.name }
func (d action) sides() []role                          { return sidesOf(d.only) }
func (d action) run(t *testing.T, env *testEnv, r role) { d.do(t, env, r) }

// opened is an action on an open connection. After it the connection is closed.
func opened(name string, only role, do func(t *testing.T, tc *testConn)) action {
	return action{name, only, func(t *testing.T, env *testEnv, r role) {
		tc := env.open(r, echoing)
		do(t, tc)
		if !tc.events.Closed() {
			tc.closeBoth()
		}
	}}
}
