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

// asked sends a request to a server that upgrades with the options of w. It returns the
// header and the body of the response, and the error of Upgrade.
func (env *testEnv) asked(request, headers string) (head, body string, said error) {
	env.Helper()
	answered := false
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			said = ws.Upgrade(c, data.(*http.Message), headers, env.opts)
			answered = true
		}
	})
	tc.peer.WriteIfOpen(request)
	await(env, env.manager, "Upgrade", func() bool { return answered })
	head = tc.readHead()
	body = string(tc.peer.In)
	tc.closeBoth()
	return head, body, said
}

// The server chooses the first of its subprotocols that the client offers [RFC 6455 4.2.2].
// A header in the call of Upgrade takes precedence.
func TestProtocols(t *testing.T) {
	offer := func(lines ...string) string {
		return requestWith("Sec-WebSocket-Protocol: " + strings.Join(lines, "\r\nSec-WebSocket-Protocol: "))
	}
	for _, tt := range []struct {
		ours             []string
		request, headers string
		want             string // "": no subprotocol
	}{
		{nil, offer("a, b"), "", ""},
		{[]string{"a"}, request, "", ""},
		{[]string{"x", "y"}, offer("a, b"), "", ""},
		{[]string{"a", "b"}, offer("b, a"), "", "a"},
		{[]string{"b", "a"}, offer("a, b"), "", "b"},
		{[]string{"x", "c", "a"}, offer("a, b", "c"), "", "c"},
		{[]string{"A", "b"}, offer("a, b"), "", "b"},
		{[]string{""}, offer("a,,b"), "", ""},
		{[]string{"a"}, offer("a, b"), "Sec-WebSocket-Protocol: b\r\n", "b"},
	} {
		env := newEnv(t)
		env.opts = &ws.Options{Protocols: tt.ours}
		head, _, err := env.asked(tt.request, tt.headers)
		must(t, err)
		if n := strings.Count(head, "Sec-WebSocket-Protocol"); n > 1 || n == 1 && tt.want == "" {
			t.Errorf("subprotocols %q: response %q", tt.ours, head)
		} else if tt.want != "" && headerField(t, head, "Sec-WebSocket-Protocol") != tt.want {
			t.Errorf("subprotocols %q: response %q, want %q", tt.ours, head, tt.want)
		}
	}
}

// The response has the headers of the options and of the call. Malformed headers, and
// headers of the handshake, are refused without a response.
func TestOptionsHeaders(t *testing.T) {
	env := newEnv(t)
	env.opts = &ws.Options{Headers: "X-A: 1\r\nServer: rikki\r\n"}
	head, _, err := env.asked(request, "X-B: 2\r\n")
	must(t, err)
	for name, want := range map[string]string{"X-A": "1", "X-B": "2", "Server": "rikki"} {
		if got := headerField(t, head, name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"X-A: 1", "X-A\r\n", "X: 1\r\n\r\nHTTP/1.1 200", "X: a\nY: b\r\n", "Upgrade: x\r\n", "sec-websocket-extensions: x\r\n", "Sec-WebSocket-Protocol: a b\r\n"} {
		o := &ws.Options{Headers: bad}
		if _, err := ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil, o); err == nil {
			t.Errorf("Listen accepts the headers %q", bad)
		}
		tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				err = ws.Upgrade(c, data.(*http.Message), "", o)
				if c.Send.Len() > 0 || http.CheckReply(c) != nil {
					t.Errorf("headers %q: the response is %q, want none", bad, c.Send.Bytes())
				}
			}
		})
		tc.peerSends(request)
		if err == nil {
			t.Errorf("Upgrade accepts the headers %q", bad)
		}
		tc.closeBoth()
	}
}

// If Check returns a HandshakeError, the response has its status and reason. Check may also
// respond itself. Any other error is answered with 403 and closes the connection. The
// response does not contain the error.
func TestCheck(t *testing.T) {
	other := errors.New("other")
	for _, tt := range []struct {
		name   string
		check  func(c *reactor.Conn, hm *http.Message) error
		status int
		err    error // of Upgrade; nil: a *HandshakeError or none
		ends   bool
	}{
		{"nil", func(*reactor.Conn, *http.Message) error { return nil }, 101, nil, false},
		{"HandshakeError", func(*reactor.Conn, *http.Message) error {
			return &ws.HandshakeError{Status: 404, Reason: "no such room"}
		}, 404, nil, false},
		{"wrapped", func(*reactor.Conn, *http.Message) error {
			return fmt.Errorf("%w: %w", other, &ws.HandshakeError{Status: 503, Reason: "no such room"})
		}, 503, other, false},
		{"response", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "WWW-Authenticate: Basic realm=r\r\n", "no such room\n")
			return other
		}, 401, other, false},
		{"response and HandshakeError", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "", "no such room\n")
			return &ws.HandshakeError{Status: 404, Reason: "not this"}
		}, 401, nil, false},
		{"response and nil", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "", "no such room\n")
			return nil
		}, 401, http.ErrNoRequest, false},
		{"upgrade", func(c *reactor.Conn, hm *http.Message) error { return ws.Upgrade(c, hm, "") }, 101, http.ErrNoRequest, false},
		{"close", func(c *reactor.Conn, hm *http.Message) error { c.Close(); return nil }, 0, reactor.ErrClosed, false},
		{"fail", func(c *reactor.Conn, hm *http.Message) error { c.Fail(other); return nil }, 0, reactor.ErrClosed, false},
		{"any error", func(*reactor.Conn, *http.Message) error { return other }, 403, other, true},
		{"no status", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Reason: "other"} }, 403, nil, true},
		{"invalid status", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Status: 1000, Reason: "other"} }, 403, nil, true},
		{"status without a body", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Status: 204, Reason: "other"} }, 403, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := newEnv(t)
			asked := 0
			env.opts = &ws.Options{
				Check: func(c *reactor.Conn, hm *http.Message) error {
					asked++
					return tt.check(c, hm)
				},
				CheckOrigin: func(*http.Message) bool { asked++; return true },
			}
			var err error
			waits := false
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					err = ws.Upgrade(c, data.(*http.Message), "", env.opts)
					waits = http.CheckReply(c) == nil
				}
			})
			tc.peerSends(request)
			if asked != 2 || waits || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("%d calls of Check and CheckOrigin, want 2; a request waits: %v; Upgrade: %v", asked, waits, err)
			}
			spin(t, env.manager)
			tc.peer.Receive()
			if got := string(tc.peer.In); tt.status == 0 && got != "" || tt.status > 0 && !strings.HasPrefix(got, fmt.Sprint("HTTP/1.1 ", tt.status)) ||
				strings.Count(got, "HTTP/1.1 ") > 1 || tt.status > 101 && !tt.ends && !strings.HasSuffix(got, "\r\n\r\nno such room\n") ||
				tt.ends && strings.Contains(got, "other") {
				t.Errorf("response %q", got)
			}
			if tt.status > 0 && tc.peer.Ended() != tt.ends {
				t.Errorf("the connection has closed: %v, want %v", tc.peer.Ended(), tt.ends)
			}
			tc.peer.In = nil
			if tt.status == 101 {
				must(t, ws.Send(tc.conn, []byte("open"), ws.OpText))
				tc.wantSent(`text "open"`)
			}
			tc.closeBoth()
		})
	}
}

// Check is not called for a request that is refused for another reason.
func TestCheckIsLast(t *testing.T) {
	env := newEnv(t)
	env.opts = &ws.Options{
		CheckOrigin: func(*http.Message) bool { return false },
		Check:       func(*reactor.Conn, *http.Message) error { t.Error("Check is called"); return nil },
	}
	env.asked(request, "")
	env.opts.CheckOrigin = func(*http.Message) bool { t.Error("CheckOrigin is called"); return true }
	env.asked(strings.Replace(request, "13", "8", 1), "")
}

// Connect, Listen and Upgrade refuse values of Deflate that are out of range.
func TestOptionsDeflateRange(t *testing.T) {
	for _, tt := range []struct {
		d    ws.Deflate
		word string
	}{
		{ws.Deflate{WindowBits: 7}, "window"},
		{ws.Deflate{WindowBits: 16}, "window"},
		{ws.Deflate{PeerWindowBits: 1}, "window"},
		{ws.Deflate{PeerWindowBits: -1}, "window"},
		{ws.Deflate{Level: 10}, "level"},
		{ws.Deflate{Level: -3}, "level"},
	} {
		env := newEnv(t)
		o := &ws.Options{Deflate: &tt.d}
		_, err := ws.Connect(env.manager, "ws://127.0.0.1:1/", nil, nil, "", o)
		looptest.WantErr(t, err, nil, tt.word)
		_, err = ws.Listen(env.manager, "ws://127.0.0.1:0", nil, nil, o)
		looptest.WantErr(t, err, nil, tt.word)
		tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				looptest.WantErr(t, ws.Upgrade(c, data.(*http.Message), "", o), nil, tt.word)
			}
		})
		tc.peerSends(request)
		tc.closeBoth()
	}
}
