package http_test

import (
	"cmp"
	"errors"
	"fmt"
	nethttp "net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestReplyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, method  string
		status        int // 0 stands for 200
		headers, body string
		reason        string
	}{
		{name: "no CRLF", headers: "A: b", reason: "does not end with CRLF"},
		{name: "LF only", headers: "A: b\n", reason: "does not end with CRLF"},
		{name: "LF inside", headers: "A: b\nC: d\r\n", reason: "control byte"},
		{name: "CR inside", headers: "A: b\rC: d\r\n", reason: "control byte"},
		{name: "NUL", headers: "A: \x00\r\n", reason: "control byte"},
		{name: "empty line", headers: "A: b\r\n\r\n", reason: "not Name: value"},
		{name: "no colon", headers: "A\r\n", reason: "not Name: value"},
		{name: "no name", headers: ": a\r\n", reason: "not Name: value"},
		{name: "blank in name", headers: "A : b\r\n", reason: "not Name: value"},
		{name: "fold", headers: "A: b\r\n c: d\r\n", reason: "not Name: value"},
		{name: "length", headers: "content-length: 2\r\n", reason: "Reply's to write"},
		{name: "coding", headers: "Transfer-Encoding: chunked\r\n", reason: "Reply's to write"},
		{name: "status 100", status: 100, reason: "200..999"},
		{name: "status 1000", status: 1000, reason: "200..999"},
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
			p.expect("before HTTP/1.1 404 Not Found\r\nX-Y: \tz\x80\r\nB:\r\nContent-Length: 5\r\n\r\nno 7%")
		})
	}
}

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
				p.expect(tt.want)
				p.send(lines(tt.method+" / HTTP/1.1", "Host: h")) // the connection is in step
				p.expect(tt.want)
			})
		}
	}
}

// Phrases are those of the registry, or missing.
func TestReasonPhrases(t *testing.T) {
	status := 0
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			must(t, http.ReplyBytes(c, status, "", nil))
		}
	})
	newer := map[int]string{413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
	p, known := s.dial(), 0
	for status = 200; status < 600; status++ {
		p.send(get)
		p.until("answered", func() bool { return strings.HasSuffix(p.got.String(), "\r\n\r\n") })
		line, _, _ := strings.Cut(p.got.String(), "\r\n")
		p.got.Reset()
		phrase, found := strings.CutPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", status))
		want := cmp.Or(newer[status], nethttp.StatusText(status))
		if !found || phrase != "" && phrase != want {
			t.Errorf("%q, want %s", line, want)
		}
		if phrase != "" {
			known++
		}
	}
	if known < 30 {
		t.Errorf("only %d phrases", known)
	}
}

func TestReplyWithoutRequest(t *testing.T) {
	s := listen(t, echo(t))
	p := s.dial()
	for what, err := range map[string]error{
		"Reply":                 http.Reply(s.conn, 200, "", ""),
		"ReplyBytes":            http.ReplyBytes(s.conn, 200, "", nil),
		"Answered":              http.Answered(s.conn),
		"Reply on other client": http.Reply(p.c, 200, "", ""),
	} {
		if !errors.Is(err, http.ErrNoRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.send(get)
	p.expect(ok("", "GET /a "))
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, http.ErrNoRequest) {
		t.Errorf("after the answer: %v", err)
	}
	s.conn.Close()
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("closing: %v", err)
	}
	p.expectClosed()
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// An answer from EvHTTPHdrs stands for EvHTTPMsg; with a body to come, the
// connection ends.
func TestReplyEarly(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPHdrs {
			must(t, http.Reply(c, 401, "", "no"))
		}
	})
	p := s.dial()
	p.send(get + get)
	p.expect(strings.Repeat("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 2))
	s.expectLog(`HTTP_HDRS GET /a ""`, `HTTP_HDRS GET /a ""`)
	head := strings.TrimSuffix(post, "xyz")
	for _, in := range []string{head, head + "xy", post + get, chk, chunkHead + "malformed\r\n"} {
		p = s.dial()
		p.send(in)
		p.expect("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		p.expectClosed()
		s.until("closed", func() bool { return len(s.log) == 2 })
		if !strings.HasPrefix(s.log[0], "HTTP_HDRS POST /") || s.log[1] != "CLOSE" {
			t.Errorf("log is %q", s.log)
		}
		s.log = nil
	}
}

func TestExpectContinue(t *testing.T) {
	s := listen(t, echo(t))
	p := s.dial()
	head := lines("POST / HTTP/1.1", "Host: h", "Expect: 100-Continue", "Content-Length: 3")
	p.send(head)
	p.expect("HTTP/1.1 100 Continue\r\n\r\n")
	p.send("a", "b", "c")
	p.expect(ok("", "POST / abc"))
	p.send(head + "abc") // no need to ask
	p.expect(ok("", "POST / abc"))
	p.send(lines("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 3")) // must be ignored [RFC 9110 10.1.1]
	p.idle()
	p.send("abc")
	p.expect(ok("Connection: close\r\n", "POST / abc"))
}

func TestAnsweredByHand(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
			must(t, http.Answered(c))
			if err := http.Answered(c); !errors.Is(err, http.ErrNoRequest) {
				t.Errorf("second time: %v", err)
			}
		}
	})
	p := s.dial()
	p.send(get + get)
	answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
	p.expect(answer + answer)
	p.send(lines("GET / HTTP/1.0"))
	p.expect(answer)
	p.expectClosed()
}

// The whole way of a request and its answer costs no memory, on a connection
// that is warm: as seen from the layer, whose work is the difference between
// an event and what Send holds.
func TestServeAllocatesNothing(t *testing.T) {
	body := []byte("hello")
	var served int
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			served++
			if err := http.ReplyBytes(c, 200, "Content-Type: text/plain\r\n", body); err != nil {
				t.Error(err)
			}
		}
	})
	s.dial()
	c, in, none := s.conn, []byte(get+post+chk), 0
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			s.serve(c, ev, data.(*http.Message))
		}
	}
	round := func() {
		c.Recv.Append(in)
		c.Call(reactor.EvRead, &none)
		c.Send.Reset()
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if served != 3*102 || c.Recv.Len() != 0 {
		t.Errorf("%d requests served, %d bytes left", served, c.Recv.Len())
	}
}
