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

// asked has a server that upgrades with options be asked by a peer. It returns
// the head of the answer, its body, and what Upgrade said.
func (w *world) asked(request, headers string) (head, body string, said error) {
	w.Helper()
	answered := false
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			said = ws.Upgrade(c, data.(*http.Message), headers, w.opts)
			answered = true
		}
	})
	e.p.write(request)
	await(w, w.m, "Upgrade", func() bool { return answered })
	head = e.head()
	body = string(e.p.in)
	e.drop()
	return head, body, said
}

// The server chooses the first of its subprotocols that the client offers; what the
// program names itself comes first [RFC 6455 4.2.2].
func TestProtocols(t *testing.T) {
	offer := func(lines ...string) string {
		return offering("Sec-WebSocket-Protocol: " + strings.Join(lines, "\r\nSec-WebSocket-Protocol: "))
	}
	for _, tt := range []struct {
		ours             []string
		request, headers string
		want             string // "" is none
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
		w := newWorld(t)
		w.opts = &ws.Options{Protocols: tt.ours}
		head, _, err := w.asked(tt.request, tt.headers)
		must(t, err)
		if n := strings.Count(head, "Sec-WebSocket-Protocol"); n > 1 || n == 1 && tt.want == "" {
			t.Errorf("%q: answer %q", tt.ours, head)
		} else if tt.want != "" && field(t, head, "Sec-WebSocket-Protocol") != tt.want {
			t.Errorf("%q: answer %q, want %q", tt.ours, head, tt.want)
		}
	}
}

// Headers of the options and of the call make up the answer's; malformed ones, and
// the handshake's own, are refused without an answer.
func TestOptionsHeaders(t *testing.T) {
	w := newWorld(t)
	w.opts = &ws.Options{Headers: "X-A: 1\r\nServer: rikki\r\n"}
	head, _, err := w.asked(request, "X-B: 2\r\n")
	must(t, err)
	for name, want := range map[string]string{"X-A": "1", "X-B": "2", "Server": "rikki"} {
		if got := field(t, head, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, bad := range []string{"X-A: 1", "X-A\r\n", "X: 1\r\n\r\nHTTP/1.1 200", "X: a\nY: b\r\n", "Upgrade: x\r\n", "sec-websocket-extensions: x\r\n", "Sec-WebSocket-Protocol: a b\r\n"} {
		o := &ws.Options{Headers: bad}
		if _, err := ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil, o); err == nil {
			t.Errorf("Listen takes %q", bad)
		}
		e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				err = ws.Upgrade(c, data.(*http.Message), "", o)
				if c.Send.Len() > 0 || http.Waiting(c) != nil {
					t.Errorf("%q was answered with %q", bad, c.Send.Bytes())
				}
			}
		})
		e.feed(request)
		if err == nil {
			t.Errorf("Upgrade takes %q", bad)
		}
		e.drop()
	}
}

// Origins that CheckOrigin does not take are answered 403 [RFC 6455 10.2].
func TestCheckOrigin(t *testing.T) {
	for _, tt := range []struct {
		host, origins string // lines of the request; "-" is none
		same          bool
	}{
		{"h", "-", true},
		{"h", "http://h", true},
		{"h", "https://h", true},
		{"H", "http://h", true},
		{"h", "HTTP://H", true},
		{"h:80", "http://h", true},
		{"h", "http://h:80", true},
		{"h:443", "https://h", true},
		{"h:8080", "http://h:8080", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"[::1]", "http://[::1]:80", true},
		{"h", "http://h:81", false},
		{"h:81", "http://h", false},
		{"h:80", "https://h", false},
		{"h", "http://other", false},
		{"h", "http://h.evil", false},
		{"h", "http://evil/h", false},
		{"h", "http://user@h", false},
		{"h", "http://h/", false},
		{"h", "null", false},
		{"h", "", false},
		{"h", "h", false},
		{"h", "file://", false},
		{"h", "ftp://h", false},
		{"h", "http://h|http://h", false},
	} {
		t.Run(tt.host+" "+tt.origins, func(t *testing.T) {
			w := newWorld(t)
			w.opts = &ws.Options{CheckOrigin: ws.SameOrigin}
			more := ""
			if tt.origins != "-" {
				for o := range strings.SplitSeq(tt.origins, "|") {
					more += "\r\nOrigin: " + o
				}
			}
			head, _, err := w.asked(strings.Replace(offering("X: y"+more), "Host: h", "Host: "+tt.host, 1), "")
			var he *ws.HandshakeError
			switch refused := errors.As(err, &he); {
			case refused == tt.same, refused && (he.Status != 403 || he.Header != "Origin"):
				t.Errorf("Upgrade: %v", err)
			case !strings.HasPrefix(head, map[bool]string{true: "HTTP/1.1 101 ", false: "HTTP/1.1 403 "}[tt.same]):
				t.Errorf("answer %q", head)
			}
		})
	}
}

// Check has the last word: its HandshakeError is the answer, or its own answer is.
// Any other error is answered 403 and ends the connection, without a word of
// what the program says to itself.
func TestCheck(t *testing.T) {
	other := errors.New("other")
	for _, tt := range []struct {
		name   string
		check  func(c *reactor.Conn, hm *http.Message) error
		status int
		err    error // or a *HandshakeError if nil
		ends   bool
	}{
		{"nil", func(*reactor.Conn, *http.Message) error { return nil }, 101, nil, false},
		{"HandshakeError", func(*reactor.Conn, *http.Message) error {
			return &ws.HandshakeError{Status: 404, Reason: "no such room"}
		}, 404, nil, false},
		{"wrapped", func(*reactor.Conn, *http.Message) error {
			return fmt.Errorf("%w: %w", other, &ws.HandshakeError{Status: 503, Reason: "no such room"})
		}, 503, other, false},
		{"answer", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "WWW-Authenticate: Basic realm=r\r\n", "no such room\n")
			return other
		}, 401, other, false},
		{"answer and HandshakeError", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "", "no such room\n")
			return &ws.HandshakeError{Status: 404, Reason: "not this"}
		}, 401, nil, false},
		{"answer and nil", func(c *reactor.Conn, _ *http.Message) error {
			http.Reply(c, 401, "", "no such room\n")
			return nil
		}, 401, http.ErrNoRequest, false},
		{"upgrade", func(c *reactor.Conn, hm *http.Message) error { return ws.Upgrade(c, hm, "") }, 101, http.ErrNoRequest, false},
		{"close", func(c *reactor.Conn, hm *http.Message) error { c.Close(); return nil }, 0, reactor.ErrClosed, false},
		{"fail", func(c *reactor.Conn, hm *http.Message) error { c.Fail(other); return nil }, 0, reactor.ErrClosed, false},
		{"any error", func(*reactor.Conn, *http.Message) error { return other }, 403, other, true},
		{"no status", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Reason: "other"} }, 403, nil, true},
		{"no status of an answer", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Status: 1000, Reason: "other"} }, 403, nil, true},
		{"no status with a body", func(*reactor.Conn, *http.Message) error { return &ws.HandshakeError{Status: 204, Reason: "other"} }, 403, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			asked := 0
			w.opts = &ws.Options{
				Check: func(c *reactor.Conn, hm *http.Message) error {
					asked++
					return tt.check(c, hm)
				},
				CheckOrigin: func(*http.Message) bool { asked++; return true },
			}
			var err error
			waits := false
			e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					err = ws.Upgrade(c, data.(*http.Message), "", w.opts)
					waits = http.Waiting(c) == nil
				}
			})
			e.feed(request)
			if asked != 2 || waits || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("asked %d times, waiting %v, Upgrade: %v", asked, waits, err)
			}
			spin(t, w.m)
			e.p.pump()
			if got := string(e.p.in); tt.status == 0 && got != "" || tt.status > 0 && !strings.HasPrefix(got, fmt.Sprint("HTTP/1.1 ", tt.status)) ||
				strings.Count(got, "HTTP/1.1 ") > 1 || tt.status > 101 && !tt.ends && !strings.HasSuffix(got, "\r\n\r\nno such room\n") ||
				tt.ends && strings.Contains(got, "other") {
				t.Errorf("answer %q", got)
			}
			if tt.status > 0 && e.p.eof != tt.ends {
				t.Errorf("the connection has ended: %v", e.p.eof)
			}
			e.p.in = nil
			if tt.status == 101 {
				must(t, ws.Send(e.c, []byte("open"), ws.OpText))
				e.wantSent(`text "open"`)
			}
			e.drop()
		})
	}
}

// Check is not asked about what is no handshake anyway.
func TestCheckComesLast(t *testing.T) {
	w := newWorld(t)
	w.opts = &ws.Options{
		CheckOrigin: func(*http.Message) bool { return false },
		Check:       func(*reactor.Conn, *http.Message) error { t.Error("asked"); return nil },
	}
	w.asked(request, "")
	w.opts.CheckOrigin = func(*http.Message) bool { t.Error("asked"); return true }
	w.asked(strings.Replace(request, "13", "8", 1), "")
}

// Values of Deflate that are out of range are refused where they come in.
func TestDeflateOptions(t *testing.T) {
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
		{ws.Deflate{MaxRatio: -1}, "MaxRatio"},
	} {
		w := newWorld(t)
		o := &ws.Options{Deflate: &tt.d}
		_, err := ws.Connect(w.m, "ws://127.0.0.1:1/", nil, nil, "", o)
		contains(t, err, tt.word)
		_, err = ws.Listen(w.m, "ws://127.0.0.1:0", nil, nil, o)
		contains(t, err, tt.word)
		e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev == reactor.EvHTTPMsg {
				contains(t, ws.Upgrade(c, data.(*http.Message), "", o), tt.word)
			}
		})
		e.feed(request)
		e.drop()
	}
}
