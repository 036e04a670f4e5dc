package http_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// The responses to pipelined requests answer the registered requests in order, however they
// arrive. Without a registered request a response is one to GET.
func TestPipelinedResponses(t *testing.T) {
	in := lines("HTTP/1.1 200 A", "Content-Length: 2") + // HEAD
		lines("HTTP/1.1 103 Early Hints") + lines("HTTP/1.1 200 B", "Content-Length: 2") + "ok" + // GET
		lines("HTTP/1.1 200 C", "Transfer-Encoding: chunked") + // HEAD
		lines("HTTP/1.1 405 D", "Content-Length: 2") + "no" + // CONNECT
		lines("HTTP/1.1 200 E", "Content-Length: 2") + "ok" // not registered
	for _, pieces := range [][]string{{in}, strings.Split(in, ""), {in[:60], in[60:]}} {
		cl := dialClient(t)
		for _, method := range []string{"HEAD", "GET", "HEAD", "CONNECT"} {
			if !http.ExpectResponseTo(cl.c, method) {
				t.Error("ExpectResponseTo is refused")
			}
		}
		var got []string
		cl.onMsg = func(c *reactor.Conn, msg *http.Message) {
			got = append(got, fmt.Sprintf("%s %q", msg.Reason, msg.Body))
		}
		cl.answer(pieces...)
		if want := `A "";B "ok";C "";D "no";E "ok"`; strings.Join(got, ";") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		cl.end()
	}
	s := listen(t, nil)
	p := s.dial()
	for _, c := range []*reactor.Conn{s.ln, s.conn, p.c} {
		if http.ExpectResponseTo(c, "HEAD") {
			t.Error("ExpectResponseTo works on a connection that is not a client's")
		}
	}
}

// A handler of EvClose may connect again. What it still does with the old connection does not touch
// the new one.
func TestClosedClientSharesNothing(t *testing.T) {
	cl := dialClient(t)
	again := &client{loop: cl.loop}
	cl.c.Fn = func(old *reactor.Conn, ev reactor.Event, data any) {
		cl.handle(old, ev, data)
		if ev != reactor.EvClose {
			return
		}
		var err error
		again.c, err = http.Connect(cl.m, "http://"+old.RemoteAddr().String()+"/any", again.handle, nil)
		must(t, err)
		if http.ExpectResponseTo(old, "HEAD") {
			t.Error("ExpectResponseTo works on a closed connection")
		}
		http.Detach(old)
	}
	before := cl.far
	cl.end()
	cl.until("accept", func() bool { return cl.far != before })
	again.far = cl.far
	again.answer(lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ab")
	again.WantLines(t, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "ab"`)
	again.end()
}

// Requests may be registered at any time, many on one connection.
func TestManyRegisteredRequests(t *testing.T) {
	cl := dialClient(t)
	messages := 0
	cl.onMsg = func(c *reactor.Conn, msg *http.Message) {
		if messages++; string(msg.Body) != map[bool]string{true: "x", false: ""}[messages%3 == 0] {
			t.Errorf("response %d has the body %q", messages, msg.Body)
		}
	}
	sent := 0
	for round := range 20 {
		for range 5 + round {
			sent++
			http.ExpectResponseTo(cl.c, map[bool]string{true: "GET", false: "HEAD"}[sent%3 == 0])
		}
		in := ""
		for n := messages + 1; n <= sent-3; n++ {
			if in += lines("HTTP/1.1 200 OK", "Content-Length: 1"); n%3 == 0 {
				in += "x"
			}
		}
		cl.answer(in)
		if messages != sent-3 {
			t.Fatalf("%d responses, want %d", messages, sent-3)
		}
	}
}
