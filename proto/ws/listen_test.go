package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// dialListener returns a connection that ws.Listen has accepted, and its peer.
func dialListener(t *testing.T, o *ws.Options, h hook) *testConn {
	t.Helper()
	env := newEnv(t)
	tc := &testConn{testEnv: env, events: &recorder{hook: h}, role: asServer}
	l, err := ws.Listen(env.manager, "ws://127.0.0.1:0/ignored?too", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			tc.conn, c.Fn = c, tc.events.handle
		}
	}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	tc.peer = looptest.DialSocket(t, l.LocalAddr())
	await(t, env.manager, "an accepted connection", func() bool { return tc.conn != nil })
	return tc
}

// TestListen: the connection is a WebSocket before the handler gets the request, with any path.
func TestListen(t *testing.T) {
	for _, path := range []string{"/", "/chat", "/a/b%20c"} {
		target := ""
		tc := dialListener(t, nil, func(c *reactor.Conn, ev reactor.Event, data any) {
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
		tc.peerSends(strings.Replace(request, "/chat", path, 1) + tc.frame(fin|text, "at once"))
		if !strings.HasPrefix(tc.readHead(), "HTTP/1.1 101 ") || target != path {
			t.Errorf("target %q, want %q", target, path)
		}
		tc.events.WantLines(t, "OPEN", "HTTP GET", `MSG text "at once"`)
		if ws.Upgrading(tc.conn) {
			t.Error("the layer that upgrades is still there")
		}
		must(t, ws.Send(tc.conn, []byte("hi"), ws.OpText))
		tc.peerSends(tc.frame(fin|ping, "p"))
		tc.wantSent(`text "hi"`, `pong "p"`)
		tc.closeBoth()
	}
}

// TestListenRefuses: a request that is no handshake gets an error response. The same connection
// may try again [RFC 6455 4.2.2, 4.4].
func TestListenRefuses(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		has     string
	}{
		{httpHead("GET / HTTP/1.1", "Host: h"), 426, "Upgrade: websocket\r\n"},
		{httpHead("HEAD / HTTP/1.1", "Host: h"), 405, "Allow: GET\r\n"},
		{httpHead("POST / HTTP/1.1", "Host: h", "Content-Length: 2") + "ab", 405, "Allow: GET\r\n"},
		{httpHead("OPTIONS * HTTP/1.1", "Host: h"), 405, "Allow: GET\r\n"},
		{strings.Replace(request, "13", "12", 1), 426, "Sec-WebSocket-Version: 13\r\n"},
		{strings.Replace(request, sampleKey, "short", 1), 400, ""},
	} {
		tc := dialListener(t, nil, nil)
		for range 2 {
			tc.peerSends(tt.request)
			head := tc.readHead()
			if !strings.HasPrefix(head, fmt.Sprint("HTTP/1.1 ", tt.status, " ")) || !strings.Contains(head, tt.has) {
				t.Errorf("%q was answered %q", tt.request, head)
			}
			tc.peer.In = nil
			if !ws.Upgrading(tc.conn) {
				t.Errorf("after %q nothing upgrades any more", tt.request)
			}
			tc.events.WantLines(t, "HTTP "+tt.request[:strings.Index(tt.request, " ")])
		}
		tc.peerSends(request)
		if !strings.HasPrefix(tc.readHead(), "HTTP/1.1 101 ") {
			t.Errorf("not upgraded after %q", tt.request)
		}
		tc.events.WantLines(t, "OPEN", "HTTP GET")
		tc.closeBoth()
	}
}

// TestListenCheck: a Check function accepts one path only.
func TestListenCheck(t *testing.T) {
	o := &ws.Options{Check: func(_ *reactor.Conn, hm *http.Message) error {
		if string(hm.URI) != "/room" {
			return &ws.HandshakeError{Status: 404, Reason: "no such room"}
		}
		return nil
	}}
	tc := dialListener(t, o, nil)
	tc.peerSends(request)
	if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 404 ") || string(tc.peer.In) != "no such room\n" {
		t.Errorf("answer %q %q", head, tc.peer.In)
	}
	tc.peer.In = nil
	tc.peerSends(strings.Replace(request, "/chat", "/room", 1))
	tc.readHead()
	tc.events.WantLines(t, "HTTP GET", "OPEN", "HTTP GET")
	tc.closeBoth()
}

// TestListenCloseInOpen: the handler closes the connection in EvWSOpen, with a Close frame or
// without.
func TestListenCloseInOpen(t *testing.T) {
	for _, tt := range []struct {
		do   func(c *reactor.Conn)
		want []string // frames; nil: no response either
	}{
		{func(c *reactor.Conn) { ws.Close(c, ws.StatusPolicyViolation, "no") }, []string{`close 1008 "no"`}},
		{(*reactor.Conn).Close, nil},
		{func(c *reactor.Conn) { c.Fail(errors.New("no")) }, []string{}},
	} {
		tc := dialListener(t, nil, onFirst(reactor.EvWSOpen, tt.do))
		tc.peerSends(request)
		if tt.want != nil {
			tc.readHead()
			tc.wantSent(tt.want...)
		}
		tc.peer.Close()
		tc.conn.Close()
		await(t, tc.manager, "CLOSE", func() bool { return tc.events.Closed() })
	}
}

func TestListenErrors(t *testing.T) {
	m := looptest.NewStillManager(t)
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

// TestListenRefusalIsNotLogged: Listen itself answers requests that are no handshakes. It logs
// nothing, because the program made no error.
func TestListenRefusalIsNotLogged(t *testing.T) {
	var warnings looptest.Warnings
	m := looptest.NewStillManager(t, reactor.WithLogger(warnings.Logger()))
	closed := false
	l, err := ws.Listen(m, "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		closed = closed || ev == reactor.EvClose && !c.IsListening()
	}, nil)
	must(t, err)
	p := looptest.DialSocket(t, l.LocalAddr())
	p.WriteString(httpHead("GET / HTTP/1.1", "Host: h", "Connection: close"))
	await(t, m, "the end", p.Ended)
	p.Shutdown()
	await(t, m, "CLOSE", func() bool { return closed })
	spin(t, m)
	warnings.WantNone(t)
}
