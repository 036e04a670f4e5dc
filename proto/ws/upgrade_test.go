package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The answer, with the key and the Accept of the RFC's own example
// [RFC 6455 1.3, 4.2.2].
func TestUpgradeAnswer(t *testing.T) {
	const two = "Sec-WebSocket-Protocol: v1, mqtt\r\nSec-WebSocket-Protocol: Other"
	for _, tt := range []struct{ name, request, headers, more string }{
		{"plain", request, "", ""},
		{"4.2.1 without case, in lists", strings.NewReplacer("websocket", "h2c, WebSOCKET", "Connection: Upgrade", "CONNECTION: keep-alive,UPGRADE").Replace(request), "", ""},
		{"extra headers", request, "Server: x\r\nSet-Cookie: a=b\r\n", "Server: x\r\nSet-Cookie: a=b\r\n"},
		{"subprotocol", offering(two), "Sec-WebSocket-Protocol: mqtt\r\n", "Sec-WebSocket-Protocol: mqtt\r\n"},
		{"subprotocol of a second line", offering(two), "sec-websocket-protocol: Other\r\n", "sec-websocket-protocol: Other\r\n"},
		{"4.2.2 no subprotocol chosen", offering(two), "", ""},
		{"9.1 extension offered, none chosen", offering("Sec-WebSocket-Extensions: permessage-deflate"), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvHTTPMsg:
					must(t, ws.Upgrade(c, data.(*http.Message), tt.headers))
				case reactor.EvWSOpen:
					if m := data.(*http.Message); string(m.URI) != "/chat" || string(m.Header("Host")) != "h" {
						t.Errorf("EvWSOpen with %+v", m)
					}
				}
			})
			e.feed(tt.request)
			e.rec.want(t, "HTTP GET", "OPEN")
			want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
				sampleAccept + "\r\n" + tt.more + "\r\n"
			if got := e.head(); got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
			e.feed(e.frame(fin|text, "works"))
			e.rec.want(t, `MSG text "works"`)
		})
	}
}

// offering adds lines to the request.
func offering(more string) string {
	return strings.TrimSuffix(request, "\r\n") + more + "\r\n\r\n"
}

// A request that is no handshake gets an answer that says why; the connection
// stays HTTP, so the same client may do better [RFC 6455 4.2.2, 4.4]. Which
// requests are refused is in the conformance suite.
func TestUpgradeRefused(t *testing.T) {
	replace := func(old, new string) string {
		s := strings.Replace(request, old, new, 1)
		if s == request {
			t.Fatalf("%q is not in the request", old)
		}
		return s
	}
	const key, version = "Sec-WebSocket-Key", "Sec-WebSocket-Version"
	for _, tt := range []struct {
		name, request, headers string
		status                 int
		header, word           string
	}{
		{"method", replace("GET", "POST"), "", 405, "", "POST"},
		{"Upgrade", replace("websocket", "h2c"), "", 426, "Upgrade", "Upgrade"},
		{"Connection", replace("Connection: Upgrade", "Connection: keep-alive"), "", 400, "Connection", "Connection"},
		{"key", replace(sampleKey, ""), "", 400, key, key},
		{"version", replace("13", "8"), "", 426, version, version},
		{"subprotocol", offering("Sec-WebSocket-Protocol: v1"), "Sec-WebSocket-Protocol: mqtt\r\n", 400, "Sec-WebSocket-Protocol", "mqtt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var refusal error
			headers := tt.headers
			e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					refusal = ws.Upgrade(c, data.(*http.Message), headers)
					headers = ""
				}
			})
			e.feed(tt.request)
			var he *ws.HandshakeError
			if !errors.As(refusal, &he) || he.Status != tt.status || he.Header != tt.header {
				t.Fatalf("Upgrade returned %T %+v", refusal, refusal)
			}
			contains(t, refusal, "ws: handshake", tt.word)
			checkRefusal(t, e, tt.status, he.Reason)
			e.feed(request)
			must(t, refusal)
			if got := e.head(); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
				t.Errorf("second answer is %q", got)
			}
		})
	}
}

// checkRefusal reads the answer off the wire.
func checkRefusal(t *testing.T, e *end, status int, reason string) {
	t.Helper()
	head := e.head()
	msg := new(http.Message)
	p := http.Parser{Response: true}
	await(t, e.m, "body", func() bool { e.p.pump(); return len(e.p.in) >= len(reason)+1 })
	raw := append([]byte(head), e.p.in...)
	n, err := p.Parse(raw, msg)
	if err != nil || n != len(raw) || msg.Status != status || string(msg.Body) != reason+"\n" {
		t.Fatalf("answer %q: %v", raw, err)
	}
	e.p.in = nil
	switch status {
	case 405:
		if string(msg.Header("Allow")) != "GET" { // [RFC 9110 15.5.6]
			t.Errorf("Allow is %q", msg.Header("Allow"))
		}
	case 426:
		if string(msg.Header("Sec-WebSocket-Version")) != "13" { // [RFC 6455 4.4]
			t.Errorf("Sec-WebSocket-Version is %q", msg.Header("Sec-WebSocket-Version"))
		}
		if !msg.HasToken("Upgrade", "websocket") || !msg.HasToken("Connection", "upgrade") { // [RFC 9110 7.8, 15.5.22]
			t.Errorf("Upgrade is %q, Connection %q", msg.Header("Upgrade"), msg.Header("Connection"))
		}
	}
}

// An HTTP/1.0 request cannot upgrade [RFC 9110 7.8].
func TestUpgradeRefusesOldHTTP(t *testing.T) {
	w := newWorld(t)
	var err error
	e := w.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			err = ws.Upgrade(c, data.(*http.Message), "")
		}
	})
	e.feed(strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1))
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != 505 {
		t.Errorf("error is %v", err)
	}
	e.ends()
	e.rec.want(t, "HTTP GET", "CLOSE")
}

func TestOffers(t *testing.T) {
	msg := new(http.Message)
	if _, err := http.ParseHead([]byte(offering("sec-websocket-protocol: a\t,  mqtt ,b\r\nSec-WebSocket-Protocol: c")), msg, http.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "mqtt": true, "b": true, "c": true, "MQTT": false, "mq": false, "d": false, "a\t,  mqtt ,b": false} {
		if ws.Offers(msg, name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
