package http_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// The header is not parsed again for each piece of the body.
func TestParseBodyLeavesHead(t *testing.T) {
	for _, in := range []string{chunkHead + "2\r\nab\r\n0\r\n\r\n", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 2") + "ab"} {
		var p http.Parser
		buf := []byte(in)
		head := strings.Index(in, "\r\n\r\n") + 4
		for i := range len(in) {
			var msg http.Message
			if _, err := p.Parse(buf[:i], &msg); err != http.ErrIncomplete || p.HeadDone() != (i >= head) {
				t.Fatalf("after %d bytes: %v, HeadDone %v", i, err, p.HeadDone())
			}
			if i > head && msg.Head != nil {
				t.Fatalf("after %d bytes: the header was parsed again", i)
			}
			if n, err := p.ParseHead(buf[:i], &msg); i >= head && (n != head || err != nil || len(msg.Headers) != 2) {
				t.Fatalf("after %d bytes: ParseHead: %d, %v, %s", i, n, err, show(&msg))
			}
		}
		var msg http.Message
		if _, err := p.Parse(buf, &msg); err != nil || string(msg.Method) != "POST" || string(msg.Body) != "ab" {
			t.Fatalf("%v, %s", err, show(&msg))
		}
	}
}

// A response without a length ends with the stream. It must not exceed the limit.
func TestClientBodyToEnd(t *testing.T) {
	cl := dialClient(t)
	cl.answer(lines("HTTP/1.1 200 OK"), "ab", "c")
	cl.WantLines(t, `HTTP_HDRS 200 ""`)
	cl.end()
	cl.WantLines(t, `HTTP_MSG 200 "abc"`, "CLOSE")
	cl = dialClient(t)
	must(t, http.SetLimits(cl.c, http.Limits{Body: 3}))
	cl.answer(lines("HTTP/1.1 200 OK"), "ab", "cd")
	cl.until("close", func() bool { return len(cl.Lines) == 3 })
	cl.WantLines(t, `HTTP_HDRS 200 ""`, "ERROR", "CLOSE")
	if !strings.Contains(cl.LastErr().Error(), "limit of 3 bytes") {
		t.Error(cl.LastErr())
	}
}

// A client that waits for 100 (Continue) gets it, unless the body is already there.
func TestExpectContinue(t *testing.T) {
	s := listen(t, echo(t))
	p := s.dial()
	head := lines("POST / HTTP/1.1", "Host: h", "Expect: 100-Continue", "Content-Length: 3")
	p.send(head)
	p.expect("HTTP/1.1 100 Continue\r\n\r\n")
	p.send("a", "b", "c")
	p.expect(ok("", "POST / abc"))
	p.send(head + "abc") // the body is here already: no 100
	p.expect(ok("", "POST / abc"))
	p.send(lines("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 3")) // must be ignored [RFC 9110 10.1.1]
	p.idle()
	p.send("abc")
	p.expect(ok("Connection: close\r\n", "POST / abc"))
}
