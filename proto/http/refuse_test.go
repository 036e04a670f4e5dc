package http_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

var badRequests = []struct {
	name   string
	in     string // up to the byte at which it must be refused
	status int
	reason string
}{
	// [RFC 9112 3] request line
	{"no target", "GET HTTP/1.1\r\n", 400, "request line"},
	{"HTTP/0.9", "GET /\r\n", 400, "version"},
	{"two spaces", "GET  / HTTP/1.1\r\n", 400, "target"},
	{"space in target", "GET /a b HTTP/1.1\r\n", 400, "target"},
	{"space at end", "GET / HTTP/1.1 \r\n", 400, "version"},
	{"space at start", " GET / HTTP/1.1\r\n", 400, "method"},
	{"method not a token", "G@T / HTTP/1.1\r\n", 400, `method "G@T"`},
	{"two empty lines", "\r\n\r\n", 400, "empty request line"},
	{"tab", "GET\t/ HTTP/1.1\r\n", 400, "not method"},
	{"TLS hello", "\x16", 400, "control byte 0x16"},
	// [RFC 9112 2.3] version
	{"HTTP/2.0", "GET / HTTP/2.0\r\n", 505, "HTTP/2.0"},
	{"HTTP/0.9 in full", "GET / HTTP/0.9\r\n", 505, "HTTP/0.9"},
	{"lower case", "GET / http/1.1\r\n", 400, "version"},
	{"two digits", "GET / HTTP/1.10\r\n", 400, "version"},
	{"no minor", "GET / HTTP/1\r\n", 400, "version"},
	{"not a digit", "GET / HTTP/1.x\r\n", 400, "version"},
	// [RFC 9112 3.2] target
	{"fragment", "GET /a#b HTTP/1.1\r\n", 400, "target"},
	{"raw bytes in target", "GET /\xc3\xa9 HTTP/1.1\r\n", 400, "target"},
	{"broken escape", "GET /%4g HTTP/1.1\r\n", 400, "escape"},
	{"escape cut off", "GET /%4 HTTP/1.1\r\n", 400, "escape"},
	{"relative", "GET a HTTP/1.1\r\n", 400, "neither a path"},
	{"other scheme", "GET ftp://h/ HTTP/1.1\r\n", 400, "neither a path"},
	{"no host", "GET http:///a HTTP/1.1\r\n", 400, "host"},
	{"only a port", "GET http://:80/a HTTP/1.1\r\n", 400, "host"},
	{"userinfo", "GET http://u@h/a HTTP/1.1\r\n", 400, "host"},
	{"port not a number", "GET http://h:a/a HTTP/1.1\r\n", 400, "host"},
	{"bad IPv6", "GET http://[::g]/a HTTP/1.1\r\n", 400, "host"},
	{"asterisk for GET", "GET * HTTP/1.1\r\n", 400, "OPTIONS"},
	{"CONNECT path", "CONNECT /a HTTP/1.1\r\n", 400, "CONNECT"},
	{"CONNECT without port", "CONNECT h HTTP/1.1\r\n", 400, "CONNECT"},
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
	// [RFC 9112 5] header lines
	{"fold", "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n", 400, "folded"},
	{"fold with tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", 400, "folded"},
	{"fold of the request line", "GET / HTTP/1.1\r\n A: b\r\n", 400, "folded"},
	{"blank line that is not empty", "GET / HTTP/1.1\r\nHost: h\r\n \r\n", 400, "folded"},
	{"no colon", "GET / HTTP/1.1\r\nabc\r\n", 400, `"abc" has no colon`},
	{"no name", "GET / HTTP/1.1\r\n: abc\r\n", 400, "no name"},
	{"blank before colon", "GET / HTTP/1.1\r\nHost : h\r\n", 400, "blank before the colon"},
	{"tab before colon", "GET / HTTP/1.1\r\nHost\t: h\r\n", 400, "blank before the colon"},
	{"name not a token", "GET / HTTP/1.1\r\nA b: c\r\n", 400, `"A b" is not a token`},
	{"name with bytes above 0x7f", "GET / HTTP/1.1\r\n\xc3\xa9: c\r\n", 400, "not a token"},
	// [RFC 9112 3.2] Host
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "Host header is missing"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n", 400, "second Host"},
	{"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n", 400, "second Host"},
	{"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n", 400, `Host "a, b"`},
	{"path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n", 400, `Host "a/b"`},
	{"userinfo in Host", "GET / HTTP/1.1\r\nHost: u@b\r\n", 400, `Host "u@b"`},
	// [RFC 9112 6] framing
	{"Content-Length sign", "POST / HTTP/1.1\r\nContent-Length: +5\r\n", 400, `Content-Length "+5"`},
	{"Content-Length minus", "POST / HTTP/1.1\r\nContent-Length: -5\r\n", 400, `Content-Length "-5"`},
	{"Content-Length hex", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n", 400, `Content-Length "0x5"`},
	{"Content-Length colon", "POST / HTTP/1.1\r\nContent-Length: 0:1\r\n", 400, `Content-Length "0:1"`},
	{"Content-Length empty", "POST / HTTP/1.1\r\nContent-Length:\r\n", 400, `Content-Length ""`},
	{"Content-Length list", "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n", 400, `Content-Length "5, 5"`},
	{"Content-Length 20 digits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n", 400, "overflows"},
	{"Content-Length 2^63", "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n", 400, "overflows"},
	{"Content-Length different", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400, "second Content-Length"},
	{"Content-Length repeated", "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n", 400, "second Content-Length"},
	{"Content-Length, Transfer-Encoding", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "beside"},
	{"Transfer-Encoding, Content-Length", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, "beside"},
	{"gzip, chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", 501, `"gzip, chunked" is not chunked`},
	{"identity", "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n", 501, "not chunked"},
	{"chunked with parameter", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked;a\r\n", 501, "not chunked"},
	{"empty Transfer-Encoding", "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n", 501, "not chunked"},
	{"chunked twice", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "second Transfer-Encoding"},
	{"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400, "HTTP/1.0"},
	// [RFC 9112 7.1] chunked
	{"chunk size missing", chunkHead + "\r\n", 400, `chunk size ""`},
	{"chunk size not hex", chunkHead + "g\r\n", 400, `chunk size "g"`},
	{"chunk size sign", chunkHead + "+1\r\n", 400, `chunk size "+1"`},
	{"chunk size 0x", chunkHead + "0x1\r\n", 400, `chunk size "0x1"`},
	{"chunk size blank", chunkHead + "1 ;a\r\n", 400, `chunk size "1 "`},
	{"chunk size 64 bits", chunkHead + "ffffffffffffffff\r\n", 413, "limit of 3145728"},
	{"chunk size overflow", chunkHead + "10000000000000000\r\n", 400, "overflows"},
	{"chunk size bare LF", chunkHead + "1\n", 400, "bare LF"},
	{"chunk size control byte", chunkHead + "1;\x01", 400, "control byte"},
	{"chunk too long", chunkHead + "1\r\nab", 400, "data of a chunk"},
	{"chunk bare LF", chunkHead + "1\r\na\n", 400, "data of a chunk"},
	{"chunk CR only", chunkHead + "1\r\na\r1", 400, "data of a chunk"},
	{"trailer fold", chunkHead + "0\r\nA: b\r\n c\r\n", 400, "folded"},
	{"trailer no colon", chunkHead + "0\r\nGET / HTTP/1.1\r\n", 400, "colon"},
	{"trailer bare LF", chunkHead + "0\r\n\n", 400, "bare LF"},
}

const chunkHead = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

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
	{"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", "not chunked"},
	{"chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.0"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", "second Content-Length"},
}

func TestRefuseRequest(t *testing.T) {
	for _, tt := range badRequests {
		t.Run(tt.name, func(t *testing.T) {
			checkBad(t, http.Parser{}, tt.in, tt.status, tt.reason)
		})
	}
}

func TestRefuseResponse(t *testing.T) {
	for _, tt := range badResponses {
		t.Run(tt.name, func(t *testing.T) {
			checkBad(t, http.Parser{Response: true}, tt.in, 502, tt.reason)
		})
	}
}

// checkBad wants in refused with its last byte, not before, and the same way
// however it is cut and whatever follows.
func checkBad(t *testing.T, p http.Parser, in string, status int, reason string) {
	t.Helper()
	q := p
	var msg http.Message
	if _, err := q.Parse([]byte(in[:len(in)-1]), &msg); err != http.ErrIncomplete {
		t.Errorf("without the last byte: %v", err)
	}
	q = p
	_, err := q.Parse([]byte(in), &msg)
	var e *http.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Status != status || !strings.Contains(e.Reason, reason) {
		t.Errorf("got %d %s, want %d %s", e.Status, e.Reason, status, reason)
	}
	for _, rest := range []string{"", "\r\n\r\n", strings.Repeat("x", 70000)} {
		splits(in, func(what string, pieces []string) {
			pieces[len(pieces)-1] += rest
			if got := parseStream(p, false, pieces...); got.err != err.Error() || len(got.messages) > 0 {
				t.Errorf("%s, %d bytes behind: got %+v, want %v", what, len(rest), got, err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	request := func(n int) string { // n bytes of header
		head := "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n"
		return strings.Replace(head, "A: ", "A: "+strings.Repeat("x", n-len(head)), 1)
	}
	body := lines("POST / HTTP/1.1", "Host: h", "Content-Length: 9")
	small := http.Limits{Head: 100, Headers: 3, Body: 8}
	for _, tt := range []struct {
		name, in string
		limits   http.Limits
		status   int
		reason   string
	}{
		{"head at limit", request(100), small, 0, ""},
		{"head beyond", request(101), small, 431, "limit of 100 bytes"},
		{"empty line and head at limit", crlf + request(100), small, 0, ""},
		{"request line beyond", "GET /" + strings.Repeat("x", 100), small, 414, "limit of 100 bytes"},
		{"head without end", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 100), small, 431, "limit of 100 bytes"},
		{"default head at limit", request(16384), http.Limits{}, 0, ""},
		{"default head beyond", request(16385), http.Limits{}, 431, "limit of 16384 bytes"},
		{"headers at limit", lines("GET / HTTP/1.1", "Host: h", "A:", "B:"), small, 0, ""},
		{"headers beyond", lines("GET / HTTP/1.1", "Host: h", "A:", "B:", "C:"), small, 431, `"C" is beyond the limit of 3`},
		{"body at limit", body + "123456789", http.Limits{Body: 9}, 0, ""},
		{"body beyond", body, small, 413, "Content-Length 9 is beyond the limit of 8"},
		{"default body beyond", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3145729"), http.Limits{}, 413, "limit of 3145728"},
		{"huge body", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 9223372036854775807"), http.Limits{Body: math.MaxInt}, 413, fmt.Sprintf("limit of %d", math.MaxInt/4)},
		{"no limit of the head", request(100_000), http.Limits{Head: -1}, 0, ""},
		{"no limit of header lines", lines("GET / HTTP/1.1", "Host: h", strings.Repeat("A:\r\n", 200)+"B:"), http.Limits{Headers: math.MinInt}, 0, ""},
		{"no limit of the body", body + "123456789", http.Limits{Body: -1}, 0, ""},
		{"no limit of chunks", chunkHead + "4\r\n1234\r\n0\r\n\r\n", http.Limits{Body: -1}, 0, ""},
		{"chunks at limit", chunkHead + "4\r\n1234\r\n4\r\n1234\r\n0\r\n\r\n", small, 0, ""},
		{"chunks beyond", chunkHead + "4\r\n1234\r\n5\r\n", small, 413, "limit of 8"},
		{"chunk line at limit", chunkHead + "0;" + strings.Repeat("x", 252) + "\r\n\r\n", http.Limits{}, 0, ""},
		{"chunk line beyond", chunkHead + "0;" + strings.Repeat("x", 253) + "\r\n\r\n", http.Limits{}, 400, "limit of 256"},
		{"chunk framing beyond", chunkHead + strings.Repeat("1;"+strings.Repeat("x", 44)+"\r\na\r\n", 3), small, 413, "framing"},
		{"trailer count beyond", chunkHead + "0\r\nA:\r\nB:\r\n", small, 431, `"B" is beyond the limit of 3`},
		{"trailer beyond", chunkHead + "0\r\nA: " + strings.Repeat("x", 100), small, 431, "trailer is larger than the limit of 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := http.Parser{Limits: tt.limits}
			whole := parseStream(p, false, tt.in)
			if tt.status == 0 && (len(whole.messages) != 1 || whole.rest != 0) || tt.status != 0 && !strings.Contains(whole.err, tt.reason) {
				t.Fatalf("got %+v, want %d %s", whole, tt.status, tt.reason)
			}
			if tt.status != 0 {
				var msg http.Message
				var e *http.Error
				q := p
				if _, err := q.Parse([]byte(tt.in), &msg); !errors.As(err, &e) || e.Status != tt.status {
					t.Errorf("got %v, want status %d", err, tt.status)
				}
			}
			if got := parseStream(p, false, strings.Split(tt.in, "")...); len(tt.in) < 1000 && !got.equal(whole) && tt.status == 0 ||
				got.err != whole.err {
				t.Errorf("byte by byte: got %+v, want %+v", got, whole)
			}
		})
	}
	toEnd := lines("HTTP/1.1 200 OK") + "123456789"
	for limit, want := range map[int]string{9: "", 8: "http: body is larger than the limit of 8 bytes"} {
		p := http.Parser{Response: true, Limits: http.Limits{Body: limit}}
		if got := parseStream(p, true, toEnd); got.err != want {
			t.Errorf("limit %d: got %+v", limit, got)
		}
	}
}

// Limits of the most that their type holds do not overflow, in any kind of body.
func TestHugeLimits(t *testing.T) {
	for _, l := range []http.Limits{{Head: -1, Headers: -1, Body: -1}, {Head: math.MaxInt}, {Headers: math.MaxInt}, {Body: math.MaxInt}, {Head: math.MaxInt, Headers: math.MaxInt, Body: math.MaxInt}} {
		for in, body := range map[string]string{
			"Content-Length: 4\r\n\r\nbody":                                        "body",
			"Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nX: y\r\n\r\n": "body",
			"\r\n": "",
		} {
			var msg http.Message
			p := http.Parser{Limits: l}
			if _, err := p.Parse([]byte("POST / HTTP/1.1\r\nHost: h\r\n"+in), &msg); err != nil || string(msg.Body) != body {
				t.Errorf("%+v: %q: body %q, %v", l, in, msg.Body, err)
			}
		}
	}
}
