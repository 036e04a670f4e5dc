package ws_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

func clientRules() []rule {
	const acc, pro, ext = "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	opens := func(name string, in ...string) greeting {
		return greeting{name: name, role: asClient, in: lines(in...)}
	}
	refuses := func(name string, status int, fault string, in ...string) greeting {
		return greeting{name: name, role: asClient, in: lines(in...), status: status, fault: fault}
	}
	offers := func(g greeting) greeting {
		g.headers = pro + ": mqtt, v1\r\n"
		return g
	}
	return []rule{
		{"3", "The URL's path and query are asked for; it has no fragment, and port 80 need not be said.", []tester{
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
		{"4.1", "The subprotocols that are offered are tokens, none of them empty or there twice.", []tester{
			notConnected("subprotocol that is no token", "ws://h.test/", pro+": a b\r\n"),
			notConnected("empty subprotocol offered", "ws://h.test/", pro+":\r\n"),
			notConnected("empty subprotocol in a list", "ws://h.test/", pro+": a,,b\r\n"),
			notConnected("subprotocol offered twice", "ws://h.test/", pro+": a, b, a\r\n"),
			notConnected("subprotocol offered on two lines", "ws://h.test/", pro+": a\r\n"+pro+": a\r\n"),
		}},
		{"4.1", "The request is a GET of HTTP/1.1 with Host, Upgrade, Connection, a random key of 16 bytes, and version 13.", requestRows()},
		{"4.1", "Any status but 101 is no agreement.", []tester{
			refuses("answer 200", 200, "", "HTTP/1.1 200 OK", upgradeH, connH, acceptH),
			refuses("answer 302", 302, "", "HTTP/1.1 302 Found", "Location: ws://elsewhere/"),
			refuses("answer 400", 400, "", "HTTP/1.1 400 Bad Request"),
			refuses("answer 401", 401, "", "HTTP/1.1 401 Unauthorized"),
			refuses("answer 426", 426, "", "HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 8"),
			refuses("answer 500", 500, "", "HTTP/1.1 500 Oops"),
			refuses("answer without a reason", 503, "", "HTTP/1.1 503"),
			greeting{name: "interim answers before 101", role: asClient, in: lines("HTTP/1.1 103 Early Hints") + lines(status101, upgradeH, connH, acceptH)},
		}},
		{"4.1", "The answer's Upgrade header is websocket, in any case.", []tester{
			opens("answer with all it needs", status101, upgradeH, connH, acceptH),
			opens("answer with Upgrade in other case", status101, "upgrade: WebSocket", connH, acceptH),
			refuses("answer without Upgrade", 101, "Upgrade", status101, connH, acceptH),
			refuses("answer with another Upgrade", 101, "Upgrade", status101, "Upgrade: h2c", connH, acceptH),
			refuses("answer with Upgrade that begins alike", 101, "Upgrade", status101, "Upgrade: websockets", connH, acceptH),
		}},
		{"4.1", "The answer's Connection header has the token Upgrade, in any case.", []tester{
			opens("answer with Connection in other case", status101, upgradeH, "CONNECTION: upgrade", acceptH),
			opens("answer with Connection in a list", status101, upgradeH, "Connection: x, Upgrade", acceptH),
			refuses("answer without Connection", 101, "Connection", status101, upgradeH, acceptH),
			refuses("answer with another Connection", 101, "Connection", status101, upgradeH, "Connection: close", acceptH),
			refuses("answer with Connection that begins alike", 101, "Connection", status101, upgradeH, "Connection: x, Upgraded", acceptH),
		}},
		{"4.1", "The answer's Accept header is there once and proves that the key was read.", []tester{
			opens("Accept with blanks around it", status101, upgradeH, connH, acc+": \t ACCEPT \t"),
			refuses("no Accept", 101, acc, status101, upgradeH, connH),
			refuses("empty Accept", 101, acc, status101, upgradeH, connH, acc+":"),
			refuses("Accept of another key", 101, acc, status101, upgradeH, connH, acc+": "+sampleAccept),
			refuses("Accept with more behind it", 101, acc, status101, upgradeH, connH, acc+": ACCEPTx"),
			refuses("Accept with less", 101, acc, status101, upgradeH, connH, acc+": x"),
			refuses("Accept twice in a line", 101, acc, status101, upgradeH, connH, acc+": ACCEPT, ACCEPT"),
			refuses("two Accepts", 101, acc, status101, upgradeH, connH, acceptH, acceptH),
			refuses("two Accepts, the second wrong", 101, acc, status101, upgradeH, connH, acceptH, acc+": x"),
		}},
		{"4.1", "The answer chooses no extension that was not offered.", []tester{
			refuses("extension that was not offered", 101, ext, status101, upgradeH, connH, acceptH, ext+": permessage-deflate"),
			refuses("unknown extension", 101, ext, status101, upgradeH, connH, acceptH, ext+": x-unknown; a=b"),
		}},
		{"4.1", "The answer chooses no subprotocol that was not offered, and one at most.", []tester{
			offers(opens("first subprotocol chosen", status101, upgradeH, connH, acceptH, pro+": mqtt")),
			offers(opens("second subprotocol chosen", status101, upgradeH, connH, acceptH, pro+": v1")),
			offers(opens("none of the subprotocols chosen", status101, upgradeH, connH, acceptH)),
			refuses("subprotocol though none was offered", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt"),
			offers(refuses("another subprotocol", 101, pro, status101, upgradeH, connH, acceptH, pro+": chat")),
			offers(refuses("subprotocol chosen in other case", 101, pro, status101, upgradeH, connH, acceptH, pro+": MQTT")),
			offers(refuses("empty subprotocol chosen", 101, pro, status101, upgradeH, connH, acceptH, pro+":")),
			offers(refuses("list of subprotocols chosen", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt, v1")),
			offers(refuses("two lines of subprotocols", 101, pro, status101, upgradeH, connH, acceptH, pro+": mqtt", pro+": v1")),
		}},
		{"4.1", "The connection is open with the last byte of the answer: what follows are frames.", []tester{
			greeting{name: "frames behind the answer", role: asClient, in: answerTemplate + build(fin|text, false, -1, "first") + build(fin|pong, false, -1, "p"),
				hears: []string{`MSG text "first"`, `CTL pong "p"`}},
		}},
	}
}

// requested is a deed that looks at a client's request.
func requested(name, headers string, look func(t *testing.T, w *world, head string)) deed {
	return deed{name, asClient, func(t *testing.T, w *world, _ role) {
		e := w.connect(headers, nil)
		look(t, w, e.head())
		e.drop()
	}}
}

func requestRows() []tester {
	has := func(name, headers string, want func(w *world) string) deed {
		return requested(name, headers, func(t *testing.T, w *world, head string) {
			if line := want(w); !strings.Contains("\r\n"+head, "\r\n"+line+"\r\n") {
				t.Errorf("request %q has no line %s", head, line)
			}
		})
	}
	is := func(line string) func(*world) string { return func(*world) string { return line } }
	return []tester{
		has("request line", "", is("GET / HTTP/1.1")),
		has("Host with port", "", func(w *world) string { return fmt.Sprintf("Host: 127.0.0.1:%d", w.port) }),
		has("Upgrade asked for", "", is("Upgrade: websocket")),
		has("Connection asked for", "", is("Connection: Upgrade")),
		has("version asked for", "", is("Sec-WebSocket-Version: 13")),
		has("subprotocols offered", "Sec-WebSocket-Protocol: mqtt, v1\r\n", is("Sec-WebSocket-Protocol: mqtt, v1")),
		requested("no extension offered unasked", "", func(t *testing.T, w *world, head string) {
			if strings.Contains(head, "Extensions") {
				t.Errorf("request %q", head)
			}
		}),
		requested("key of 16 bytes, another each time", "", func(t *testing.T, w *world, head string) {
			seen := map[string]bool{}
			for range 8 {
				e := w.connect("", nil)
				key := field(t, e.head(), "Sec-WebSocket-Key")
				if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || seen[key] {
					t.Errorf("key %q: %d bytes, %v, seen: %v", key, len(raw), err, seen[key])
				}
				seen[key] = true
				e.drop()
			}
		}),
	}
}

// target is a deed that looks at what a URL makes the client ask for.
func target(name, url, uri, host string) deed {
	return deed{name, asClient, func(t *testing.T, w *world, _ role) {
		msg := asks(t, w.m, url, "")
		got := string(msg.URI)
		if msg.Query != nil {
			got += "?" + string(msg.Query)
		}
		if got != uri || string(msg.Header("Host")) != host {
			t.Errorf("asks for %s of %s, want %s of %s", got, msg.Header("Host"), uri, host)
		}
	}}
}

// notConnected is a deed that Connect must refuse.
func notConnected(name, url, headers string) deed {
	return deed{name, asClient, func(t *testing.T, w *world, _ role) {
		c, err := ws.Connect(w.m, url, nil, nil, headers)
		if err == nil {
			c.Close()
			t.Errorf("%s %q is taken", url, headers)
		}
	}}
}
