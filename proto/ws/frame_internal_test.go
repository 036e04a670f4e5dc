package ws

import (
	"bytes"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// side returns the state of a server, which needs masked frames, or of a client.
func side(masked bool) gobwas.State {
	if masked {
		return gobwas.StateServerSide
	}
	return gobwas.StateClientSide
}

// checkRoundTrip checks that parseHeader reads what appendHeader writes [RFC 6455 5.2], and that
// it needs all bytes of it.
func checkRoundTrip(t *testing.T, op OpCode, n int, masked bool, key [4]byte) {
	t.Helper()
	dst := []byte("before")
	b := appendHeader(dst, byte(op)|finBit, n, masked, key)[len(dst):]
	for i := range b {
		if _, size, err := parseHeader(b[:i], side(masked)); err != errIncomplete || size != 0 {
			t.Fatalf("% x cut at %d: size %d, %v", b, i, size, err)
		}
	}
	want := gobwas.Header{Fin: true, OpCode: op, Masked: masked, Length: int64(n)}
	if masked {
		want.Mask = key
	}
	for _, behind := range []string{"", "x", "\xff\xff\xff\xff"} {
		h, size, err := parseHeader(append(b[:len(b):len(b)], behind...), side(masked))
		if err != nil || size != len(b) || h != want {
			t.Fatalf("% x: %+v, size %d, %v", b, h, size, err)
		}
	}
	if _, _, err := parseHeader(b, side(!masked)); err == nil || err == errIncomplete {
		t.Fatalf("% x is taken by the other side too: %v", b, err)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for _, n := range []int{0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 20, 1<<31 - 1} {
		for _, masked := range []bool{false, true} {
			checkRoundTrip(t, OpText, n, masked, key)
			checkRoundTrip(t, OpBinary, n, masked, key)
			if n <= maxControl {
				checkRoundTrip(t, OpPing, n, masked, key)
				checkRoundTrip(t, OpPong, n, masked, key)
			}
			if n <= maxControl && n != 1 {
				checkRoundTrip(t, OpClose, n, masked, [4]byte{})
			}
		}
	}
}

// FuzzHeader gives arbitrary bytes to parseHeader. If it accepts them, appendHeader must write the
// same bytes.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"", "\x81", "\x81\x05Hello", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "\x82\x7e\x01\x00", "\x82\x7e\x00\x7d",
		"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04", "\x02\x00", "\x09\x00", "\x89\x7e", "\xc1\x00", "\x83\x80\x00\x00\x00\x00", "\x00\x01a"} {
		f.Add([]byte(s), false, 0)
		f.Add([]byte(s), true, 65536)
	}
	f.Fuzz(func(t *testing.T, b []byte, fragmented bool, n int) {
		for _, masked := range []bool{false, true} {
			state := side(masked)
			if fragmented {
				state = state.Set(gobwas.StateFragmented)
			}
			h, size, err := parseHeader(b, state)
			if err != nil {
				if size != 0 {
					t.Fatalf("size %d with %v", size, err)
				}
				continue
			}
			if h.Rsv != 0 || h.Masked != masked || h.Length < 0 || size < 2 || size > maxHeader {
				t.Fatalf("accepted %+v of %d bytes", h, size)
			}
			if h.Fin {
				if again := appendHeader(nil, byte(h.OpCode)|finBit, int(h.Length), masked, h.Mask); !bytes.Equal(again, b[:size]) {
					t.Fatalf("% x is written % x", b[:size], again)
				}
			}
			for i := range size { // more bytes never change the result
				if _, _, err := parseHeader(b[:i], state); err != errIncomplete {
					t.Fatalf("% x cut at %d: %v", b[:size], i, err)
				}
			}
		}
		if n >= 0 && len(b) >= 4 {
			checkRoundTrip(t, OpBinary, n, b[0]&1 == 0, [4]byte(b))
		}
	})
}

// rule is a rule about the first two bytes of a frame. It is written from the RFCs, not
// from the code.
type rule struct {
	name   string
	broken bool
	gobwas bool // gobwas.CheckHeader has this rule too
}

func rules(b0, b1 byte, state gobwas.State) [10]rule {
	fin, rsv1, rsv23, op := b0&0x80 != 0, b0&0x40 != 0, b0&0x30 != 0, b0&0x0f
	masked, length := b1&0x80 != 0, b1&0x7f
	control, deflate := op >= 8, state.Extended()
	return [...]rule{
		{"RFC 6455 5.1: wrong masking", masked != state.ServerSide(), true},
		{"RFC 6455 5.2: reserved opcode", op >= 3 && op <= 7 || op >= 0xb, true},
		{"RFC 6455 5.2: RSV1 without an extension", rsv1 && !deflate, true},
		{"RFC 6455 5.4: continuation without a message", op == 0 && !state.Fragmented(), true},
		{"RFC 6455 5.4: new message inside another", (op == 1 || op == 2) && state.Fragmented(), true},
		{"RFC 6455 5.5: fragmented control frame", control && !fin, true},
		{"RFC 6455 5.5: control frame of more than 125 bytes", control && length > 125, true},

		// With StateExtended gobwas.CheckHeader accepts all reserved bits.
		{"RFC 6455 5.2: RSV2 or RSV3, which no extension defines", rsv23, !deflate},
		{"RFC 7692 6: RSV1 not in the first frame of a message", rsv1 && op != 1 && op != 2, !deflate},
		// gobwas.CheckHeader has no rule for this. wsutil checks the payload.
		{"RFC 6455 5.5.1: Close frame of one byte", op == 8 && length == 1, false},
	}
}

// headerLengths are lengths in the second byte: the first and the last of each kind.
var headerLengths = []byte{0, 1, 2, 3, 64, 124, 125, 126, 127}

// TestParseHeaderComparedWithGobwas checks all first bytes in all states, each with second
// bytes of all kinds. parseHeader refuses what the rules forbid and nothing else.
// gobwas.CheckHeader knows all rules except those that are marked.
func TestParseHeaderComparedWithGobwas(t *testing.T) {
	for _, side := range []gobwas.State{gobwas.StateServerSide, gobwas.StateClientSide} {
		for _, more := range []gobwas.State{0, gobwas.StateExtended, gobwas.StateFragmented, gobwas.StateExtended | gobwas.StateFragmented} {
			for b0 := range 256 {
				compareFirstBytes(t, byte(b0), side|more)
			}
		}
	}
}

// compareFirstBytes combines a first byte with second bytes. The first byte alone must
// be refused if, and only if, it is illegal with each of them.
func compareFirstBytes(t *testing.T, b0 byte, state gobwas.State) {
	t.Helper()
	legal := false
	for i := range 2 * len(headerLengths) {
		b1 := headerLengths[i/2] | byte(i%2)<<7 // unmasked and masked
		want, wantGobwas := "", ""
		for _, r := range rules(b0, b1, state) {
			if r.broken {
				want = r.name
			}
			if r.broken && r.gobwas {
				wantGobwas = r.name
			}
		}
		legal = legal || want == ""
		if _, _, err := parseHeader([]byte{b0, b1}, state); refusal(err) != (want != "") {
			t.Errorf("%02x %02x in state %04b: got error %v, want %q", b0, b1, state, err, want)
		}
		h := gobwas.Header{Fin: b0&0x80 != 0, Rsv: b0 >> 4 & 7, OpCode: OpCode(b0 & 15), Masked: b1&0x80 != 0, Length: int64(b1 & 0x7f)}
		if err := gobwas.CheckHeader(h, state); (err != nil) != (wantGobwas != "") {
			t.Errorf("%02x %02x in state %04b: gobwas.CheckHeader says %v, want %q", b0, b1, state, err, wantGobwas)
		}
	}
	if _, _, err := parseHeader([]byte{b0}, state); refusal(err) == legal {
		t.Errorf("%02x alone in state %04b: got error %v; is it legal with some second byte: %v", b0, state, err, legal)
	}
}

func refusal(err error) bool { return err != nil && err != errIncomplete }

// The error of a header is that of its first wrong byte, no matter how the bytes are cut.
func TestHeaderErrorIsOfTheFirstWrongByte(t *testing.T) {
	for _, side := range []gobwas.State{gobwas.StateServerSide, gobwas.StateClientSide} {
		for _, more := range []gobwas.State{0, gobwas.StateFragmented, gobwas.StateExtended, gobwas.StateFragmented | gobwas.StateExtended} {
			state := side | more
			for first := range 256 {
				_, _, alone := parseHeader([]byte{byte(first)}, state)
				if alone == errIncomplete {
					continue
				}
				for second := range 256 {
					raw := []byte{byte(first), byte(second)}
					if _, _, err := parseHeader(raw, state); err == nil || err.Error() != alone.Error() {
						t.Fatalf("state %b: % x: %v, after the first byte alone: %v", state, raw, err, alone)
					}
				}
			}
		}
	}
}
