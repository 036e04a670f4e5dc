package mqtt

import (
	"bytes"
	"testing"
)

// The values at the limits of table 2.4 of 3.1.1 have the encoding of the table.
func TestVarintEncoding(t *testing.T) {
	for _, tc := range []struct {
		value uint32
		bytes []byte
	}{
		{0, []byte{0x00}},
		{1, []byte{0x01}},
		{127, []byte{0x7f}},
		{128, []byte{0x80, 0x01}},
		{321, []byte{0xc1, 0x02}}, // the example of section 2.2.3
		{16383, []byte{0xff, 0x7f}},
		{16384, []byte{0x80, 0x80, 0x01}},
		{2097151, []byte{0xff, 0xff, 0x7f}},
		{2097152, []byte{0x80, 0x80, 0x80, 0x01}},
		{maxVarint, []byte{0xff, 0xff, 0xff, 0x7f}},
	} {
		if got := appendVarint([]byte("x"), tc.value); string(got) != "x"+string(tc.bytes) {
			t.Errorf("appendVarint of %d appends % x, want % x", tc.value, got[1:], tc.bytes)
		}
		if n := varintLen(tc.value); n != len(tc.bytes) {
			t.Errorf("varintLen of %d is %d, want %d", tc.value, n, len(tc.bytes))
		}
		// Bytes after the integer do not change the result.
		for _, after := range [][]byte{nil, {0x00}, {0xff, 0xff, 0xff, 0xff}} {
			if v, n := parseVarint(append(bytes.Clone(tc.bytes), after...)); v != tc.value || n != len(tc.bytes) {
				t.Errorf("parseVarint of % x % x is %d, size %d, want %d, size %d", tc.bytes, after, v, n, tc.value, len(tc.bytes))
			}
		}
		for i := range tc.bytes {
			if v, n := parseVarint(tc.bytes[:i:i]); v != 0 || n != 0 {
				t.Errorf("parseVarint of % x is %d, size %d, want 0, size 0", tc.bytes[:i], v, n)
			}
		}
	}
}

// parseVarint accepts more bytes than necessary. It refuses more than four bytes as soon as it
// sees the fourth.
func TestParseVarint(t *testing.T) {
	for _, tc := range []struct {
		bytes []byte
		v     uint32
		n     int
	}{
		{[]byte{0x80, 0x00}, 0, 2},
		{[]byte{0x81, 0x00}, 1, 2},
		{[]byte{0xff, 0x80, 0x80, 0x00}, 127, 4},
		{[]byte{0x80, 0x80, 0x80}, 0, 0},
		{[]byte{0x80, 0x80, 0x80, 0x80}, 0, -1},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x01}, 0, -1},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, 0, -1},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, -1},
	} {
		if v, n := parseVarint(tc.bytes); v != tc.v || n != tc.n {
			t.Errorf("parseVarint of % x is %d, size %d, want %d, size %d", tc.bytes, v, n, tc.v, tc.n)
		}
	}
}
