package ws_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestUpgradeResponse: the response, with the key and the Accept of the example in the RFC
// [RFC 6455 1.3, 4.2.2].
func TestUpgradeResponse(t *testing.T) {
	const two = "Sec-WebSocket-Protocol: v1, mqtt\r\nSec-WebSocket-Protocol: Other"
	for _, tt := range []struct{ name, request, headers, more string }{
		{"plain", request, "", ""},
		{"4.2.1 without case, in lists", strings.NewReplacer("websocket", "h2c, WebSOCKET", "Connection: Upgrade", "CONNECTION: keep-alive,UPGRADE").Replace(request), "", ""},
		{"extra headers", request, "Server: x\r\nSet-Cookie: a=b\r\n", "Server: x\r\nSet-Cookie: a=b\r\n"},
		{"subprotocol", requestWith(two), "Sec-WebSocket-Protocol: mqtt\r\n", "Sec-WebSocket-Protocol: mqtt\r\n"},
		{"subprotocol of a second line", requestWith(two), "sec-websocket-protocol: Other\r\n", "sec-websocket-protocol: Other\r\n"},
		{"4.2.2 no subprotocol chosen", requestWith(two), "", ""},
		{"9.1 extension offered, none chosen", requestWith("Sec-WebSocket-Extensions: permessage-deflate"), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := newEnv(t)
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				switch ev {
				case reactor.EvHTTPMsg:
					must(t, ws.Upgrade(c, data.(*http.Message), tt.headers))
				case reactor.EvWSOpen:
					if m := data.(*http.Message); string(m.URI) != "/chat" || string(m.Header("Host")) != "h" {
						t.Errorf("EvWSOpen with %+v", m)
					}
				}
			})
			tc.peerSends(tt.request)
			tc.events.WantLines(t, "HTTP GET", "OPEN")
			want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
				sampleAccept + "\r\n" + tt.more + "\r\n"
			if got := tc.readHead(); got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
			tc.peerSends(tc.frame(fin|text, "works"))
			tc.events.WantLines(t, `MSG text "works"`)
		})
	}
}

// requestWith returns the request with more lines.
func requestWith(more string) string {
	return strings.TrimSuffix(request, "\r\n") + more + "\r\n\r\n"
}

// TestUpgradeRefused: a request that is no handshake gets a response that says why. The connection
// stays HTTP, and the client may try again [RFC 6455 4.2.2, 4.4]. The conformance suite tests
// which requests are refused.
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
		{"subprotocol", requestWith("Sec-WebSocket-Protocol: v1"), "Sec-WebSocket-Protocol: mqtt\r\n", 400, "Sec-WebSocket-Protocol", "mqtt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := newEnv(t)
			var refusal error
			headers := tt.headers
			tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvHTTPMsg {
					refusal = ws.Upgrade(c, data.(*http.Message), headers)
					headers = ""
				}
			})
			tc.peerSends(tt.request)
			var he *ws.HandshakeError
			if !errors.As(refusal, &he) || he.Status != tt.status || he.Header != tt.header {
				t.Fatalf("Upgrade returned %T %+v", refusal, refusal)
			}
			looptest.WantErr(t, refusal, nil, "ws: handshake", tt.word)
			checkRefusal(t, tc, tt.status, he.Reason)
			tc.peerSends(request)
			must(t, refusal)
			if got := tc.readHead(); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
				t.Errorf("second answer is %q", got)
			}
		})
	}
}

// checkRefusal reads the response and checks it.
func checkRefusal(t *testing.T, tc *testConn, status int, reason string) {
	t.Helper()
	head := tc.readHead()
	msg := new(http.Message)
	p := http.Parser{Response: true}
	await(t, tc.manager, "body", func() bool { tc.peer.Receive(); return len(tc.peer.In) >= len(reason)+1 })
	raw := append([]byte(head), tc.peer.In...)
	n, err := p.Parse(raw, msg)
	if err != nil || n != len(raw) || msg.Status != status || string(msg.Body) != reason+"\n" {
		t.Fatalf("answer %q: %v", raw, err)
	}
	tc.peer.In = nil
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

// TestUpgradeRefusesOldHTTP: an HTTP/1.0 request cannot upgrade [RFC 9110 7.8].
func TestUpgradeRefusesOldHTTP(t *testing.T) {
	env := newEnv(t)
	var err error
	tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			err = ws.Upgrade(c, data.(*http.Message), "")
		}
	})
	tc.peerSends(strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1))
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != 505 {
		t.Errorf("error is %v", err)
	}
	tc.awaitEnd()
	tc.events.WantLines(t, "HTTP GET", "CLOSE")
}

func TestOffers(t *testing.T) {
	msg := new(http.Message)
	if _, err := http.ParseHead([]byte(requestWith("sec-websocket-protocol: a\t,  mqtt ,b\r\nSec-WebSocket-Protocol: c")), msg, http.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "mqtt": true, "b": true, "c": true, "MQTT": false, "mq": false, "d": false, "a\t,  mqtt ,b": false} {
		if ws.Offers(msg, name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
