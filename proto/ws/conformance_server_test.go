package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
)

// asking returns the sample request with replacements. Arguments are pairs of old and new
// text.
func asking(changes ...string) string {
	s := strings.NewReplacer(changes...).Replace(request)
	if s == request {
		panic("conformance: nothing to replace in the request: " + strings.Join(changes, ", "))
	}
	return s
}

// serverRules are about the opening handshake of a server.
func serverRules() []rule {
	const key, version, protocol, extensions = "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	opens := func(name, in, headers string, says ...string) handshakeRow {
		return handshakeRow{name: name, role: asServer, in: in, headers: headers, says: says}
	}
	refuses := func(name string, status int, fault, in string, says ...string) handshakeRow {
		return handshakeRow{name: name, role: asServer, in: in, status: status, fault: fault, says: says}
	}
	const two = protocol + ": v1, mqtt\r\n" + protocol + ": Other"
	withHeaders := func(g handshakeRow, headers string) handshakeRow {
		g.headers = headers
		return g
	}
	return []rule{
		{"4.2.1", "A request has the method GET, HTTP/1.1 or higher, and no body.", []tester{
			refuses("POST", 405, "", asking("GET", "POST"), "Allow: GET"),
			refuses("PUT", 405, "", asking("GET", "PUT"), "Allow: GET"),
			refuses("HTTP/1.0", 505, "", asking("HTTP/1.1", "HTTP/1.0")),
			refuses("request with a body", 400, "Content-Length", requestWith("Content-Length: 2")+"hi"),
		}},
		{"4.2.1", "The Upgrade header has the token websocket, in any case.", []tester{
			opens("Upgrade in another case", asking("websocket", "WebSocket"), ""),
			opens("Upgrade in a list", asking("websocket", "h2c, websocket"), ""),
			opens("name of Upgrade in another case", asking("Upgrade: websocket", "UPGRADE: websocket"), ""),
			refuses("no Upgrade header", 426, "Upgrade", asking("Upgrade: websocket\r\n", "")),
			refuses("Upgrade to something else", 426, "Upgrade", asking("websocket", "h2c")),
			refuses("Upgrade that begins with websocket", 426, "Upgrade", asking("websocket", "websocket2")),
			refuses("empty Upgrade", 426, "Upgrade", asking("websocket", "")),
		}},
		{"4.2.1", "The Connection header has the token Upgrade, in any case.", []tester{
			opens("Connection in another case", asking("Connection: Upgrade", "Connection: uPGRADE"), ""),
			opens("Connection in a list", asking("Connection: Upgrade", "Connection: keep-alive, Upgrade"), ""),
			opens("two Connection headers", asking("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"), ""),
			refuses("no Connection header", 400, "Connection", asking("Connection: Upgrade\r\n", "")),
			refuses("Connection without Upgrade", 400, "Connection", asking("Connection: Upgrade", "Connection: keep-alive")),
		}},
		{"4.2.1", "The request has one key of 16 bytes in base64.", []tester{
			refuses("no key", 400, key, asking(key+": "+sampleKey+"\r\n", "")),
			refuses("empty key", 400, key, asking(sampleKey, "")),
			refuses("key of 15 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25j")),
			refuses("key of 17 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXo=")),
			refuses("key of 18 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXp6")),
			refuses("key of 24 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXp6enp6enp6")),
			refuses("key without padding", 400, key, asking(sampleKey, sampleKey[:22])),
			refuses("key with stray bits", 400, key, asking("ZQ==", "ZR==")),
			refuses("key that is not base64", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25j!!==")),
			refuses("two keys", 400, key, requestWith(key+": "+sampleKey)),
			opens("key with blanks around it", asking(sampleKey, "\t "+sampleKey+" \t"), "", "Sec-WebSocket-Accept: "+sampleAccept),
		}},
		{"4.2.2", "A request for another version than 13 is answered with 426 and the supported version.", []tester{
			refuses("no version", 426, version, asking(version+": 13\r\n", ""), version+": 13"),
			refuses("version 8", 426, version, asking("13", "8"), version+": 13"),
			refuses("version 14", 426, version, asking("13", "14"), version+": 13"),
			refuses("version 013", 426, version, asking("13", "013"), version+": 13"),
			refuses("list of versions", 426, version, asking("13", "13, 8"), version+": 13"),
			refuses("two versions", 426, version, requestWith(version+": 13"), version+": 13"),
			refuses("version that is not a number", 426, version, asking("13", "x"), version+": 13"),
		}},
		{"4.2.2", "The response is 101 with Upgrade, Connection and the Sec-WebSocket-Accept that follows from the key.", []tester{
			opens("sample handshake", request, "", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: "+sampleAccept),
			opens("another key", asking(sampleKey, "AQIDBAUGBwgJCgsMDQ4PEA=="), "", "Sec-WebSocket-Accept: "+looptest.AcceptKey("AQIDBAUGBwgJCgsMDQ4PEA==")),
			opens("unknown headers", requestWith("X-Unknown: y\r\nCookie: a=b"), "", "Sec-WebSocket-Accept: "+sampleAccept),
			opens("headers that the program adds", request, "Server: x\r\n", "Server: x"),
		}},
		{"4.2.2", "The response has one subprotocol that the client offered, or none.", []tester{
			opens("no subprotocol chosen", requestWith(two), "", "!"+protocol),
			opens("subprotocol of a list", requestWith(two), protocol+": mqtt\r\n", protocol+": mqtt"),
			opens("subprotocol of the second header", requestWith(two), protocol+": Other\r\n", protocol+": Other"),
			withHeaders(refuses("subprotocol that was not offered", 400, protocol, requestWith(two)), protocol+": chat\r\n"),
			withHeaders(refuses("subprotocol in another case", 400, protocol, requestWith(two)), protocol+": MQTT\r\n"),
			withHeaders(refuses("subprotocol without an offer", 400, protocol, request), protocol+": mqtt\r\n"),
			withHeaders(refuses("two subprotocols", 400, protocol, requestWith(two)), protocol+": v1, mqtt\r\n"),
		}},
		{"4.2.2", "A server with the option Protocols chooses the first of them that was offered. Case matters.", []tester{
			prefers(opens("preferred subprotocol", requestWith(two), "", protocol+": mqtt"), "chat", "mqtt", "v1"),
			prefers(opens("second choice of the server", requestWith(two), "", protocol+": Other"), "chat", "Other"),
			prefers(opens("no subprotocol in common", requestWith(two), "", "!"+protocol), "chat", "MQTT"),
			prefers(opens("subprotocols of the server without an offer", request, "", "!"+protocol), "mqtt"),
		}},
		{"10.2", "A request from an origin that is not accepted is answered with 403.", []tester{
			refuses("page of another host", 403, "Origin", requestWith("Origin: http://evil.test")),
			refuses("page of another port", 403, "Origin", requestWith("Origin: http://h:8080")),
			refuses("page of another scheme", 403, "Origin", requestWith("Origin: https://h")),
			refuses("page with the origin null", 403, "Origin", requestWith("Origin: null")),
			checked(refuses("page that CheckOrigin refuses", 403, "Origin", requestWith("Origin: http://h"))),
			opens("page of the same origin", requestWith("Origin: http://h"), ""),
			opens("page of the same origin with its port", requestWith("Origin: http://h:80"), ""),
			opens("request without an origin", request, ""),
			accepting(opens("page that Origins accept", requestWith("Origin: http://other.test"), ""), "http://*.test"),
			accepting(refuses("page that Origins do not accept", 403, "Origin", requestWith("Origin: http://evil.example")), "http://*.test"),
		}},
		{"4.2.1", "A request without Host is refused.", []tester{
			action{"no Host", asServer, func(t *testing.T, env *testEnv, _ role) {
				tc := env.accept(nil)
				tc.peerSends(asking("Host: h\r\n", ""))
				if head := tc.readHead(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
					t.Errorf("response %q, want 400", head)
				}
				tc.closeBoth()
			}},
		}},
		{"9.1", "A malformed list of extensions fails the handshake.", []tester{
			compressing(refuses("offer without a name", 400, extensions, requestWith(extensions+": ; a=b"))),
			compressing(refuses("offer with a parameter without a name", 400, extensions, requestWith(extensions+": permessage-deflate; =1"))),
			compressing(refuses("offer with an unclosed quote", 400, extensions, requestWith(extensions+`: permessage-deflate; server_max_window_bits="10`))),
			compressing(refuses("offer with two names", 400, extensions, requestWith(extensions+": permessage deflate"))),
			compressing(refuses("offer with a quoted value that is not a token", 400, extensions, requestWith(extensions+`: permessage-deflate; server_max_window_bits="1 0"`))),
			refuses("malformed offer to a server without extensions", 400, extensions, requestWith(extensions+": ; a=b")),
		}},
		{"9.1", "A server without extensions chooses none.", []tester{
			opens("unknown extension offered", requestWith("Sec-WebSocket-Extensions: x-unknown; a=b, x-other"), "", "!Sec-WebSocket-Extensions"),
			opens("compression offered to a server without it", requestWith("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), "", "!Sec-WebSocket-Extensions"),
		}},
		{"4.2.2", "The connection is open after the response. Bytes after the request are frames.", []tester{
			handshakeRow{name: "frames after the request", role: asServer, in: request + buildFrame(fin|text, true, -1, "early"), events: []string{`MSG text "early"`}},
		}},
	}
}

// prefers, checked, accepting and compressing set the options of the server.
func prefers(g handshakeRow, protocols ...string) handshakeRow {
	g.opts = &ws.Options{Protocols: protocols}
	return g
}

func checked(g handshakeRow) handshakeRow {
	g.opts = &ws.Options{CheckOrigin: func(*http.Message) bool { return false }}
	return g
}

func accepting(g handshakeRow, origins ...string) handshakeRow {
	g.opts = &ws.Options{Origins: origins}
	return g
}

func compressing(g handshakeRow) handshakeRow {
	g.opts = &ws.Options{Deflate: new(ws.Deflate)}
	return g
}
