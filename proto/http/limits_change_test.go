package http_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// changedMessages are messages in the middle of which the limits change. Each has a header of
// more than 20 bytes. All together they reach every state of the parser.
var changedMessages = []struct {
	name, in string
	response bool
	end      bool // the stream ends after the message
}{
	{name: "GET", in: lines("GET /abc HTTP/1.1", "Host: h", "A: b", "C: d")},
	{name: "GET after an empty line", in: crlf + lines("GET /abc HTTP/1.1", "Host: h", "A: b")},
	{name: "Content-Length", in: lines("POST / HTTP/1.1", "Host: h", "Content-Length: 12") + "123456789012"},
	{name: "chunked", in: chunkHead + "4\r\nabcd\r\n5;ext=1\r\nefghi\r\n3\r\njkl\r\n0\r\n\r\n"},
	{name: "chunks of one byte", in: chunkHead + strings.Repeat("1\r\nx\r\n", 9) + "0\r\n\r\n"},
	{name: "chunk extensions", in: chunkHead + strings.Repeat("1;"+strings.Repeat("x", 20)+"\r\ny\r\n", 4) + "0\r\n\r\n"},
	{name: "long trailer", in: chunkHead + "1\r\nx\r\n0\r\nX: 1\r\nY: " + strings.Repeat("y", 70) + "\r\n\r\n"},
	{name: "trailer", in: chunkHead + "2\r\nab\r\n0\r\nX: 1\r\nY: 2\r\nZ: 3\r\n\r\n"},
	{name: "response", in: lines("HTTP/1.1 200 OK", "A: b", "Content-Length: 6") + "123456", response: true},
	{name: "chunked response", in: lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "6\r\n123456\r\n0\r\nX: 1\r\n\r\n", response: true},
	{name: "response without a body", in: lines("HTTP/1.1 204 No Content", "A: b"), response: true},
	{name: "response to the end", in: lines("HTTP/1.1 200 OK", "A: b", "C: d") + "123456", response: true, end: true},
}

// changedLimits returns limits with each value in each field, and in all fields.
func changedLimits() (all []http.Limits) {
	values := []int{0, -1, 1, 2, 3, 8, 11, 12, 17, 45, 70, math.MaxInt, math.MinInt}
	for _, n := range values {
		all = append(all, http.Limits{Head: n}, http.Limits{Headers: n}, http.Limits{Body: n},
			http.Limits{Head: n, Headers: n, Body: n}, http.Limits{Head: 55, Body: n})
	}
	return append(all, http.Limits{Head: len(chunkHead), Body: 6}, http.Limits{Head: len(chunkHead) + 8})
}

// parseChanged parses in, the first bytes in one piece and then byte by byte. Before the parser
// gets the first change bytes of in, it gets new limits. parseChanged returns the message or the
// error, and after how many bytes it came.
func parseChanged(p http.Parser, in string, end bool, first, change int, limits http.Limits) (message string, at int, err error) {
	buf := []byte(in[:first])
	for i := first; ; i++ {
		if i == change {
			p.Limits = limits
		}
		var msg http.Message
		n, err := p.Parse(buf, &msg)
		if i == len(in) && end && err == http.ErrIncomplete {
			n, err = p.ParseEnd(buf, &msg)
		}
		switch {
		case err == nil && n == i:
			return show(&msg), i, nil
		case err != http.ErrIncomplete || i == len(in):
			return "", i, fmt.Errorf("%w (%d bytes used)", err, n)
		}
		buf = append(slices.Clone(buf), in[i])
	}
}

// Limits may change at every byte of a message. A message that is not complete is then treated
// as if the new limits had been there from its beginning: it is accepted, or refused with the
// same status at the byte that exceeds a limit. If that byte has arrived, it is refused at once.
func TestLimitsChangeInMessage(t *testing.T) {
	starts := []http.Limits{{}, {Head: -1, Headers: -1, Body: -1}, {Head: 200, Headers: 9, Body: 20}}
	for _, tt := range changedMessages {
		t.Run(tt.name, func(t *testing.T) {
			for _, limits := range changedLimits() {
				fixed := http.Parser{Limits: limits, Response: tt.response}
				want, wantAt, wantErr := parseChanged(fixed, tt.in, tt.end, 0, -1, limits)
				for change := range len(tt.in) + 1 {
					p := http.Parser{Limits: starts[change%len(starts)], Response: tt.response}
					got, at, err := parseChanged(p, tt.in, tt.end, max(change-1, 0), change, limits)
					if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) && !bothTooLarge(err, wantErr) {
						t.Fatalf("%+v at byte %d: got %q, %v, want %q, %v", limits, change, got, err, want, wantErr)
					}
					if at != max(wantAt, min(change, len(tt.in))) && err != nil {
						t.Fatalf("%+v at byte %d: refused after %d bytes, want %d", limits, change, at, max(wantAt, change))
					}
				}
			}
		})
	}
}

// bothTooLarge reports whether both errors say that a chunked body is too large. Its data and
// its framing have a limit each. The text may name either if both are exceeded.
func bothTooLarge(a, b error) bool {
	var x, y *http.Error
	return errors.As(a, &x) && errors.As(b, &y) && x.Status == y.Status && x.Status != 431 &&
		strings.Contains(x.Reason, "chunked body") && strings.Contains(y.Reason, "chunked body")
}

// The header is also checked if ParseHead has returned it before the limits changed.
func TestLimitsChangeAfterParseHead(t *testing.T) {
	in := []byte(lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3") + "abc")
	for _, tt := range []struct {
		limits http.Limits
		status int
	}{
		{http.Limits{Head: len(in) - 3}, 0},
		{http.Limits{Head: len(in) - 4}, 431},
		{http.Limits{Head: 10}, 414},
		{http.Limits{Headers: 2}, 0},
		{http.Limits{Headers: 1}, 431},
		{http.Limits{Body: 3}, 0},
		{http.Limits{Body: 2}, 413},
	} {
		var p http.Parser
		var msg http.Message
		if _, err := p.ParseHead(in, &msg); err != nil {
			t.Fatal(err)
		}
		p.Limits = tt.limits
		_, err := p.ParseHead(in, &msg)
		if tt.status != 413 && status(err) != tt.status {
			t.Errorf("%+v: ParseHead: %v, want status %d", tt.limits, err, tt.status)
		}
		if _, err := p.Parse(in, &msg); status(err) != tt.status {
			t.Errorf("%+v: Parse: %v, want status %d", tt.limits, err, tt.status)
		}
	}
}

// status returns the status of an *http.Error, 0 for nil and -1 for another error.
func status(err error) int {
	var e *http.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Status
	}
	return -1
}

// SetLimits may be called at every byte of a request. The client gets the response that it
// would get if the limits had been there from the beginning.
func TestSetLimitsAtEveryByte(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, m *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.Reply(c, 200, "", "%s", m.Body))
		}
	})
	values := []int{0, -1, 1, 12, 30, math.MaxInt, math.MinInt}
	for _, tt := range changedMessages[:8] {
		for _, n := range values {
			for _, limits := range []http.Limits{{Head: n}, {Headers: n}, {Body: n}} {
				fixed := http.Parser{Limits: limits}
				_, _, err := parseChanged(fixed, tt.in, false, 0, -1, limits)
				want := "HTTP/1.1 200 OK"
				if code := status(err); code > 0 {
					want = fmt.Sprintf("HTTP/1.1 %d ", code)
				}
				for change := 0; change < len(tt.in); change += 1 + len(tt.in)/20 {
					p := s.dial()
					p.send(tt.in[:change])
					must(t, http.SetLimits(s.conn, limits))
					p.send(tt.in[change:])
					p.until("a response", func() bool { return len(p.Got) > 0 })
					if !strings.HasPrefix(string(p.Got), want) {
						t.Fatalf("%s, %+v at byte %d: got %q, want %q", tt.name, limits, change, p.Got, want)
					}
					p.c.Close()
				}
			}
		}
	}
}

// In EvHTTPHdrs a handler can choose limits for the body of that request. A header that exceeds
// the new limits is refused too.
func TestSetLimitsInHeaderEvent(t *testing.T) {
	for _, tt := range []struct {
		limits http.Limits
		want   string
	}{
		{http.Limits{Body: 3}, "HTTP/1.1 200 "},
		{http.Limits{Body: 2}, "HTTP/1.1 413 "},
		{http.Limits{Body: -1}, "HTTP/1.1 200 "},
		{http.Limits{Head: 10}, "HTTP/1.1 414 "},
		{http.Limits{Head: 30}, "HTTP/1.1 431 "},
		{http.Limits{Headers: 1}, "HTTP/1.1 431 "},
		{http.Limits{Headers: 2}, "HTTP/1.1 200 "},
	} {
		splits(post, func(what string, pieces []string) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, m *http.Message) {
				if ev == reactor.EvHTTPHdrs {
					must(t, http.SetLimits(c, tt.limits))
				} else {
					must(t, http.Reply(c, 200, "", "%s", m.Body))
				}
			})
			p := s.dial()
			p.send(pieces...)
			p.until("a response", func() bool { return len(p.Got) > 0 })
			if !strings.HasPrefix(string(p.Got), tt.want) {
				t.Errorf("%+v, %s: got %q, want %q", tt.limits, what, p.Got, tt.want)
			}
			p.m.Close()
		})
	}
}

// ExpectResponseTo may be called at every byte of a response. It takes effect for the response
// whose header is not complete yet.
func TestExpectResponseToAtEveryByte(t *testing.T) {
	answer := lines("HTTP/1.1 200 OK", "Content-Length: 4") + "body"
	head := len(answer) - 4
	for change := range len(answer) {
		p := http.Parser{Response: true}
		var msg http.Message
		if _, err := p.Parse([]byte(answer[:change]), &msg); err != http.ErrIncomplete {
			t.Fatalf("%d bytes: %v", change, err)
		}
		p.Method = "HEAD"
		want := len(answer)
		if change < head {
			want = head
		}
		if n, err := p.Parse([]byte(answer), &msg); n != want || err != nil {
			t.Errorf("HEAD at byte %d: %d bytes used, %v, want %d", change, n, err, want)
		}
	}
}
