package http_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// A message may be as large as a limit, and is refused at the first byte that exceeds it.
func TestLimits(t *testing.T) {
	request := func(n int) string { // a request with a header of n bytes
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
		{"no limit of the head", request(20_000), http.Limits{Head: -1}, 0, ""},
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
			if got := parseStream(p, false, smallPieces(tt.in)...); tt.status == 0 && !got.equal(whole) || got.err != whole.err {
				t.Errorf("in small pieces: got %+v, want %+v", got, whole)
			}
		})
	}
	toEnd := lines("HTTP/1.1 200 OK") + "123456789"
	for limit, want := range map[int]string{9: "", 8: "http: body is larger than the limit of 8 bytes"} {
		p := http.Parser{Response: true, Limits: http.Limits{Body: limit}}
		if got := parseStream(p, true, toEnd); got.err != want {
			t.Errorf("body of 9 bytes to the end of the stream, limit %d: got %+v, want error %q", limit, got, want)
		}
	}
}

// The largest int as a limit does not overflow, in any kind of body.
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
				t.Errorf("%+v: %q: body %q, error %v, want body %q", l, in, msg.Body, err, body)
			}
		}
	}
}

// Limits that are set on a listener apply to the connections that it accepts. A connection
// may have its own.
func TestLimitsOfServer(t *testing.T) {
	s := listen(t, echo(t))
	must(t, http.SetLimits(s.ln, http.Limits{Body: 2}))
	p := s.dial()
	p.send(post)
	p.expectClosed()
	if s.LastErr() == nil || !strings.Contains(s.LastErr().Error(), "limit of 2 bytes") {
		t.Errorf("EvError has %v", s.LastErr())
	}
	p = s.dial()
	must(t, http.SetLimits(s.conn, http.Limits{Body: 3}))
	p.send(post)
	p.expect(ok("", "POST /b xyz"))
}

// A negative limit is no limit. Zero is the default.
func TestNoLimits(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, m *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%d", len(m.Body)))
		}
	})
	const body = http.DefaultMaxBody + 1
	large := "POST /b HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", 3000) + fmt.Sprintf("Content-Length: %d\r\n\r\n", body) + strings.Repeat("x", body)
	must(t, http.SetLimits(s.ln, http.Limits{Head: -1, Headers: -1, Body: -1}))
	p := s.dial()
	p.send(large)
	p.expect(ok("", fmt.Sprint(body)))
	must(t, http.SetLimits(s.conn, http.Limits{}))
	p.send(large)
	p.expectClosed()
	if s.LastErr() == nil || !strings.Contains(s.LastErr().Error(), "limit of 100 header lines") {
		t.Errorf("EvError has %v", s.LastErr())
	}
}
