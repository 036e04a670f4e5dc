package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Frames in the same segment as the request are delivered in the same
// dispatch.
func TestFramesBehindRequest(t *testing.T) {
	w := newWorld(t)
	reads := -1
	e := w.begin(asServer)
	e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		upgradeAll(c, ev, data, t)
		if ev == reactor.EvWSMsg {
			reads = e.rec.reads
		}
	}
	e.feed(request + e.frame(fin|text, "first") + e.frame(fin|ping, ""))
	e.rec.want(t, "HTTP GET", "OPEN", `MSG text "first"`, `CTL ping ""`)
	if reads != 0 || e.rec.reads != 1 {
		t.Errorf("after %d of %d reads, want 0 of 1", reads, e.rec.reads)
	}
	e.head()
	e.wantSent(`pong ""`)
}

// What the handler of EvWSOpen sends comes behind the answer.
func TestSendInOpen(t *testing.T) {
	w := newWorld(t)
	e := w.begin(asServer)
	e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		upgradeAll(c, ev, data, t)
		if ev == reactor.EvWSOpen {
			must(t, ws.Send(c, []byte("hi"), ws.OpText))
		}
	}
	e.feed(request)
	e.head()
	e.wantSent(`text "hi"`)
}

// Upgrade may come later, as a Reply may; what arrived meanwhile waits.
func TestUpgradeLate(t *testing.T) {
	w := newWorld(t)
	e := w.begin(asServer)
	var kept string
	e.rec.hook = func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvHTTPMsg:
			kept = string(data.(*http.Message).Raw)
		case reactor.EvWakeup:
			msg := new(http.Message)
			if _, err := http.ParseHead([]byte(kept), msg, http.Limits{}); err != nil {
				t.Fatal(err)
			}
			must(t, ws.Upgrade(c, msg, ""))
			e.rec.note("upgraded")
		}
	}
	e.p.write(request + e.frame(fin|text, "a"))
	await(t, w.m, "request", e.rec.saw("HTTP GET"))
	e.p.write(e.frame(fin|ping, "b") + e.frame(fin|text, "c")[:3])
	spin(t, w.m)
	e.rec.want(t, "HTTP GET")
	must(t, w.m.Wakeup(e.c.ID(), nil))
	await(t, w.m, "ping", e.rec.saw(`CTL ping "b"`))
	e.rec.want(t, "OPEN", "upgraded", `MSG text "a"`, `CTL ping "b"`)
	e.p.write(e.frame(fin|text, "c")[3:])
	await(t, w.m, "message", e.rec.saw(`MSG text "c"`))
	e.head()
	e.wantSent(`pong "b"`)
}

// An answer to a request before stays in front.
func TestUpgradeAfterOtherRequest(t *testing.T) {
	w := newWorld(t)
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if m, ok := data.(*http.Message); ok && ev == reactor.EvHTTPMsg {
			if string(m.URI) == "/chat" {
				must(t, ws.Upgrade(c, m, ""))
			} else {
				must(t, http.Reply(c, 200, "", "plain"))
			}
		}
	})
	e.feed(lines("GET / HTTP/1.1", "Host: h") + request + e.frame(fin|text, "x"))
	e.rec.want(t, "HTTP GET", "HTTP GET", "OPEN", `MSG text "x"`)
	if head := e.head(); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("first answer %q", head)
	}
	if head := e.head(); !strings.HasPrefix(head, "plainHTTP/1.1 101 ") {
		t.Errorf("second answer %q", head)
	}
}

// Headers that are wrong are the program's error: nothing is answered, and it
// may still answer otherwise.
func TestUpgradeBadHeaders(t *testing.T) {
	w := newWorld(t)
	for headers, word := range map[string]string{
		"X: y":                            "does not end with",
		"X: y\nZ: z\r\n":                  "control",
		"X y\r\n":                         "Name: value",
		"X: y\r\n\r\nHTTP/1.1 200 OK\r\n": "Name: value",
		"upgrade: h2c\r\n":                "Upgrade",
		"Connection: close\r\n":           "Connection",
		"Sec-WebSocket-Accept: x\r\n":     "Sec-WebSocket-Accept",
		"Sec-WebSocket-Extensions: x\r\n": "Sec-WebSocket-Extensions",
		"Content-Length: 1\r\n":           "Content-Length",
		"Sec-WebSocket-Protocol: a b\r\n": "Sec-WebSocket-Protocol",
	} {
		e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvHTTPMsg {
				return
			}
			contains(t, ws.Upgrade(c, data.(*http.Message), headers), word)
			if n := c.Send.Len(); n > 0 {
				t.Errorf("%q: %d bytes were answered", headers, n)
			}
			must(t, http.Reply(c, 500, "", "sorry"))
		})
		e.feed(request)
		if head := e.head(); !strings.HasPrefix(head, "HTTP/1.1 500 ") {
			t.Errorf("%q: answer %q", headers, head)
		}
		e.rec.want(t, "HTTP GET")
		e.drop()
	}
}

// Upgrade answers a request that waits for an answer, and nothing else: not
// one that was answered, nor one that was upgraded, nor on a connection that is
// gone. It writes nothing then.
func TestUpgradeOutOfPlace(t *testing.T) {
	w := newWorld(t)
	for name, before := range map[string]func(c *reactor.Conn, m *http.Message) error{
		"answered": func(c *reactor.Conn, _ *http.Message) error { return http.Reply(c, 200, "", "") },
		"upgraded": func(c *reactor.Conn, m *http.Message) error { return ws.Upgrade(c, m, "") },
		"closed":   func(c *reactor.Conn, _ *http.Message) error { c.Close(); return nil },
		"failed":   func(c *reactor.Conn, _ *http.Message) error { c.Fail(errors.New("no")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w.TB = t
			e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
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
			e.feed(request)
			e.drop()
		})
	}
	w.TB = t
	e := w.accept(nil)
	e.feed(request)
	e.drop()
	msg := new(http.Message)
	if _, err := http.ParseHead([]byte(request), msg, http.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := ws.Upgrade(e.c, msg, ""); err == nil {
		t.Error("Upgrade after EvClose: no error")
	}
}
