package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// listening has a server of WebSockets and nothing else, and a peer connected
// to it.
func listening(t *testing.T, o *ws.Options, h hook) *end {
	t.Helper()
	w := newWorld(t)
	e := &end{world: w, rec: &recorder{hook: h}, role: asServer}
	l, err := ws.Listen(w.m, "ws://127.0.0.1:0/ignored?too", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			e.c, c.Fn = c, e.rec.handle
		}
	}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	e.p = dialPeer(t, l.LocalAddr())
	await(t, w.m, "an accepted connection", func() bool { return e.c != nil })
	return e
}

// Whatever the path is, the connection is a WebSocket before the handler hears of
// the request.
func TestListen(t *testing.T) {
	for _, path := range []string{"/", "/chat", "/a/b%20c"} {
		target := ""
		e := listening(t, nil, func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				target = string(data.(*http.Message).URI)
				if err := http.Reply(c, 200, "", "too late"); err == nil {
					t.Error("the request was answered twice")
				}
				if err := ws.Upgrade(c, data.(*http.Message), ""); err == nil {
					t.Error("the request was upgraded twice")
				}
			}
		})
		e.feed(strings.Replace(request, "/chat", path, 1) + e.frame(fin|text, "at once"))
		if !strings.HasPrefix(e.head(), "HTTP/1.1 101 ") || target != path {
			t.Errorf("target %q, want %q", target, path)
		}
		e.rec.want(t, "OPEN", "HTTP GET", `MSG text "at once"`)
		if ws.Upgrading(e.c) {
			t.Error("the layer that upgrades is still there")
		}
		must(t, ws.Send(e.c, []byte("hi"), ws.OpText))
		e.feed(e.frame(fin|ping, "p"))
		e.wantSent(`text "hi"`, `pong "p"`)
		e.drop()
	}
}

// What is no handshake is answered so; the same connection may do better
// [RFC 6455 4.2.2, 4.4].
func TestListenRefuses(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		has     string
	}{
		{lines("GET / HTTP/1.1", "Host: h"), 426, "Upgrade: websocket\r\n"},
		{lines("HEAD / HTTP/1.1", "Host: h"), 405, "Allow: GET\r\n"},
		{lines("POST / HTTP/1.1", "Host: h", "Content-Length: 2") + "ab", 405, "Allow: GET\r\n"},
		{lines("OPTIONS * HTTP/1.1", "Host: h"), 405, "Allow: GET\r\n"},
		{strings.Replace(request, "13", "12", 1), 426, "Sec-WebSocket-Version: 13\r\n"},
		{strings.Replace(request, sampleKey, "short", 1), 400, ""},
	} {
		e := listening(t, nil, nil)
		for range 2 {
			e.feed(tt.request)
			head := e.head()
			if !strings.HasPrefix(head, fmt.Sprint("HTTP/1.1 ", tt.status, " ")) || !strings.Contains(head, tt.has) {
				t.Errorf("%q was answered %q", tt.request, head)
			}
			e.p.in = nil
			if !ws.Upgrading(e.c) {
				t.Errorf("after %q nothing upgrades any more", tt.request)
			}
			e.rec.want(t, "HTTP "+tt.request[:strings.Index(tt.request, " ")])
		}
		e.feed(request)
		if !strings.HasPrefix(e.head(), "HTTP/1.1 101 ") {
			t.Errorf("not upgraded after %q", tt.request)
		}
		e.rec.want(t, "OPEN", "HTTP GET")
		e.drop()
	}
}

// Check makes some paths unknown.
func TestListenCheck(t *testing.T) {
	o := &ws.Options{Check: func(_ *reactor.Conn, hm *http.Message) error {
		if string(hm.URI) != "/room" {
			return &ws.HandshakeError{Status: 404, Reason: "no such room"}
		}
		return nil
	}}
	e := listening(t, o, nil)
	e.feed(request)
	if head := e.head(); !strings.HasPrefix(head, "HTTP/1.1 404 ") || string(e.p.in) != "no such room\n" {
		t.Errorf("answer %q %q", head, e.p.in)
	}
	e.p.in = nil
	e.feed(strings.Replace(request, "/chat", "/room", 1))
	e.head()
	e.rec.want(t, "HTTP GET", "OPEN", "HTTP GET")
	e.drop()
}

// A handler that does not like what it sees in EvWSOpen closes, in order or not.
func TestListenCloseInOpen(t *testing.T) {
	for _, tt := range []struct {
		do   func(c *reactor.Conn)
		want []string // frames; nil: not even the answer
	}{
		{func(c *reactor.Conn) { ws.Close(c, ws.ClosePolicy, "no") }, []string{`close 1008 "no"`}},
		{(*reactor.Conn).Close, nil},
		{func(c *reactor.Conn) { c.Fail(errors.New("no")) }, []string{}},
	} {
		e := listening(t, nil, first(reactor.EvWSOpen, tt.do))
		e.feed(request)
		if tt.want != nil {
			e.head()
			e.wantSent(tt.want...)
		}
		e.p.close()
		e.c.Close()
		await(t, e.m, "CLOSE", func() bool { return e.rec.closed })
	}
}

func TestListenErrors(t *testing.T) {
	m := newManager(t)
	for _, tt := range []struct{ url, word string }{
		{"http://127.0.0.1:0", "ws://"},
		{"tcp://127.0.0.1:0", "ws://"},
		{"nonsense", ""},
		{"ws://127.0.0.1:99999", ""},
	} {
		if _, err := ws.Listen(m, tt.url, nil, nil); err == nil || !strings.Contains(err.Error(), tt.word) {
			t.Errorf("%s: %v", tt.url, err)
		}
	}
	if m.Stats().Listeners != 0 {
		t.Errorf("%d connections are left", m.Stats().Listeners)
	}
}
