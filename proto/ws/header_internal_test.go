package ws

import (
	"bytes"
	"testing"
)

// What appendHeader writes parseHeader reads back, of all its bytes and of no
// fewer; its two bytes, and lengths, are those of [RFC 6455 5.2].
func checkHeader(t *testing.T, op OpCode, n int, masked bool, key [4]byte) {
	t.Helper()
	dst := []byte("before")
	b := appendHeader(dst, byte(op)|finBit, n, masked, key)[len(dst):]
	for i := range b {
		if _, size, err := parseHeader(b[:i], expected{masked: masked}); err != errIncomplete || size != 0 {
			t.Fatalf("% x cut at %d: size %d, %v", b, i, size, err)
		}
	}
	want := header{fin: true, op: op, masked: masked, length: int64(n)}
	for _, behind := range []string{"", "x", "\xff\xff\xff\xff"} {
		h, size, err := parseHeader(append(b[:len(b):len(b)], behind...), expected{masked: masked})
		if err != nil || size != len(b) || h != want {
			t.Fatalf("% x: %+v, size %d, %v", b, h, size, err)
		}
		if masked && maskKey(b) != key {
			t.Fatalf("% x: the key is not its end", b)
		}
	}
	if _, _, err := parseHeader(b, expected{masked: !masked}); err == nil || err == errIncomplete {
		t.Fatalf("% x is taken by the other side too: %v", b, err)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for _, n := range []int{0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 20, 1<<31 - 1} {
		for _, masked := range []bool{false, true} {
			checkHeader(t, OpText, n, masked, key)
			checkHeader(t, OpBinary, n, masked, key)
			if n <= maxControl {
				checkHeader(t, OpPing, n, masked, key)
				checkHeader(t, OpPong, n, masked, key)
			}
			if n <= maxControl && n != 1 {
				checkHeader(t, OpClose, n, masked, [4]byte{})
			}
		}
	}
}

// FuzzHeader holds parseHeader against bytes that it was not made for: what it
// accepts, appendHeader writes in the same bytes.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"", "\x81", "\x81\x05Hello", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "\x82\x7e\x01\x00", "\x82\x7e\x00\x7d",
		"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04", "\x02\x00", "\x09\x00", "\x89\x7e", "\xc1\x00", "\x83\x80\x00\x00\x00\x00", "\x00\x01a"} {
		f.Add([]byte(s), false, 0)
		f.Add([]byte(s), true, 65536)
	}
	f.Fuzz(func(t *testing.T, b []byte, fragmented bool, n int) {
		for _, masked := range []bool{false, true} {
			state := expected{masked: masked, inMessage: fragmented}
			h, size, err := parseHeader(b, state)
			if err != nil {
				if size != 0 {
					t.Fatalf("size %d with %v", size, err)
				}
				continue
			}
			if h.rsv1 || h.masked != masked || h.length < 0 || size < 2 || size > maxHeader {
				t.Fatalf("accepted %+v of %d bytes", h, size)
			}
			if h.fin {
				var key [4]byte
				if masked {
					key = maskKey(b[:size])
				}
				if again := appendHeader(nil, byte(h.op)|finBit, int(h.length), masked, key); !bytes.Equal(again, b[:size]) {
					t.Fatalf("% x is written % x", b[:size], again)
				}
			}
			for i := range size { // more bytes never change an answer
				if _, _, err := parseHeader(b[:i], state); err != errIncomplete {
					t.Fatalf("% x cut at %d: %v", b[:size], i, err)
				}
			}
		}
		if n >= 0 && len(b) >= 4 {
			checkHeader(t, OpBinary, n, b[0]&1 == 0, [4]byte(b))
		}
	})
}
