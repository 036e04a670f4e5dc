package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// badLines are lines that end wrongly or contain control bytes.
var badLines = []badRequest{
	// [RFC 9112 2.2] line ends and control bytes
	{"bare LF in request line", "GET / HTTP/1.1\n", 400, "bare LF"},
	{"bare LF in header", "GET / HTTP/1.1\r\nHost: h\n", 400, "bare LF"},
	{"bare LF for the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400, "bare LF"},
	{"bare LF before", "\n", 400, "bare LF"},
	{"bare CR in request line", "GET /\ra", 400, "bare CR"},
	{"bare CR in header", "GET / HTTP/1.1\r\nHost: h\r ", 400, "bare CR"},
	{"CR CR LF", "GET / HTTP/1.1\r\nHost: h\r\r", 400, "bare CR"},
	{"NUL in value", "GET / HTTP/1.1\r\nA: b\x00", 400, "control byte 0x00"},
	{"DEL in value", "GET / HTTP/1.1\r\nA: b\x7f", 400, "control byte 0x7f"},
	{"control byte in name", "GET / HTTP/1.1\r\nA\x01", 400, "control byte 0x01"},
}

// A bare CR, a bare LF and other control bytes are refused at once.
func TestRefuseLine(t *testing.T) {
	for _, tt := range badLines {
		tt.run(t)
	}
}

// The parser does not check a byte again when more bytes arrive. The test overwrites each
// byte that was checked with one that is not allowed. A line gets its bytes back for the
// moment at which it is complete.
func TestParseChecksEachByteOnce(t *testing.T) {
	in := lines("GET /some/path HTTP/1.1", "Host: h", "Accept: a, b", "X: y")
	buf := []byte(in)
	var p http.Parser
	var msg http.Message
	line := 0
	for i := range in {
		if in[i] == '\n' {
			copy(buf[line:], in[line:i])
		}
		_, err := p.Parse(buf[:i+1], &msg)
		if i < len(in)-1 && err != http.ErrIncomplete || i == len(in)-1 && err != nil {
			t.Fatalf("after %d bytes: %v", i+1, err)
		}
		switch in[i] {
		case '\n':
			for j := line; j < i-1; j++ {
				buf[j] = 0
			}
			line = i + 1
		case '\r': // checked again together with the byte after it
		default:
			buf[i] = 0
		}
	}
}
