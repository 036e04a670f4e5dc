package http_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// badStartLines are start lines of requests that must be refused.
var badStartLines = []badRequest{
	// [RFC 9112 3] request line
	{"no target", "GET HTTP/1.1\r\n", 400, "request line"},
	{"HTTP/0.9", "GET /\r\n", 400, "version"},
	{"two spaces", "GET  / HTTP/1.1\r\n", 400, "target"},
	{"space in target", "GET /a b HTTP/1.1\r\n", 400, "target"},
	{"space at end", "GET / HTTP/1.1 \r\n", 400, "version"},
	{"space at start", " GET / HTTP/1.1\r\n", 400, "method"},
	{"method not a token", "G@T / HTTP/1.1\r\n", 400, `method "G@T"`},
	{"two empty lines", "\r\n\r\n", 400, "empty request line"},
	{"tab", "GET\t/ HTTP/1.1\r\n", 400, "method, target and version"},
	{"TLS hello", "\x16", 400, "control byte 0x16"},
	// [RFC 9112 2.3] version
	{"HTTP/2.0", "GET / HTTP/2.0\r\n", 505, "HTTP/2.0"},
	{"HTTP/0.9 in full", "GET / HTTP/0.9\r\n", 505, "HTTP/0.9"},
	{"lower case", "GET / http/1.1\r\n", 400, "version"},
	{"two digits", "GET / HTTP/1.10\r\n", 400, "version"},
	{"no minor", "GET / HTTP/1\r\n", 400, "version"},
	{"not a digit", "GET / HTTP/1.x\r\n", 400, "version"},
}

// A malformed request line is refused at the byte that proves it.
func TestRefuseStartLine(t *testing.T) {
	for _, tt := range badStartLines {
		tt.run(t)
	}
}

// badResponses are responses that must be refused with their last byte.
var badResponses = []struct{ name, in, reason string }{
	{"request", "GET / HTTP/1.1\r\n", "version"},
	{"empty line", "\r\n", "version"},
	{"no status", "HTTP/1.1\r\n", "status code"},
	{"two digits", "HTTP/1.1 20 OK\r\n", "status code"},
	{"four digits", "HTTP/1.1 2000 OK\r\n", "status code"},
	{"zero", "HTTP/1.1 000 OK\r\n", "status code"},
	{"sign", "HTTP/1.1 +20 OK\r\n", "status code"},
	{"two spaces", "HTTP/1.1  200 OK\r\n", "status code"},
	{"HTTP/2", "HTTP/2 200 OK\r\n", "version"},
	{"ICY", "ICY 200 OK\r\n", "version"},
	{"bare LF", "HTTP/1.1 200 OK\n", "bare LF"},
	{"control byte", "HTTP/1.1 200 O\x08", "control byte 0x08"},
	// A header line is complete with the first byte of the next one, because it may be folded.
	{"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nA", "only chunked"},
	{"chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nA", "HTTP/1.0"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\nA", "second Content-Length"},
	{"fold of the status line", "HTTP/1.1 200 OK\r\n A: b\r\nA", "begins with a blank"},
	{"folded length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\nA", `Content-Length "1   2"`},
	{"folded coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\t,gzip\r\nA", "only chunked"},
	{"fold of a bad line", "HTTP/1.1 200 OK\r\nA\r\n b\r\nA", "no colon"},
	{"fold of a name", "HTTP/1.1 200 OK\r\nA\r\n b: c\r\nA", "not a token"},
	{"fold in the trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n", "folded"},
}

// A malformed response is refused. The status of the error is 502.
func TestRefuseResponse(t *testing.T) {
	for _, tt := range badResponses {
		t.Run(tt.name, func(t *testing.T) {
			checkBad(t, http.Parser{Response: true}, tt.in, 502, tt.reason)
		})
	}
}
