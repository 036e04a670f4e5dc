package http_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Reply, ReplyBytes and Answered return an error if no request waits for a response.
func TestReplyWithoutRequest(t *testing.T) {
	s := listen(t, echo(t))
	p := s.dial()
	for what, err := range map[string]error{
		"Reply":                 http.Reply(s.conn, 200, "", ""),
		"ReplyBytes":            http.ReplyBytes(s.conn, 200, "", nil),
		"Answered":              http.MarkAnswered(s.conn),
		"Reply on a tcp client": http.Reply(p.c, 200, "", ""),
	} {
		if !errors.Is(err, http.ErrNoRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.send(get)
	p.expect(ok("", "GET /a "))
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, http.ErrNoRequest) {
		t.Errorf("after the response: %v", err)
	}
	s.conn.Close()
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	p.expectClosed()
	if err := http.Reply(s.conn, 200, "", ""); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("after EvClose: %v", err)
	}
}

// The program may write a response itself. Answered lets the layer continue with the next
// request.
func TestAnswered(t *testing.T) {
	s := listen(t, func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
			must(t, http.MarkAnswered(c))
			if err := http.MarkAnswered(c); !errors.Is(err, http.ErrNoRequest) {
				t.Errorf("second Answered: %v", err)
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

// A pipelined request raises no event before the request in front of it is answered.
func TestPipelinedRequestWaitsForReply(t *testing.T) {
	s := listen(t, nil)
	var pending string
	s.serve = func(c *reactor.Conn, ev reactor.Event, msg *http.Message) {
		if ev == reactor.EvHTTPMsg {
			pending = string(msg.URI)
		}
	}
	fn := s.ln.Fn
	s.ln.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvWakeup {
			path := pending
			pending = ""
			must(t, http.Reply(c, 200, "", "%s", path+string(*data.(*[]byte))))
			if err := http.Reply(c, 200, "", "twice"); !errors.Is(err, http.ErrNoRequest) {
				t.Errorf("second Reply: %v", err)
			}
			return
		}
		fn(c, ev, data)
	}
	p := s.dial()
	p.send(lines("GET /1 HTTP/1.1", "Host: h") + lines("GET /2 HTTP/1.1", "Host: h") + lines("GET /3 HTTP/1.1", "Host: h")[:20])
	p.idle()
	s.WantLines(t, `HTTP_HDRS GET /1 ""`, `HTTP_MSG GET /1 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), []byte("!")))
	p.expect(ok("", "/1!"))
	s.WantLines(t, `HTTP_HDRS GET /2 ""`, `HTTP_MSG GET /2 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), []byte("?")))
	p.expect(ok("", "/2?"))
	s.WantLines(t)
	p.send(lines("GET /3 HTTP/1.1", "Host: h")[20:])
	s.WantLines(t, `HTTP_HDRS GET /3 ""`, `HTTP_MSG GET /3 ""`)
	must(t, s.m.Wakeup(s.conn.ID(), nil))
	p.expect(ok("", "/3"))
}

// The bytes that arrive after a request that waits for a response are limited.
func TestBacklog(t *testing.T) {
	s := listen(t, func(*reactor.Conn, reactor.Event, *http.Message) {})
	must(t, http.SetLimits(s.ln, http.Limits{Head: 100, Body: 100}))
	p := s.dial()
	p.send(get, strings.Repeat("x", 200))
	p.idle()
	if s.LastErr() != nil || p.Closed() {
		t.Fatalf("at the limit: %v", s.LastErr())
	}
	p.send("x")
	p.expectClosed()
	if s.LastErr() == nil || !strings.Contains(s.LastErr().Error(), "201 bytes after a request") {
		t.Errorf("EvError has %v", s.LastErr())
	}
}

// A request with another expectation than 100-continue gets 417, and no event
// [RFC 9110 10.1.1]. In HTTP/1.0 expectations are ignored.
func TestUnknownExpectation(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{lines("GET / HTTP/1.1", "Host: h", "Expect: 100-continue"), "200"},
		{lines("GET / HTTP/1.0", "Expect: the worst"), "200"},
		{lines("GET / HTTP/1.1", "Host: h", "Expect: the worst"), "417"},
		{lines("GET / HTTP/1.1", "Host: h", "Expect: 100-continue, x"), "417"},
		{lines("GET / HTTP/1.1", "Host: h", "Expect: 100-continue", "Expect: x"), "417"},
		{lines("POST / HTTP/1.1", "Host: h", "Expect: x", "Content-Length: 99999999"), "417"},
		{lines("HEAD / HTTP/1.1", "Host: h", "Expect:"), "417"},
	} {
		s := listen(t, echo(t))
		p := s.dial()
		p.send(tt.in)
		p.until("an answer", func() bool { return bytes.Contains(p.Got, []byte("\r\n\r\n")) })
		if got := string(p.Got); !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) || tt.want == "417" && strings.Contains(s.Lines[0], "HTTP") {
			t.Errorf("%q: got %q, events %q", tt.in, got, s.Lines)
		}
		if strings.HasPrefix(tt.in, "HEAD") && !bytes.HasSuffix(p.Got, []byte("\r\n\r\n")) {
			t.Errorf("the answer to HEAD has a body: %q", p.Got)
		}
	}
}
