package ws_test

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
)

// asking changes the sample request.
func asking(changes ...string) string {
	s := strings.NewReplacer(changes...).Replace(request)
	if s == request {
		panic("conformance: the request is as before: " + strings.Join(changes, ", "))
	}
	return s
}

func serverRules() []rule {
	const key, version, protocol, extensions = "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	opens := func(name, in, headers string, says ...string) greeting {
		return greeting{name: name, role: asServer, in: in, headers: headers, says: says}
	}
	refuses := func(name string, status int, fault, in string, says ...string) greeting {
		return greeting{name: name, role: asServer, in: in, status: status, fault: fault, says: says}
	}
	const two = protocol + ": v1, mqtt\r\n" + protocol + ": Other"
	withHeaders := func(g greeting, headers string) greeting {
		g.headers = headers
		return g
	}
	return []rule{
		{"4.2.1", "A request has the method GET, HTTP/1.1 or higher, and no body.", []tester{
			refuses("POST", 405, "", asking("GET", "POST"), "Allow: GET"),
			refuses("PUT", 405, "", asking("GET", "PUT"), "Allow: GET"),
			refuses("HTTP/1.0", 505, "", asking("HTTP/1.1", "HTTP/1.0")),
			refuses("request with a body", 400, "Content-Length", offering("Content-Length: 2")+"hi"),
		}},
		{"4.2.1", "The Upgrade header has the token websocket, in any case.", []tester{
			opens("Upgrade in other case", asking("websocket", "WebSocket"), ""),
			opens("Upgrade in a list", asking("websocket", "h2c, websocket"), ""),
			opens("Upgrade header of other case", asking("Upgrade: websocket", "UPGRADE: websocket"), ""),
			refuses("no Upgrade header", 426, "Upgrade", asking("Upgrade: websocket\r\n", "")),
			refuses("Upgrade to something else", 426, "Upgrade", asking("websocket", "h2c")),
			refuses("Upgrade that begins with websocket", 426, "Upgrade", asking("websocket", "websocket2")),
			refuses("empty Upgrade", 426, "Upgrade", asking("websocket", "")),
		}},
		{"4.2.1", "The Connection header has the token Upgrade, in any case.", []tester{
			opens("Connection in other case", asking("Connection: Upgrade", "Connection: uPGRADE"), ""),
			opens("Connection in a list", asking("Connection: Upgrade", "Connection: keep-alive, Upgrade"), ""),
			opens("Connection in two lines", asking("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"), ""),
			refuses("no Connection header", 400, "Connection", asking("Connection: Upgrade\r\n", "")),
			refuses("Connection without Upgrade", 400, "Connection", asking("Connection: Upgrade", "Connection: keep-alive")),
		}},
		{"4.2.1", "The key is there once, and is 16 bytes in base64.", []tester{
			refuses("no key", 400, key, asking(key+": "+sampleKey+"\r\n", "")),
			refuses("empty key", 400, key, asking(sampleKey, "")),
			refuses("key of 15 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25j")),
			refuses("key of 17 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXo=")),
			refuses("key of 18 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXp6")),
			refuses("key of 24 bytes", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25jZXp6enp6enp6")),
			refuses("key without padding", 400, key, asking(sampleKey, sampleKey[:22])),
			refuses("key with stray bits", 400, key, asking("ZQ==", "ZR==")),
			refuses("key that is not base64", 400, key, asking(sampleKey, "dGhlIHNhbXBsZSBub25j!!==")),
			refuses("two keys", 400, key, offering(key+": "+sampleKey)),
			opens("key with blanks around it", asking(sampleKey, "\t "+sampleKey+" \t"), "", "Sec-WebSocket-Accept: "+sampleAccept),
		}},
		{"4.2.2", "A version other than 13 is answered with 426 and the versions that are understood.", []tester{
			refuses("no version", 426, version, asking(version+": 13\r\n", ""), version+": 13"),
			refuses("version 8", 426, version, asking("13", "8"), version+": 13"),
			refuses("version 14", 426, version, asking("13", "14"), version+": 13"),
			refuses("version 013", 426, version, asking("13", "013"), version+": 13"),
			refuses("list of versions", 426, version, asking("13", "13, 8"), version+": 13"),
			refuses("two versions", 426, version, offering(version+": 13"), version+": 13"),
			refuses("version that is no number", 426, version, asking("13", "x"), version+": 13"),
		}},
		{"4.2.2", "The answer is 101 with Upgrade, Connection and the proof that the key was read.", []tester{
			opens("sample handshake", request, "", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: "+sampleAccept),
			opens("another key", asking(sampleKey, "AQIDBAUGBwgJCgsMDQ4PEA=="), "", "Sec-WebSocket-Accept: "+accept("AQIDBAUGBwgJCgsMDQ4PEA==")),
			opens("headers unknown to us", offering("X-Unknown: y\r\nCookie: a=b\r\nOrigin: http://o.test"), "", "Sec-WebSocket-Accept: "+sampleAccept),
			opens("headers of the program", request, "Server: x\r\n", "Server: x"),
		}},
		{"4.2.2", "The subprotocol is one that the client offered, or none.", []tester{
			opens("no subprotocol chosen", offering(two), "", "!"+protocol),
			opens("subprotocol of a list", offering(two), protocol+": mqtt\r\n", protocol+": mqtt"),
			opens("subprotocol of the second line", offering(two), protocol+": Other\r\n", protocol+": Other"),
			withHeaders(refuses("subprotocol that was not offered", 400, protocol, offering(two)), protocol+": chat\r\n"),
			withHeaders(refuses("subprotocol in other case", 400, protocol, offering(two)), protocol+": MQTT\r\n"),
			withHeaders(refuses("subprotocol without an offer", 400, protocol, request), protocol+": mqtt\r\n"),
			withHeaders(refuses("two subprotocols", 400, protocol, offering(two)), protocol+": v1, mqtt\r\n"),
		}},
		{"4.2.2", "A server with subprotocols of its own chooses the first of them that was offered, with regard to case.", []tester{
			prefers(opens("preferred subprotocol", offering(two), "", protocol+": mqtt"), "chat", "mqtt", "v1"),
			prefers(opens("second choice of the server", offering(two), "", protocol+": Other"), "chat", "Other"),
			prefers(opens("no subprotocol in common", offering(two), "", "!"+protocol), "chat", "MQTT"),
			prefers(opens("subprotocols of the server without an offer", request, "", "!"+protocol), "mqtt"),
		}},
		{"10.2", "A request of an origin that is not welcome is answered 403.", []tester{
			checked(refuses("page of another origin", 403, "Origin", offering("Origin: http://evil.test"))),
			checked(refuses("page of another port", 403, "Origin", offering("Origin: http://h:8080"))),
			checked(refuses("page without an origin", 403, "Origin", offering("Origin: null"))),
			checked(opens("page of the same origin", offering("Origin: http://h"), "")),
			checked(opens("page of the same origin, the port said", offering("Origin: http://h:80"), "")),
			checked(opens("request of no page", request, "")),
			opens("any page, if no origin is asked for", offering("Origin: http://evil.test"), ""),
		}},
		{"4.2.1", "A request names its host.", []tester{
			deed{"no Host", asServer, func(t *testing.T, w *world, _ role) {
				e := w.accept(nil)
				e.feed(asking("Host: h\r\n", ""))
				if head := e.head(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
					t.Errorf("answer %q", head)
				}
				e.drop()
			}},
		}},
		{"9.1", "A list of extensions that is malformed fails the handshake.", []tester{
			compressing(refuses("offer without a name", 400, extensions, offering(extensions+": ; a=b"))),
			compressing(refuses("offer with a parameter without a name", 400, extensions, offering(extensions+": permessage-deflate; =1"))),
			compressing(refuses("offer with a value that does not end", 400, extensions, offering(extensions+`: permessage-deflate; server_max_window_bits="10`))),
			compressing(refuses("offer with two names", 400, extensions, offering(extensions+": permessage deflate"))),
			compressing(refuses("offer with a quoted value that is no token", 400, extensions, offering(extensions+`: permessage-deflate; server_max_window_bits="1 0"`))),
			refuses("malformed offer to a server without extensions", 400, extensions, offering(extensions+": ; a=b")),
		}},
		{"9.1", "A server that knows no extension chooses none.", []tester{
			opens("extension unknown to us", offering("Sec-WebSocket-Extensions: x-unknown; a=b, x-other"), "", "!Sec-WebSocket-Extensions"),
			opens("compression offered, not wanted", offering("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), "", "!Sec-WebSocket-Extensions"),
		}},
		{"4.2.2", "The connection is open when the answer is sent: frames behind the request are frames.", []tester{
			greeting{name: "frames behind the request", role: asServer, in: request + build(fin|text, true, -1, "early"), hears: []string{`MSG text "early"`}},
		}},
	}
}

// prefers, checked and compressing are for servers with options.
func prefers(g greeting, protocols ...string) greeting {
	g.opts = &ws.Options{Protocols: protocols}
	return g
}

func checked(g greeting) greeting {
	g.opts = &ws.Options{CheckOrigin: ws.SameOrigin}
	return g
}

func compressing(g greeting) greeting {
	g.opts = &ws.Options{Deflate: new(ws.Deflate)}
	return g
}
