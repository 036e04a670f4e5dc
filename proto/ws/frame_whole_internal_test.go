package ws

import (
	"testing"

	gobwas "github.com/gobwas/ws"
)

// TestWholeMessage compares wholeMessage with parseHeader: all first and second bytes, all kinds of
// lengths, cut at the ends of the header and of the payload, in both roles. wholeMessage takes the
// frames that parseHeader takes too and that are whole uncompressed messages of less than 64 KiB.
func TestWholeMessage(t *testing.T) {
	long := make([]byte, maxHeader+1<<16+1)
	for _, masked := range []bool{false, true} {
		for b := range 1 << 16 {
			long[0], long[1] = byte(b>>8), byte(b)
			for _, length := range []int{0, 1, 125, 126, 127, 1 << 8, 1<<15 + 1, 1<<16 - 1} {
				long[2], long[3] = byte(length>>8), byte(length)
				compareWhole(t, long, masked)
				if b&0x7f < 126 { // the length is in the second byte
					break
				}
			}
		}
	}
}

// compareWhole compares the results for frame, and for what begins frame.
func compareWhole(t *testing.T, frame []byte, masked bool) {
	t.Helper()
	for _, state := range []gobwas.State{side(masked), side(masked).Set(gobwas.StateExtended)} {
		h, size, err := parseHeader(frame, state)
		want := err == nil && h.Fin && h.Rsv == 0 && h.Length < 1<<16 &&
			(h.OpCode == OpText || h.OpCode == OpBinary)
		whole := size + int(h.Length)
		for _, n := range []int{0, 1, 2, 3, 4, size - 1, size, whole - 1, whole, whole + 1, len(frame)} {
			if n < 0 || n > len(frame) || n > 4 && !want && n < len(frame) {
				continue
			}
			op, start, end := wholeMessage(frame[:n:n], masked)
			switch {
			case want && n >= whole && (op != h.OpCode || start != size || end != whole):
				t.Fatalf("% x, masked %v, %d bytes: %v, %d to %d, want %v, %d to %d",
					frame[:4], masked, n, op, start, end, h.OpCode, size, whole)
			case (!want || n < whole) && end != 0:
				t.Fatalf("% x, masked %v, %d bytes: taken, %v", frame[:4], masked, n, err)
			}
		}
	}
}
