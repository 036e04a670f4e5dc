package http_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Reply and ReplyBytes refuse arguments that would make a bad response, and write nothing
// then.
func TestReplyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, method  string
		status        int // zero is 200
		headers, body string
		reason        string
	}{
		{name: "no CRLF", headers: "A: b", reason: "does not end with CRLF"},
		{name: "LF only", headers: "A: b\n", reason: "does not end with CRLF"},
		{name: "LF inside", headers: "A: b\nC: d\r\n", reason: "control byte"},
		{name: "CR inside", headers: "A: b\rC: d\r\n", reason: "control byte"},
		{name: "NUL", headers: "A: \x00\r\n", reason: "control byte"},
		{name: "empty line", headers: "A: b\r\n\r\n", reason: "not of the form Name: value"},
		{name: "no colon", headers: "A\r\n", reason: "not of the form Name: value"},
		{name: "no name", headers: ": a\r\n", reason: "not of the form Name: value"},
		{name: "blank in name", headers: "A : b\r\n", reason: "not of the form Name: value"},
		{name: "fold", headers: "A: b\r\n c: d\r\n", reason: "not of the form Name: value"},
		{name: "length", headers: "content-length: 2\r\n", reason: "Reply writes it"},
		{name: "coding", headers: "Transfer-Encoding: chunked\r\n", reason: "Reply writes it"},
		{name: "status 100", status: 100, reason: "200 to 999"},
		{name: "status 1000", status: 1000, reason: "200 to 999"},
		{name: "204 with body", status: 204, body: "x", reason: "has no body"},
		{name: "304 with body", status: 304, body: "x", reason: "has no body"},
		{name: "200 to CONNECT", method: "CONNECT", reason: "CONNECT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
				if ev != reactor.EvHTTPMsg {
					return
				}
				c.Send.AppendString("before ")
				status := cmp.Or(tt.status, 200)
				for _, err := range []error{
					http.Reply(c, status, tt.headers, "%s", tt.body),
					http.ReplyBytes(c, status, tt.headers, []byte(tt.body)),
				} {
					if err == nil || !strings.Contains(err.Error(), tt.reason) {
						t.Errorf("got %v, want %s", err, tt.reason)
					}
				}
				must(t, http.Reply(c, 404, "X-Y: \tz\x80\r\nB:\r\n", "no %d%%", 7))
			})
			p := s.dial()
			if tt.method == "" {
				p.send(get)
			} else {
				p.send(lines("CONNECT h:1 HTTP/1.1", "Host: h"))
			}
			p.expect(dated("before HTTP/1.1 404 Not Found\r\nX-Y: \tz\x80\r\nB:\r\nContent-Length: 5\r\n\r\nno 7%"))
		})
	}
}

// Status and method decide whether a response has a body and a Content-Length.
func TestReplyByStatus(t *testing.T) {
	for _, tt := range []struct {
		method, want string
		status       int
		body         string
	}{
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""},
		{"GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, ""},
		{"GET", "HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\nx", 299, "x"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "hello"},
		{"HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\n", 404, "x"},
	} {
		for what, reply := range map[string]func(c *reactor.Conn) error{
			"Reply":      func(c *reactor.Conn) error { return http.Reply(c, tt.status, "", "%s", tt.body) },
			"ReplyBytes": func(c *reactor.Conn) error { return http.ReplyBytes(c, tt.status, "", []byte(tt.body)) },
		} {
			t.Run(fmt.Sprintf("%s %d %s", tt.method, tt.status, what), func(t *testing.T) {
				s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
					if ev == reactor.EvHTTPMsg {
						must(t, reply(c))
					}
				})
				p := s.dial()
				p.send(lines(tt.method+" / HTTP/1.1", "Host: h"))
				p.expect(dated(tt.want))
				p.send(lines(tt.method+" / HTTP/1.1", "Host: h")) // the next response is right too
				p.expect(dated(tt.want))
			})
		}
	}
}

// After a response in EvHTTPHdrs, EvHTTPMsg is not raised. If the request has a body, the
// connection closes.
func TestReplyBeforeBody(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			must(t, http.Reply(c, 401, "", "no"))
		}
	})
	p := s.dial()
	p.send(get + get)
	p.expect(dated(strings.Repeat("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 2)))
	s.WantLines(t, `HTTP_HDRS GET /a ""`, `HTTP_HDRS GET /a ""`)
	head := strings.TrimSuffix(post, "xyz")
	for _, in := range []string{head, head + "xy", post + get, chk, chunkHead + "malformed\r\n"} {
		p = s.dial()
		p.send(in)
		p.expect(dated("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"))
		p.expectClosed()
		s.until("close", func() bool { return len(s.Lines) == 2 })
		if !strings.HasPrefix(s.Lines[0], "HTTP_HDRS POST /") || s.Lines[1] != "CLOSE" {
			t.Errorf("log is %q", s.Lines)
		}
		s.Lines = nil
	}
}

// The body is formatted, with or without arguments. The answer to HEAD has its length only.
func TestReplyFormats(t *testing.T) {
	for _, tt := range []struct {
		want  string
		reply func(c *reactor.Conn) error
	}{
		{"", func(c *reactor.Conn) error { return http.Reply(c, 200, "", "") }},
		{"plain\n", func(c *reactor.Conn) error { return http.Reply(c, 200, "", "plain\n") }},
		{"100%", func(c *reactor.Conn) error { return http.Reply(c, 200, "", "100%%") }},
		{"a 7%", func(c *reactor.Conn) error { return http.Reply(c, 200, "", "%s %d%%", "a", 7) }},
	} {
		s := listen(t, func(c *reactor.Conn, ev reactor.Event, _ *http.Message) {
			if ev == reactor.EvHTTPMsg {
				must(t, tt.reply(c))
			}
		})
		p := s.dial()
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", date, len(tt.want))
		p.send(get)
		p.expect(head + tt.want)
		p.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get)
		p.expect(head + head + tt.want)
	}
}
