package ws_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
)

// The first bytes of frames [RFC 6455 5.2]. The last frame of a message has fin too.
const (
	fin     = 0x80
	cont    = 0x0
	text    = 0x1
	bin     = 0x2
	opClose = 0x8
	ping    = 0x9
	pong    = 0xa
)

// closePayload is the payload of a Close frame.
func closePayload(code int, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// describeFrames describes the frames that the side under test has sent: an ellipsis marks a frame
// that is not final, a tilde one that is compressed. Each must have the shortest form of its
// length, and must be masked if a client sent it.
func describeFrames(t testing.TB, b []byte, masked bool) (frames []string) {
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
		what := fmt.Sprintf("%v%s %s", ws.OpName(ws.OpCode(op)), marks, brief(string(payload[:n])))
		if op == opClose && n >= 2 {
			what = fmt.Sprintf("close"+marks+" %d %s", binary.BigEndian.Uint16(payload), brief(string(payload[2:n])))
		}
		frames = append(frames, what)
		b = payload[n:]
	}
	return frames
}

// countFrames returns the number of complete frames at the beginning of b.
func countFrames(b []byte) (n int) {
	for ; len(b) >= 2; n++ {
		size, length := 2, int(b[1]&0x7f)
		switch {
		case length == 126 && len(b) >= 4:
			size, length = 4, int(binary.BigEndian.Uint16(b[2:]))
		case length == 127 && len(b) >= 10:
			size, length = 10, int(binary.BigEndian.Uint64(b[2:]))
		case length >= 126:
			return n
		}
		if b[1]&0x80 != 0 {
			size += 4
		}
		if len(b) < size+length {
			return n
		}
		b = b[size+length:]
	}
	return n
}

// splits cuts a stream in all ways: not at all, between all bytes, and once at each position.
func splits(s string) iter.Seq2[string, []string] {
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

// httpHead returns an HTTP header that consists of lines.
func httpHead(s ...string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

// The example key of [RFC 6455 1.3], and the Sec-WebSocket-Accept that answers it.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

var request = httpHead("GET /chat HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
	"Sec-WebSocket-Key: "+sampleKey, "Sec-WebSocket-Version: 13")

// headerField returns the value of a line in a header, which must occur once.
func headerField(t testing.TB, head, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(head, "\r\n"+name+": ")
	value, rest, _ := strings.Cut(rest, "\r\n")
	if !ok || strings.Contains(rest, "\r\n"+name+": ") {
		t.Fatalf("not exactly one %s in %q", name, head)
	}
	return value
}

// wantRefused fails the test unless the connection failed with a ProtocolError and sent its
// code in a Close frame. A pong may come before that.
func (tc *testConn) wantRefused(code ws.StatusCode, words ...string) {
	tc.Helper()
	var pe *ws.ProtocolError
	if !errors.As(tc.events.LastErr(), &pe) || pe.Code != code {
		tc.Fatalf("error is %v (%T), want code %d; events %v", tc.events.LastErr(), tc.events.LastErr(), code, tc.events.Lines)
	}
	looptest.WantErr(tc, tc.events.LastErr(), nil, append(words, "ws: ")...)
	tc.awaitEnd()
	if n := len(tc.events.Lines); n < 2 || tc.events.Lines[n-2] != "ERROR" || tc.events.Lines[n-1] != "CLOSE" {
		tc.Fatalf("events %v do not end with ERROR, CLOSE", tc.events.Lines)
	}
	sent := tc.sent()
	if n := len(sent); n > 1 && sent[0] == `pong ""` {
		sent = sent[1:]
	}
	wantLines(tc, "frames sent", sent, []string{fmt.Sprintf(`close %d ""`, code)})
}

// maskBit returns the mask bit of a second byte.
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

// header returns the beginning of a frame: two bytes and those of rest.
func header(first, length byte, rest string) func(func(byte, string) string, bool) string {
	return func(_ func(byte, string) string, masked bool) string {
		return string([]byte{first, length | maskBit(masked)}) + rest
	}
}
