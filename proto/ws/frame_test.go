package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// wantRefused expects that the peer is told code and the connection failed.
// A ping before that may have been answered.
func (e *end) wantRefused(code ws.CloseCode, words ...string) {
	e.Helper()
	var pe *ws.ProtocolError
	if !errors.As(e.rec.err, &pe) || pe.Code != code {
		e.Fatalf("error is %v (%T), want code %d; events %v", e.rec.err, e.rec.err, code, e.rec.log)
	}
	contains(e, e.rec.err, append(words, "ws: ")...)
	e.ends()
	if n := len(e.rec.log); n < 2 || e.rec.log[n-2] != "ERROR" || e.rec.log[n-1] != "CLOSE" {
		e.Fatalf("events %v do not end with ERROR, CLOSE", e.rec.log)
	}
	sent := e.sent()
	if n := len(sent); n > 1 && sent[0] == `pong ""` {
		sent = sent[1:]
	}
	wantLines(e, "frames sent", sent, []string{fmt.Sprintf(`close %d ""`, code)})
}

// maskBit is the second byte's flag as the peer has to set it.
func maskBit(masked bool) byte {
	if masked {
		return 0x80
	}
	return 0
}

func frames(firstAndPayload ...any) func(func(byte, string) string, bool) string {
	return func(f func(byte, string) string, _ bool) (s string) {
		for i := 0; i < len(firstAndPayload); i += 2 {
			s += f(byte(firstAndPayload[i].(int)), firstAndPayload[i+1].(string))
		}
		return s
	}
}

// header writes the beginning of a frame: two bytes and more behind them.
func header(first, length byte, rest string) func(func(byte, string) string, bool) string {
	return func(_ func(byte, string) string, masked bool) string {
		return string([]byte{first, length | maskBit(masked)}) + rest
	}
}

// The reason names what is wrong, and with which frame, the same in whole and byte
// by byte. What is refused, when and with which code is in the conformance suite.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		words string
		in    func(f func(first byte, payload string) string, masked bool) string
		code  ws.CloseCode
	}{
		{"text frame, mask", func(_ func(byte, string) string, masked bool) string { return build(fin|text, !masked, -1, "x") }, 1002},
		{"text frame, RSV1", header(fin|rsv1|text, 0, ""), 1002},
		{"binary frame, RSV2 or RSV3", header(fin|rsv2|bin, 0, ""), 1002},
		{"opcode 0x3, reserved", header(fin|0x3, 0, ""), 1002},
		{"shortest form", header(fin|bin, 126, "\x00\x7d"), 1002},
		{"top bit", header(fin|bin, 127, "\x80\x00\x00\x00\x00\x01\x00\x00"), 1002},
		{"ping frame, 125 bytes, control", header(fin|ping, 126, ""), 1002},
		{"pong frame, final", header(pong, 0, ""), 1002},
		{"continuation frame, nothing", frames(fin|cont, "x"), 1002},
		{"text frame, inside a fragmented message", frames(bin, "a", fin|text, "b"), 1002},
		{"close frame, one byte", frames(fin|closs, "\x03"), 1002},
		{"close frame, code 1005", frames(fin|closs, closing(1005, "")), 1002},
		{"close frame, UTF-8", frames(fin|closs, closing(1000, "\xc3")), 1007},
		{"text message, UTF-8", frames(fin|text, "a\xff"), 1007},
	} {
		for _, r := range roles {
			t.Run(string(r)+" "+tt.words, func(t *testing.T) {
				w := newWorld(t)
				said := map[string]bool{}
				for _, pieces := range []int{1, -1} {
					e := w.open(r, nil)
					e.feed(strings.SplitN(tt.in(e.frame, r == asServer), "", pieces)...)
					e.wantRefused(tt.code, strings.Split(tt.words, ", ")...)
					said[e.rec.err.Error()] = true
					e.p.close()
				}
				if len(said) > 1 {
					t.Errorf("in whole and byte by byte: %v", said)
				}
			})
		}
	}
}
