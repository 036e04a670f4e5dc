package ws_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// First bytes of frames [RFC 6455 5.2]: fin is added to what ends a message.
const (
	fin   = 0x80
	cont  = 0x0
	text  = 0x1
	bin   = 0x2
	closs = 0x8
	ping  = 0x9
	pong  = 0xa
)

// build writes a frame as looptest.Frame does.
func build(first byte, masked bool, width int, payload string) string {
	return looptest.Frame(first, masked, width, payload)
}

// closing is the payload of a Close frame.
func closing(code int, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// decode reads the frames that the side under test has sent and says them in
// words: an ellipsis for those that are not final, a tilde for those that are
// compressed. Each must have the shortest length, and be masked if a client sent it.
func decode(t testing.TB, b []byte, masked bool) (frames []string) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 2 || b[0]&0x30 != 0 || b[1]&0x80 != 0 != masked {
			t.Fatalf("frame begins with % x (masked: %v)", b[:min(len(b), 2)], masked)
		}
		op, n, size := b[0]&0xf, int(b[1]&0x7f), 2
		switch n {
		case 126:
			n, size = int(binary.BigEndian.Uint16(b[2:])), 4
		case 127:
			n, size = int(binary.BigEndian.Uint64(b[2:])), 10
		}
		if size == 4 && n < 126 || size == 10 && n < 65536 {
			t.Fatalf("length %d in %d bytes", n, size-2)
		}
		payload := b[size:]
		if masked {
			key := payload[:4]
			payload = payload[4:]
			for i := range n {
				payload[i] ^= key[i%4]
			}
		}
		marks := map[bool]string{true: "~"}[b[0]&rsv1 != 0] + map[bool]string{true: "…"}[b[0]&fin == 0]
		what := fmt.Sprintf("%v%s %s", ws.OpCode(op), marks, brief(string(payload[:n])))
		if op == closs && n >= 2 {
			what = fmt.Sprintf("close"+marks+" %d %s", binary.BigEndian.Uint16(payload), brief(string(payload[2:n])))
		}
		frames = append(frames, what)
		b = payload[n:]
	}
	return frames
}

// ways cuts a stream: not at all, between any two bytes, between all of them.
func ways(s string) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		if !yield("whole", []string{s}) || !yield("byte by byte", strings.Split(s, "")) {
			return
		}
		for i := 1; i < len(s); i++ {
			if !yield(fmt.Sprintf("cut at %d", i), []string{s[:i], s[i:]}) {
				return
			}
		}
	}
}

// lines makes a header.
func lines(s ...string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

// The key of [RFC 6455 1.3] and what is to be made of it.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

var request = lines("GET /chat HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
	"Sec-WebSocket-Key: "+sampleKey, "Sec-WebSocket-Version: 13")

// field returns the value of a line in a header, which is there once.
func field(t testing.TB, head, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(head, "\r\n"+name+": ")
	value, rest, _ := strings.Cut(rest, "\r\n")
	if !ok || strings.Contains(rest, "\r\n"+name+": ") {
		t.Fatalf("not exactly one %s in %q", name, head)
	}
	return value
}

func accept(key string) string { return looptest.AcceptKey(key) }
