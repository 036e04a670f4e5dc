package http_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// client is a connection of an HTTP client to a plain tcp listener. The test writes the
// responses by hand. Both sides are on one loop.
type client struct {
	*loop
	looptest.Recorder // with lines for HTTP events, errors and closes

	c, far *reactor.Conn
	rest   string // bytes that arrived after the end of HTTP
	onMsg  func(c *reactor.Conn, msg *http.Message)
}

func (cl *client) handle(c *reactor.Conn, ev reactor.Event, data any) {
	cl.Record(c, ev, data)
	switch ev {
	case reactor.EvRead:
		if _, http := http.Layer(c); !http {
			cl.rest += string(c.Recv.Bytes())
			c.Recv.Reset()
		}
	case reactor.EvHTTPHdrs, reactor.EvHTTPMsg:
		msg := data.(*http.Message)
		cl.Note("%v %d %q", ev, msg.Status, msg.Body)
		if ev == reactor.EvHTTPMsg && cl.onMsg != nil {
			cl.onMsg(c, msg)
		}
	case reactor.EvError:
		cl.Note("ERROR")
	case reactor.EvClose:
		cl.Note("CLOSE")
	}
}

// answer writes pieces one after the other, and waits until each has arrived at the client.
func (cl *client) answer(pieces ...string) {
	cl.Helper()
	for _, piece := range pieces {
		want := cl.Read + len(piece)
		io.WriteString(cl.far, piece)
		cl.until("arrival", func() bool { return cl.Read >= want || cl.LastErr() != nil })
	}
}

// end closes the other side and waits for EvClose.
func (cl *client) end() {
	cl.Helper()
	cl.far.Drain()
	cl.until("close", func() bool { return len(cl.Lines) > 0 && cl.Lines[len(cl.Lines)-1] == "CLOSE" })
}

// dialClient connects a client. far is the other side.
func dialClient(t *testing.T) *client {
	t.Helper()
	cl := &client{loop: newLoop(t)}
	ln, err := cl.m.Listen("tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			cl.far = c
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cl.c, err = http.Connect(cl.m, "http://"+ln.LocalAddr().String()+"/any", cl.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	cl.until("accept", func() bool { return cl.far != nil })
	return cl
}

// Responses raise the same events, however they arrive.
func TestClientResponses(t *testing.T) {
	in := lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ab" +
		lines("HTTP/1.1 100 Continue") +
		lines("HTTP/1.1 204 No Content") +
		lines("HTTP/1.1 404 Not Found", "Transfer-Encoding: chunked") + "1\r\nc\r\n0\r\n\r\n"
	want := []string{`HTTP_HDRS 200 ""`, `HTTP_MSG 200 "ab"`, `HTTP_HDRS 100 ""`, `HTTP_HDRS 204 ""`, `HTTP_MSG 204 ""`,
		`HTTP_HDRS 404 ""`, `HTTP_MSG 404 "c"`}
	check := func(pieces ...string) {
		cl := dialClient(t)
		cl.answer(pieces...)
		cl.WantLines(t, want...)
		cl.end()
		cl.WantLines(t, "CLOSE")
	}
	check(in)
	for i := 1; i < len(in); i += 9 {
		check(in[:i], in[i:])
	}
	check(strings.Split(in, "")...)
}

// A malformed response is an *Error. A stream that ends inside a response is
// io.ErrUnexpectedEOF.
func TestClientErrors(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0:1\r\nA": `Content-Length "0:1"`,
		"SSH-2.0-x\r\n": "version",
	} {
		cl := dialClient(t)
		cl.answer(in)
		var e *http.Error
		cl.until("EvError", func() bool { return cl.LastErr() != nil })
		if !errors.As(cl.LastErr(), &e) || !strings.Contains(e.Reason, want) || e.Status != 502 {
			t.Errorf("%q: %v", in, cl.LastErr())
		}
		if cl.c.Send.Len() > 0 {
			t.Errorf("the client sends %q after the error", cl.c.Send.Bytes())
		}
	}
	for in, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nA":                                           "inside the header",
		lines("HTTP/1.1 200 OK", "Content-Length: 3") + "ab":             "inside the body",
		lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "0\r\n": "inside the body",
	} {
		cl := dialClient(t)
		cl.answer(in)
		cl.end()
		if !errors.Is(cl.LastErr(), io.ErrUnexpectedEOF) || !strings.Contains(cl.LastErr().Error(), want) {
			t.Errorf("%q: %v, want %s", in, cl.LastErr(), want)
		}
	}
}

// After 101, and after 2xx to CONNECT, the handler reads the bytes itself.
func TestClientTunnel(t *testing.T) {
	for method, head := range map[string]string{
		"CONNECT": lines("HTTP/1.1 200 Go ahead", "Content-Length: 3"),
		"GET":     lines("HTTP/1.1 101 Switching Protocols", "Upgrade: echo"),
	} {
		cl := dialClient(t)
		http.ExpectResponseTo(cl.c, method)
		cl.answer(head+"\x00ab", "\n\n")
		if len(cl.Lines) != 2 || cl.rest != "\x00ab\n\n" {
			t.Errorf("%s: log %q, rest %q", method, cl.Lines, cl.rest)
		}
		cl.end()
		if cl.LastErr() != nil {
			t.Error(cl.LastErr())
		}
	}
}
