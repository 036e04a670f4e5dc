package http_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// client is an HTTP client's connection to a plain tcp listener whose end the
// test writes by hand; both are on one loop.
type client struct {
	*loop
	c, far *reactor.Conn
	read   int
	log    []string
	err    error
	rest   string // what arrived and was not HTTP's
	onMsg  func(c *reactor.Conn, msg *http.Message)
}

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
	cl.until("accepted", func() bool { return cl.far != nil })
	return cl
}

func (cl *client) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		cl.read += *data.(*int)
		if _, http := http.Layer(c); !http {
			cl.rest += string(c.Recv.Bytes())
			c.Recv.Reset()
		}
	case reactor.EvHTTPHdrs, reactor.EvHTTPMsg:
		msg := data.(*http.Message)
		cl.log = append(cl.log, fmt.Sprintf("%v %d %q", ev, msg.Status, msg.Body))
		if ev == reactor.EvHTTPMsg && cl.onMsg != nil {
			cl.onMsg(c, msg)
		}
	case reactor.EvError:
		cl.err = data.(error)
		cl.log = append(cl.log, "ERROR")
	case reactor.EvClose:
		cl.log = append(cl.log, "CLOSE")
	}
}

// answer lets pieces arrive at the client one after the other.
func (cl *client) answer(pieces ...string) {
	cl.Helper()
	for _, piece := range pieces {
		want := cl.read + len(piece)
		io.WriteString(cl.far, piece)
		cl.until("arrived", func() bool { return cl.read >= want || cl.err != nil })
	}
}

func (cl *client) expectLog(want ...string) {
	cl.Helper()
	if got := strings.Join(cl.log, "\n"); got != strings.Join(want, "\n") {
		cl.Fatalf("log is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	cl.log = nil
}

func (cl *client) end() {
	cl.Helper()
	cl.far.Drain()
	cl.until("closed", func() bool { return len(cl.log) > 0 && cl.log[len(cl.log)-1] == "CLOSE" })
}

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
		cl.expectLog(want...)
		cl.end()
		cl.expectLog("CLOSE")
	}
	check(in)
	for i := 1; i < len(in); i += 9 {
		check(in[:i], in[i:])
	}
	check(strings.Split(in, "")...)
}

func TestClientBodyToEnd(t *testing.T) {
	cl := dialClient(t)
	cl.answer(lines("HTTP/1.1 200 OK"), "ab", "c")
	cl.expectLog(`HTTP_HDRS 200 ""`)
	cl.end()
	cl.expectLog(`HTTP_MSG 200 "abc"`, "CLOSE")
	cl = dialClient(t)
	must(t, http.SetLimits(cl.c, http.Limits{Body: 3}))
	cl.answer(lines("HTTP/1.1 200 OK"), "ab", "cd")
	cl.until("closed", func() bool { return len(cl.log) == 3 })
	cl.expectLog(`HTTP_HDRS 200 ""`, "ERROR", "CLOSE")
	if !strings.Contains(cl.err.Error(), "limit of 3 bytes") {
		t.Error(cl.err)
	}
}

func TestClientErrors(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0:1\r\n": `Content-Length "0:1"`,
		"SSH-2.0-x\r\n": "version",
	} {
		cl := dialClient(t)
		cl.answer(in)
		var e *http.Error
		cl.until("failed", func() bool { return cl.err != nil })
		if !errors.As(cl.err, &e) || !strings.Contains(e.Reason, want) || e.Status != 502 {
			t.Errorf("%q: %v", in, cl.err)
		}
		if cl.c.Send.Len() > 0 {
			t.Errorf("the client answers %q", cl.c.Send.Bytes())
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
		if !errors.Is(cl.err, io.ErrUnexpectedEOF) || !strings.Contains(cl.err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, cl.err, want)
		}
	}
}

func TestExpectMethod(t *testing.T) {
	cl := dialClient(t)
	if !http.ExpectMethod(cl.c, "HEAD") || http.ExpectMethod(cl.far, "HEAD") {
		t.Error("ExpectMethod is wrong about what is a client")
	}
	cl.onMsg = func(c *reactor.Conn, msg *http.Message) {
		if len(msg.Body) == 2 { // the second
			http.ExpectMethod(c, "HEAD")
		}
	}
	long := lines("HTTP/1.1 200 OK", "Content-Length: 99")
	cl.answer(lines("HTTP/1.1 103 Early Hints") + long +
		lines("HTTP/1.1 200 OK", "Content-Length: 2") + "ab" + long + lines("HTTP/1.1 200 OK", "Content-Length: 1") + "c")
	cl.expectLog(`HTTP_HDRS 103 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "ab"`,
		`HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "c"`)
}

// After 101, and 2xx to CONNECT, the bytes are the handler's.
func TestClientTunnel(t *testing.T) {
	for method, head := range map[string]string{
		"CONNECT": lines("HTTP/1.1 200 Go ahead", "Content-Length: 3"),
		"GET":     lines("HTTP/1.1 101 Switching Protocols", "Upgrade: echo"),
	} {
		cl := dialClient(t)
		http.ExpectMethod(cl.c, method)
		cl.answer(head+"\x00ab", "\n\n")
		if len(cl.log) != 2 || cl.rest != "\x00ab\n\n" {
			t.Errorf("%s: log %q, rest %q", method, cl.log, cl.rest)
		}
		cl.end()
		if cl.err != nil {
			t.Error(cl.err)
		}
	}
}

func TestBadURLs(t *testing.T) {
	m := newLoop(t).m
	for url, want := range map[string]string{
		"ftp://h/":       "unknown scheme ftp",
		"h:80":           "no scheme",
		"http://h:x/":    "",
		"http://u:p@ h/": "",
	} {
		for what, f := range map[string]func(*reactor.Manager, string, reactor.Handler, any) (*reactor.Conn, error){
			"Listen": http.Listen, "Connect": http.Connect,
		} {
			c, err := f(m, url, nil, nil)
			if err == nil || c != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("%s(%q): %v, %v", what, url, c, err)
			}
		}
	}
	if _, err := http.Listen(m, "http://no-such-host.invalid:0", nil, nil); err == nil {
		t.Error("listens on a host name")
	}
	if c, err := http.Connect(m, "http://[::1]/x?y", nil, nil); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

func TestConnectRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	ln.Close()
	l := newLoop(t)
	var log []string
	if _, err := http.Connect(l.m, url, func(_ *reactor.Conn, ev reactor.Event, data any) {
		log = append(log, ev.String())
	}, nil); err != nil {
		t.Fatal(err)
	}
	l.until("closed", func() bool { return len(log) > 0 && log[len(log)-1] == "CLOSE" })
	if n := len(log); log[n-2] != "ERROR" {
		t.Errorf("log is %q", log)
	}
}
