package http_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// The pieces of a body do not cost a look at the header each.
func TestParseBodyLeavesHead(t *testing.T) {
	for _, in := range []string{chunkHead + "2\r\nab\r\n0\r\n\r\n", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 2") + "ab"} {
		var p http.Parser
		buf := []byte(in)
		head := strings.Index(in, "\r\n\r\n") + 4
		for i := range len(in) {
			var msg http.Message
			if _, err := p.Parse(buf[:i], &msg); err != http.ErrIncomplete || p.HeadDone() != (i >= head) {
				t.Fatalf("%d bytes: %v, %v", i, err, p.HeadDone())
			}
			if i > head && msg.Head != nil {
				t.Fatalf("%d bytes: the header was looked at", i)
			}
			if n, err := p.ParseHead(buf[:i], &msg); i >= head && (n != head || err != nil || len(msg.Headers) != 2) {
				t.Fatalf("%d bytes: %d, %v, %s", i, n, err, show(&msg))
			}
		}
		var msg http.Message
		if _, err := p.Parse(buf, &msg); err != nil || string(msg.Method) != "POST" || string(msg.Body) != "ab" {
			t.Fatalf("%v, %s", err, show(&msg))
		}
	}
}

func TestParseEnd(t *testing.T) {
	head := lines("POST / HTTP/1.1", "Host: h", "Content-Length: 2")
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{crlf, ""},
		{"G", "http: connection closed inside the header: unexpected EOF"},
		{"\r", "http: connection closed inside the header: unexpected EOF"},
		{head, "http: connection closed inside the body: unexpected EOF"},
		{head + "a", "http: connection closed inside the body: unexpected EOF"},
		{head + "ab", ""},
	} {
		for _, whole := range []bool{true, false} {
			var p http.Parser
			var msg http.Message
			if !whole {
				for i := range len(tt.in) - 1 {
					if _, err := p.Parse([]byte(tt.in[:i]), &msg); err != http.ErrIncomplete {
						t.Fatal(err)
					}
				}
			}
			_, err := p.ParseEnd([]byte(tt.in), &msg)
			if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
				t.Errorf("%q: got %v, want %s", tt.in, err, tt.want)
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v is not io.ErrUnexpectedEOF", tt.in, err)
			}
		}
	}
}

func TestParseHead(t *testing.T) {
	var msg http.Message
	response := lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket")
	frames := "\x81\x00\r\n"
	for _, tt := range []struct{ head, rest string }{
		{response, frames},
		{lines("HTTP/1.1 200 OK", "Content-Length: 99999999999"), ""},
		{lines("GET / HTTP/1.1", "Host: h", "Content-Length: 3"), "ab"},
		{lines("HTTP / HTTP/1.1", "Host: h"), ""}, // a method that looks like a version
	} {
		n, err := http.ParseHead([]byte(tt.head+tt.rest), &msg, http.Limits{})
		if err != nil || n != len(tt.head) || string(msg.Head) != tt.head || msg.Body != nil {
			t.Errorf("%q: got %d, %v, %q", tt.head, n, err, msg.Head)
		}
		for i := range len(tt.head) {
			if n, err := http.ParseHead([]byte(tt.head[:i]), &msg, http.Limits{}); n != 0 || err != http.ErrIncomplete {
				t.Errorf("%q: got %d, %v", tt.head[:i], n, err)
			}
		}
	}
	p := http.Parser{Response: true}
	for i := range len(response) {
		if p.HeadDone() {
			t.Fatalf("header complete after %d bytes", i)
		}
		p.ParseHead([]byte(response[:i]), &msg)
	}
	for range 2 { // asking again answers the same
		n, err := p.ParseHead([]byte(response+frames), &msg)
		if n != len(response) || err != nil || !p.HeadDone() || string(msg.Header("upgrade")) != "websocket" {
			t.Fatalf("got %d, %v, %s", n, err, show(&msg))
		}
	}
}
