package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestFramesBehindRequest: frames in the same segment as the request are delivered in the same
// dispatch.
func TestFramesBehindRequest(t *testing.T) {
	env := newEnv(t)
	reads := -1
	tc := env.startHandshake(asServer)
	tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		upgradeAll(c, ev, data, t)
		if ev == reactor.EvWSMsg {
			reads = tc.events.Count(reactor.EvRead)
		}
	}
	tc.peerSends(request + tc.frame(fin|text, "first") + tc.frame(fin|ping, ""))
	tc.events.WantLines(t, "HTTP GET", "OPEN", `MSG text "first"`, `CTL ping ""`)
	if reads != 0 || tc.events.Count(reactor.EvRead) != 1 {
		t.Errorf("after %d of %d reads, want 0 of 1", reads, tc.events.Count(reactor.EvRead))
	}
	tc.readHead()
	tc.wantSent(`pong ""`)
}

// TestSendInOpen: messages that the handler sends in EvWSOpen follow the response.
func TestSendInOpen(t *testing.T) {
	env := newEnv(t)
	tc := env.startHandshake(asServer)
	tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		upgradeAll(c, ev, data, t)
		if ev == reactor.EvWSOpen {
			must(t, ws.Send(c, []byte("hi"), ws.OpText))
		}
	}
	tc.peerSends(request)
	tc.readHead()
	tc.wantSent(`text "hi"`)
}

// TestUpgradeLate: a program may call Upgrade after its handler has returned. Bytes that arrive
// before that wait.
func TestUpgradeLate(t *testing.T) {
	env := newEnv(t)
	tc := env.startHandshake(asServer)
	var kept string
	tc.events.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			kept = string(data.(*http.Message).Raw)
		case reactor.EvWakeup:
			msg := new(http.Message)
			if _, err := http.ParseHead([]byte(kept), msg, http.Limits{}); err != nil {
				t.Fatal(err)
			}
			must(t, ws.Upgrade(c, msg, ""))
			tc.events.Note("upgraded")
		}
	}
	tc.peer.WriteIfOpen(request + tc.frame(fin|text, "a"))
	await(t, env.manager, "request", tc.events.Noted("HTTP GET"))
	tc.peer.WriteIfOpen(tc.frame(fin|ping, "b") + tc.frame(fin|text, "c")[:3])
	spin(t, env.manager)
	tc.events.WantLines(t, "HTTP GET")
	must(t, env.manager.Wakeup(tc.conn.ID(), nil))
	await(t, env.manager, "ping", tc.events.Noted(`CTL ping "b"`))
	tc.events.WantLines(t, "OPEN", "upgraded", `MSG text "a"`, `CTL ping "b"`)
	tc.peer.WriteIfOpen(tc.frame(fin|text, "c")[3:])
	await(t, env.manager, "message", tc.events.Noted(`MSG text "c"`))
	tc.readHead()
	tc.wantSent(`pong "b"`)
}

// TestUpgradeAfterOtherRequest: the response to an earlier request is sent first.
func TestUpgradeAfterOtherRequest(t *testing.T) {
	env := newEnv(t)
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if m, ok := data.(*http.Message); ok && ev == reactor.EvHTTPMsg {
			if string(m.URI) == "/chat" {
				must(t, ws.Upgrade(c, m, ""))
			} else {
				must(t, http.Reply(c, 200, "", "plain"))
			}
		}
	})
	tc.peerSends(httpHead("GET / HTTP/1.1", "Host: h") + request + tc.frame(fin|text, "x"))
	tc.events.WantLines(t, "HTTP GET", "HTTP GET", "OPEN", `MSG text "x"`)
	if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("first answer %q", head)
	}
	if head := tc.readHead(); !strings.HasPrefix(head, "plainHTTP/1.1 101 ") {
		t.Errorf("second answer %q", head)
	}
}

// TestUpgradeWithoutWaitingRequest: Upgrade fails and writes nothing if no request waits for a
// response: it was answered or upgraded, or the connection is closed.
func TestUpgradeWithoutWaitingRequest(t *testing.T) {
	env := newEnv(t)
	for name, before := range map[string]func(c *reactor.Conn, m *http.Message) error{
		"answered": func(c *reactor.Conn, _ *http.Message) error { return http.Reply(c, 200, "", "") },
		"upgraded": func(c *reactor.Conn, m *http.Message) error { return ws.Upgrade(c, m, "") },
		"closed":   func(c *reactor.Conn, _ *http.Message) error { c.Close(); return nil },
		"failed":   func(c *reactor.Conn, _ *http.Message) error { c.Fail(errors.New("no")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			env.TB = t
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if m, ok := data.(*http.Message); ok && ev == reactor.EvHTTPMsg {
					must(t, before(c, m))
					n := c.Send.Len()
					if err := ws.Upgrade(c, m, ""); err == nil {
						t.Error("no error")
					}
					if more := c.Send.Len() - n; more != 0 {
						t.Errorf("%d bytes were written", more)
					}
				}
			})
			tc.peerSends(request)
			tc.closeBoth()
		})
	}
	env.TB = t
	tc := env.accept(nil)
	tc.peerSends(request)
	tc.closeBoth()
	msg := new(http.Message)
	if _, err := http.ParseHead([]byte(request), msg, http.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := ws.Upgrade(tc.conn, msg, ""); err == nil {
		t.Error("Upgrade after EvClose: no error")
	}
}
