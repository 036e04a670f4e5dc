package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

func TestOpCodeNames(t *testing.T) {
	for op, want := range map[ws.OpCode]string{0: "continuation", 1: "text", 2: "binary", 3: "opcode 0x3", 8: "close", 9: "ping", 10: "pong", 15: "opcode 0xf"} {
		if got := ws.OpName(op); got != want {
			t.Errorf("%d is %q, want %q", op, got, want)
		}
	}
}

// TestErrorReasons: the error says what is wrong with which frame. It is the same if the frame
// arrives byte by byte. The conformance suite tests which frames are refused.
func TestErrorReasons(t *testing.T) {
	for _, tt := range []struct {
		words string
		in    func(f func(first byte, payload string) string, masked bool) string
		code  ws.StatusCode
	}{
		{"text frame, mask", func(_ func(byte, string) string, masked bool) string { return buildFrame(fin|text, !masked, -1, "x") }, 1002},
		{"text frame, RSV1", header(fin|rsv1|text, 0, ""), 1002},
		{"binary frame, RSV2", header(fin|rsv2|bin, 0, ""), 1002},
		{"opcode 0x3, reserved", header(fin|0x3, 0, ""), 1002},
		{"shortest form", header(fin|bin, 126, "\x00\x7d"), 1002},
		{"top bit", header(fin|bin, 127, "\x80\x00\x00\x00\x00\x01\x00\x00"), 1002},
		{"ping frame, control, limit exceeded", header(fin|ping, 126, ""), 1002},
		{"pong frame, not final", header(pong, 0, ""), 1002},
		{"continuation frame, unexpected", frames(fin|cont, "x"), 1002},
		{"text frame, unexpected non-continuation", frames(bin, "a", fin|text, "b"), 1002},
		{"close frame, one byte", frames(fin|opClose, "\x03"), 1002},
		{"close frame, code 1005", frames(fin|opClose, closePayload(1005, "")), 1002},
		{"close frame, UTF-8", frames(fin|opClose, closePayload(1000, "\xc3")), 1007},
		{"text message, UTF-8", frames(fin|text, "a\xff"), 1007},
	} {
		for _, r := range roles {
			t.Run(string(r)+" "+tt.words, func(t *testing.T) {
				env := newEnv(t)
				said := map[string]bool{}
				for _, pieces := range []int{1, -1} {
					tc := env.open(r, nil)
					tc.peerSends(strings.SplitN(tt.in(tc.frame, r == asServer), "", pieces)...)
					tc.wantRefused(tt.code, strings.Split(tt.words, ", ")...)
					said[tc.events.LastErr().Error()] = true
					tc.peer.Close()
				}
				if len(said) > 1 {
					t.Errorf("different errors for the whole frame and byte by byte: %v", said)
				}
			})
		}
	}
}
