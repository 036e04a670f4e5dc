package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestUpgradeBadHeaders: a wrong header is an error of the program. Upgrade sends nothing, and
// the program may still send another response.
func TestUpgradeBadHeaders(t *testing.T) {
	env := newEnv(t)
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
		tc := env.accept(func(c *reactor.Conn, ev reactor.Event, data any) {
			if ev != reactor.EvHTTPMsg {
				return
			}
			looptest.WantErr(t, ws.Upgrade(c, data.(*http.Message), headers), nil, word)
			if n := c.Send.Len(); n > 0 {
				t.Errorf("%q: %d bytes were answered", headers, n)
			}
			must(t, http.Reply(c, 500, "", "sorry"))
		})
		tc.peerSends(request)
		if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 500 ") {
			t.Errorf("%q: answer %q", headers, head)
		}
		tc.events.WantLines(t, "HTTP GET")
		tc.closeBoth()
	}
}

// TestConnectBadHeaders: Connect refuses headers that are malformed or that the handshake itself
// sends.
func TestConnectBadHeaders(t *testing.T) {
	m := looptest.NewStillManager(t)
	for _, tt := range []struct {
		headers string
		words   []string
	}{
		{"X: y", []string{"does not end with", "X: y"}},
		{"X: y\n", []string{"does not end with"}},
		{"X y\r\n", []string{"X y"}},
		{": y\r\n", []string{"Name: value"}},
		{"X : y\r\n", []string{"X : y"}},
		{"X: y\r\n folded\r\n", []string{"folded"}},
		{"X: y\nZ: z\r\n", []string{"control", "X"}},
		{"X: y\rZ: z\r\n", []string{"control", "X"}},
		{"X: y\x00\r\n", []string{"control"}},
		{"X: y\r\n\r\n", []string{"Name: value"}},
		{"\r\nX: y\r\n", []string{"Name: value"}},
		{"Host: a\r\nX: y\r\nhost: b\r\n", []string{"2 Host headers"}},
		{"Host: \t\r\n", []string{"Host is empty"}},
		{"Host: a", []string{"does not end with", "Host: a"}},
		{"Host: a\rX: y\r\n", []string{"bare CR"}},
		{"Host : a\r\n", []string{"Host : a"}},
		{"Host: a b\r\n", []string{"Host"}},
		{"X: y\r\n Host: a\r\n", []string{"Host"}},
		{"UPGRADE: h2c\r\n", []string{"Upgrade"}},
		{"connection: close\r\n", []string{"Connection"}},
		{"Sec-WebSocket-Key: x\r\n", []string{"Sec-WebSocket-Key"}},
		{"Sec-WebSocket-Version: 8\r\n", []string{"Sec-WebSocket-Version"}},
		{"Sec-WebSocket-Extensions: x\r\n", []string{"Sec-WebSocket-Extensions"}},
		{"Content-Length: 3\r\n", []string{"Content-Length"}},
		{"Transfer-Encoding: chunked\r\n", []string{"Transfer-Encoding"}},
		{"Sec-WebSocket-Protocol: a b\r\n", []string{"Sec-WebSocket-Protocol"}},
		{"Sec-WebSocket-Protocol: a,,b\r\n", []string{"Sec-WebSocket-Protocol"}},
		{"Sec-WebSocket-Protocol:\r\n", []string{"Sec-WebSocket-Protocol"}},
	} {
		wantConnectError(t, m, "ws://h.test/", tt.headers, tt.words...)
	}
	wantNoConns(t, m)
}
