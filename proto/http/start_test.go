package http_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// StartClient and StartServer put HTTP on two ends of a socket pair.
func TestStartClientAndServer(t *testing.T) {
	l := newLoop(t)
	a, b := looptest.Socketpair(t)
	server, err := l.m.WrapFD(a, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			msg := data.(*http.Message)
			must(t, http.Reply(c, 200, "", "%s %s %s", msg.Header("Host"), msg.URI, msg.Body))
		}
	}, nil)
	must(t, err)
	must(t, http.StartServer(server))
	var got []string
	client, err := l.m.WrapFD(b, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			got = append(got, string(data.(*http.Message).Body))
		}
	}, nil)
	must(t, err)
	must(t, http.StartClient(client, "h:1"))
	for _, path := range []string{"/a", "/b"} {
		must(t, http.SendRequest(client, &http.Request{Method: "POST", URL: path, Body: []byte("x")}))
	}
	l.until("the responses", func() bool { return len(got) == 2 })
	if strings.Join(got, "|") != "h:1 /a x|h:1 /b x" {
		t.Errorf("got %q", got)
	}
}

// What is in Recv already is the beginning of a message.
func TestStartFindsRecv(t *testing.T) {
	l := newLoop(t)
	c, far := looptest.Wrap(t, l.m, nil)
	far.WriteString("GET / HTTP/1.1\r\nHo")
	l.until("the bytes", func() bool { return c.Recv.Len() > 10 })
	uri := ""
	c.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			uri = string(data.(*http.Message).URI)
		}
	}
	must(t, http.StartServer(c))
	far.WriteString("st: h\r\n\r\n")
	l.until("the request", func() bool { return uri == "/" })
}

// HTTP is started once, and not on what cannot speak it.
func TestStartErrors(t *testing.T) {
	s := listen(t, echo(t))
	p := s.dial()
	cl := dialClient(t)
	starts := map[string]func(c *reactor.Conn) error{
		"StartClient": func(c *reactor.Conn) error { return http.StartClient(c, "h") },
		"StartServer": http.StartServer,
	}
	for name, start := range starts {
		for what, c := range map[string]*reactor.Conn{"listener": s.ln, "server": s.conn, "client": cl.c} {
			if err := start(c); err == nil {
				t.Errorf("%s on a %s: no error", name, what)
			}
		}
		p := s.dial()
		p.c.Close()
		if err := start(p.c); !errors.Is(err, reactor.ErrClosed) {
			t.Errorf("%s on a closed connection: %v", name, err)
		}
	}
	for _, host := range []string{"a b", "a/b", "u@h", "h:x", "[::1%25e]"} {
		if err := http.StartClient(p.c, host); err == nil {
			t.Errorf("host %q: no error", host)
		}
	}
	must(t, http.StartClient(p.c, ""))
	if err := http.SendRequest(p.c, &http.Request{URL: "/"}); err == nil || !strings.Contains(err.Error(), "Host") {
		t.Errorf("without a host: %v", err)
	}
	must(t, http.SendRequest(p.c, &http.Request{URL: "http://h/"}))
	p.until("the answer", func() bool { return p.Saw(reactor.EvHTTPMsg)() })
}

// After 2xx to CONNECT, HTTP starts again in the tunnel, in the event or later. The response may
// come together with the first bytes of the tunnel.
func TestStartClientInTunnel(t *testing.T) {
	for _, later := range []bool{false, true} {
		cl := dialClient(t)
		must(t, http.SendRequest(cl.c, &http.Request{Method: "CONNECT", URL: "far:80"}))
		start := func(c *reactor.Conn) {
			must(t, http.StartClient(c, "far"))
			must(t, http.SendRequest(c, &http.Request{URL: "/in"}))
		}
		if !later {
			cl.onMsg = func(c *reactor.Conn, _ *http.Message) { cl.onMsg = nil; start(c) }
		}
		early := lines("HTTP/1.1 103 Early Hints")
		cl.answer(lines("HTTP/1.1 200 Go ahead") + early[:9])
		if later {
			cl.idle()
			if _, is := http.Layer(cl.c); is {
				t.Error("the layer is not removed")
			}
			cl.WantLines(t, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`)
			if cl.rest != early[:9] {
				t.Errorf("rest %q", cl.rest)
			}
			cl.c.Recv.AppendString(cl.rest)
			start(cl.c)
			cl.Lines = []string{`HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`}
		}
		cl.answer(early[9:], ok("", "b"))
		cl.WantLines(t, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 ""`, `HTTP_HDRS 103 ""`, `HTTP_HDRS 200 ""`, `HTTP_MSG 200 "b"`)
	}
	cl := dialClient(t) // a refused tunnel stays an HTTP connection
	must(t, http.SendRequest(cl.c, &http.Request{Method: "CONNECT", URL: "far:80"}))
	cl.answer(lines("HTTP/1.1 407 Proxy Authentication Required", "Content-Length: 1") + "x")
	cl.WantLines(t, `HTTP_HDRS 407 ""`, `HTTP_MSG 407 "x"`)
	if err := http.StartClient(cl.c, "h"); err == nil {
		t.Error("StartClient works after a refused CONNECT")
	}
}
