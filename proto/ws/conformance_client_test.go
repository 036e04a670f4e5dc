package ws_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// clientRules are about the opening handshake of a client.
func clientRules() []rule {
	const acc, pro, ext = "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	opens := func(name string, in ...string) handshakeRow {
		return handshakeRow{name: name, role: asClient, in: httpHead(in...)}
	}
	refuses := func(name string, status int, fault string, in ...string) handshakeRow {
		return handshakeRow{name: name, role: asClient, in: httpHead(in...), status: status, fault: fault}
	}
	offers := func(g handshakeRow) handshakeRow {
		g.headers = pro + ": mqtt, v1\r\n"
		return g
	}
	return []rule{
		{"3", "The request has the URL's path and query. Host leaves out the default port. A URL has no fragment.", []tester{
			target("path and query", "ws://h.test/chat/a%20b?x=1&y", "/chat/a%20b?x=1&y", "h.test"),
			target("no path", "ws://h.test", "/", "h.test"),
			target("query without path", "ws://h.test?x", "/?x", "h.test"),
			target("default port", "ws://h.test:80/", "/", "h.test"),
			target("another port", "ws://h.test:8080/", "/", "h.test:8080"),
			target("IPv6 address", "ws://[::1]:8080/", "/", "[::1]:8080"),
			notConnected("fragment", "ws://h.test/#x", ""),
			notConnected("empty fragment", "ws://h.test/#", ""),
			notConnected("another scheme", "http://h.test/", ""),
		}},
		{"4.1", "The offered subprotocols are tokens. None is empty, and none is offered twice.", []tester{
			notConnected("subprotocol that is no token", "ws://h.test/", pro+": a b\r\n"),
			notConnected("empty subprotocol offered", "ws://h.test/", pro+":\r\n"),
			notConnected("empty subprotocol in a list", "ws://h.test/", pro+": a,,b\r\n"),
			notConnected("subprotocol offered twice", "ws://h.test/", pro+": a, b, a\r\n"),
			notConnected("subprotocol offered on two lines", "ws://h.test/", pro+": a\r\n"+pro+": a\r\n"),
		}},
		{"4.1", "The request is a GET of HTTP/1.1 with Host, Upgrade, Connection, a random key of 16 bytes, and version 13.", requestRows()},
		{"4.1", "A response with any status except 101 fails the handshake.", []tester{
			refuses("response 200", 200, "", "HTTP/1.1 200 OK", upgradeH, connH, acceptH),
			refuses("response 302", 302, "", "HTTP/1.1 302 Found", "Location: ws://elsewhere/"),
			refuses("response 400", 400, "", "HTTP/1.1 400 Bad Request"),
			refuses("response 401", 401, "", "HTTP/1.1 401 Unauthorized"),
			refuses("response 426", 426, "", "HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 8"),
			refuses("response 500", 500, "", "HTTP/1.1 500 Oops"),
			refuses("response without a reason phrase", 503, "", "HTTP/1.1 503"),
			handshakeRow{name: "interim response before 101", role: asClient, in: httpHead("HTTP/1.1 103 Early Hints") + httpHead(status101, upgradeH, connH, acceptH)},
		}},
		{"4.1", "The response has the header Upgrade: websocket, in any case.", []tester{
			opens("complete response", status101, upgradeH, connH, acceptH),
			opens("response with Upgrade in another case", status101, "upgrade: WebSocket", connH, acceptH),
			refuses("response without Upgrade", 101, "Upgrade", status101, connH, acceptH),
			refuses("response with another Upgrade", 101, "Upgrade", status101, "Upgrade: h2c", connH, acceptH),
			refuses("response with Upgrade: websockets", 101, "Upgrade", status101, "Upgrade: websockets", connH, acceptH),
		}},
		{"4.1", "The response's Connection header has the token Upgrade, in any case.", []tester{
			opens("response with Connection in another case", status101, upgradeH, "CONNECTION: upgrade", acceptH),
			opens("response with Connection in a list", status101, upgradeH, "Connection: x, Upgrade", acceptH),
			refuses("response without Connection", 101, "Connection", status101, upgradeH, acceptH),
			refuses("response with another Connection", 101, "Connection", status101, upgradeH, "Connection: close", acceptH),
			refuses("response with Connection: Upgraded", 101, "Connection", status101, upgradeH, "Connection: x, Upgraded", acceptH),
		}},
		{"4.1", "The response has one Sec-WebSocket-Accept header, with the value that follows from the key.", []tester{
			opens("Accept with blanks around it", status101, upgradeH, connH, acc+": \t ACCEPT \t"),
			refuses("no Accept", 101, acc, status101, upgradeH, connH),
			refuses("empty Accept", 101, acc, status101, upgradeH, connH, acc+":"),
			refuses("Accept of another key", 101, acc, status101, upgradeH, connH, acc+": "+sampleAccept),
			refuses("Accept with an extra byte", 101, acc, status101, upgradeH, connH, acc+": ACCEPTx"),
			refuses("Accept that is too short", 101, acc, status101, upgradeH, connH, acc+": x"),
			refuses("Accept twice in one line", 101, acc, status101, upgradeH, connH, acc+": ACCEPT, ACCEPT"),
			refuses("two Accept headers", 101, acc, status101, upgradeH, connH, acceptH, acceptH),
			refuses("two Accept headers, the second wrong", 101, acc, status101, upgradeH, connH, acceptH, acc+": x"),
		}},
		{"4.1", "The response chooses only extensions that were offered.", []tester{
			refuses("extension that was not offered", 101, ext, status101, upgradeH, connH, acceptH, ext+": permessage-deflate"),
			refuses("unknown extension", 101, ext, status101, upgradeH, connH, acceptH, ext+": x-unknown; a=b"),
		}},
		{"4.1", "The response chooses one subprotocol at most, and only one that was offered.", []tester{
			offers(opens("first subprotocol chosen", status101, upgradeH, connH, acceptH, pro+": mqtt")),
			offers(opens("second subprotocol chosen", status101, upgradeH, connH, acceptH, pro+": v1")),
			offers(opens("none of the subprotocols chosen", status101, upgradeH, connH, acceptH)),
			refuses("subprotocol without an offer by the client", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt"),
			offers(refuses("another subprotocol", 101, pro, status101, upgradeH, connH, acceptH, pro+": chat")),
			offers(refuses("subprotocol chosen in another case", 101, pro, status101, upgradeH, connH, acceptH, pro+": MQTT")),
			offers(refuses("empty subprotocol chosen", 101, pro, status101, upgradeH, connH, acceptH, pro+":")),
			offers(refuses("list of subprotocols chosen", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt, v1")),
			offers(refuses("two headers of subprotocols", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt", pro+": v1")),
		}},
		{"4.1", "The connection is open after the last byte of the response. The bytes after it are frames.", []tester{
			handshakeRow{name: "frames after the response", role: asClient, in: responseTemplate + buildFrame(fin|text, false, -1, "first") + buildFrame(fin|pong, false, -1, "p"),
				events: []string{`MSG text "first"`, `CTL pong "p"`}},
		}},
	}
}

// requested is an action whose check gets the header of a client's request.
func requested(name, headers string, check func(t *testing.T, env *testEnv, head string)) action {
	return action{name, asClient, func(t *testing.T, env *testEnv, _ role) {
		tc := env.connect(headers, nil)
		check(t, env, tc.readHead())
		tc.closeBoth()
	}}
}

// requestRows check the lines of a request.
func requestRows() []tester {
	has := func(name, headers string, want func(env *testEnv) string) action {
		return requested(name, headers, func(t *testing.T, env *testEnv, head string) {
			if line := want(env); !strings.Contains("\r\n"+head, "\r\n"+line+"\r\n") {
				t.Errorf("request %q has no line %q", head, line)
			}
		})
	}
	is := func(line string) func(*testEnv) string { return func(*testEnv) string { return line } }
	return []tester{
		has("request line", "", is("GET / HTTP/1.1")),
		has("Host with port", "", func(env *testEnv) string { return "Host: " + env.peerAddr }),
		has("Upgrade in the request", "", is("Upgrade: websocket")),
		has("Connection in the request", "", is("Connection: Upgrade")),
		has("version in the request", "", is("Sec-WebSocket-Version: 13")),
		has("subprotocols offered", "Sec-WebSocket-Protocol: mqtt, v1\r\n", is("Sec-WebSocket-Protocol: mqtt, v1")),
		requested("no extension without options", "", func(t *testing.T, env *testEnv, head string) {
			if strings.Contains(head, "Extensions") {
				t.Errorf("request %q offers an extension", head)
			}
		}),
		requested("key of 16 bytes, different each time", "", func(t *testing.T, env *testEnv, head string) {
			seen := map[string]bool{}
			for range 8 {
				tc := env.connect("", nil)
				key := headerField(t, tc.readHead(), "Sec-WebSocket-Key")
				if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || seen[key] {
					t.Errorf("key %q has %d bytes (%v), want 16; it was used before: %v", key, len(raw), err, seen[key])
				}
				seen[key] = true
				tc.closeBoth()
			}
		}),
	}
}

// target is an action that checks the request for a URL.
func target(name, url, uri, host string) action {
	return action{name, asClient, func(t *testing.T, env *testEnv, _ role) {
		msg := sentRequest(t, env.manager, url, "")
		got := string(msg.URI)
		if msg.Query != nil {
			got += "?" + string(msg.Query)
		}
		if got != uri || string(msg.Header("Host")) != host {
			t.Errorf("request for %s of %s, want %s of %s", got, msg.Header("Host"), uri, host)
		}
	}}
}

// notConnected is a call of Connect that must return an error.
func notConnected(name, url, headers string) action {
	return action{name, asClient, func(t *testing.T, env *testEnv, _ role) {
		c, err := ws.Connect(env.manager, url, nil, nil, headers)
		if err == nil {
			c.Close()
			t.Errorf("Connect to %s with headers %q returns no error", url, headers)
		}
	}}
}
