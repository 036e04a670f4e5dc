package ws_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// reply lets the peer send a response. It puts the right Sec-WebSocket-Accept where s has ACCEPT.
func (tc *testConn) reply(s string) {
	tc.Helper()
	tc.peerSends(strings.ReplaceAll(s, "ACCEPT", looptest.AcceptKey(headerField(tc, tc.readHead(), "Sec-WebSocket-Key"))))
}

const (
	status101 = "HTTP/1.1 101 Switching Protocols"
	upgradeH  = "Upgrade: websocket"
	connH     = "Connection: Upgrade"
	acceptH   = "Sec-WebSocket-Accept: ACCEPT"
)

func TestClientAccepts(t *testing.T) {
	const offer = "Sec-WebSocket-Protocol: v1, mqtt\r\nsec-websocket-protocol: Other\r\n"
	env := newEnv(t)
	for _, tt := range []struct{ name, offer, answer string }{
		{"plain", "", httpHead(status101, upgradeH, connH, acceptH)},
		{"no reason phrase", "", httpHead("HTTP/1.1 101", upgradeH, connH, acceptH)},
		{"4.1.2 Upgrade without case", "", httpHead(status101, "UPGRADE:WebSocket", connH, acceptH)},
		{"4.1.3 Connection without case, in a list", "", httpHead(status101, upgradeH, "connection: keep-alive , uPGRADE\t", acceptH)},
		{"Upgrade as a list", "", httpHead(status101, "Upgrade: h2c, websocket", connH, acceptH)},
		{"lists over several lines", "", httpHead(status101, "Connection: x", upgradeH, "Connection: Upgrade", acceptH)},
		{"4.1.4 blanks around Accept", "", httpHead(status101, upgradeH, connH, "Sec-WebSocket-Accept: \t ACCEPT \t")},
		{"folded lines", "", httpHead(status101, "Upgrade:\r\n websocket", connH, acceptH)}, // [RFC 9112 5.2]
		{"unknown headers", "", httpHead(status101, "Server: x", upgradeH, connH, acceptH, "X: y", "Date: now")},
		{"4.1.6 first subprotocol", offer, httpHead(status101, upgradeH, connH, acceptH, "Sec-WebSocket-Protocol: v1")},
		{"4.1.6 second subprotocol", offer, httpHead(status101, upgradeH, connH, acceptH, "sec-websocket-protocol: mqtt")},
		{"4.1.6 one of another line", offer, httpHead(status101, upgradeH, connH, acceptH, "Sec-WebSocket-Protocol: Other")},
		{"no subprotocol chosen", offer, httpHead(status101, upgradeH, connH, acceptH)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env.TB = t
			tc := env.connect(tt.offer, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvWSOpen {
					if m := data.(*http.Message); m.Status != 101 || !strings.EqualFold(string(m.Header("upgrade")), "websocket") && !m.HasToken("Upgrade", "websocket") {
						t.Errorf("EvWSOpen with %+v", m)
					}
				}
			})
			tc.reply(tt.answer)
			tc.events.WantLines(t, "OPEN")
			tc.closeBoth()
		})
	}
}

type refusal struct {
	name, answer string
	status       int    // of the HandshakeError
	header       string // of it
	words        []string
}

// TestClientRefuses: the error says what is wrong with the response. The conformance suite
// tests which responses are refused.
func TestClientRefuses(t *testing.T) {
	ok := []string{status101, upgradeH, connH, acceptH}
	with := func(more ...string) string { return httpHead(append(ok[:4:4], more...)...) }
	without := func(i int, instead ...string) string {
		return httpHead(append(append(ok[:i:i], instead...), ok[i+1:]...)...)
	}
	const acc, pro, ext = "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	env := newEnv(t)
	for _, tt := range []refusal{
		{"status", httpHead("HTTP/1.1 200 OK", "Content-Length: 2") + "hi", 200, "", []string{"200 OK"}},
		{"status with Location", httpHead("HTTP/1.1 301 Moved Permanently", "Location: ws://elsewhere/x"), 301, "", []string{"301 Moved Permanently", "Location: ws://elsewhere/x"}},
		{"Upgrade", without(1, "Upgrade: h2c"), 101, "Upgrade", []string{"Upgrade", "h2c"}},
		{"Connection", without(2, "Connection: close"), 101, "Connection", []string{"Connection", "close"}},
		{"no Accept", without(3), 101, acc, []string{"no " + acc}},
		{"Accept", without(3, acc+": "+sampleAccept), 101, acc, []string{acc, sampleAccept}},
		{"two Accepts", with(acceptH), 101, acc, []string{"2 " + acc}},
		{"extension", with(ext + ": permessage-deflate"), 101, ext, []string{"extension", "permessage-deflate"}},
		{"subprotocol", with(pro + ": chat"), 101, pro, []string{"subprotocol", "chat", "mqtt"}},
		{"two subprotocols", with(pro+": mqtt", pro+": v1"), 101, pro, []string{"2 " + pro}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env.TB = t
			tc := env.connect(pro+": mqtt, v1\r\n", nil)
			tc.reply(tt.answer)
			tc.awaitEnd()
			tc.events.WantLines(t, "ERROR", "CLOSE")
			looptest.WantErr(t, tc.events.LastErr(), nil, append(tt.words, "ws: handshake")...)
			var he *ws.HandshakeError
			if !errors.As(tc.events.LastErr(), &he) || he.Status != tt.status || he.Header != tt.header {
				t.Errorf("error is %T %+v", tc.events.LastErr(), tc.events.LastErr())
			}
		})
	}
}

// TestClientRefusesMalformed: a response that is not HTTP is refused with an error of package
// http, at the first byte that proves it.
func TestClientRefusesMalformed(t *testing.T) {
	env := newEnv(t)
	for _, tt := range []struct{ name, answer, word string }{
		{"not HTTP", "SSH-2.0-OpenSSH\r\n", "version"},
		{"HTTP/2", "HTTP/2.0 101 x\r\n", "version"},
		{"status", "HTTP/1.1 1o1 x\r\n", "status"},
		{"bare LF", "HTTP/1.1 101 x\nUpgrade", "LF"},
		// The first byte of the next line shows that a line is not folded.
		{"no colon", status101 + "\r\nUpgrade\r\nX", "colon"},
		{"blank before colon", status101 + "\r\nUpgrade : websocket\r\nX", "blank"},
		{"folded status line", status101 + "\r\n Upgrade: websocket\r\nX", "folded"},
		{"control byte", status101 + "\r\nUpgrade: web\x01socket", "0x01"},
		{"endless header", status101 + "\r\nX: " + strings.Repeat("x", http.DefaultMaxHead), "larger than the limit"},
		{"endless lines", status101 + "\r\n" + strings.Repeat("X: y\r\n", http.DefaultMaxHeaders+1) + "X", "lines"},
		{"endless status line", "HTTP/1.1 101 " + strings.Repeat("x", http.DefaultMaxHead), "larger than the limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env.TB = t
			tc := env.connect("", nil)
			tc.readHead()
			tc.peerSends(tt.answer)
			tc.awaitEnd()
			tc.events.WantLines(t, "ERROR", "CLOSE")
			looptest.WantErr(t, tc.events.LastErr(), nil, "ws: handshake", tt.word)
			var he *http.Error
			if !errors.As(tc.events.LastErr(), &he) {
				t.Errorf("error is %T %v", tc.events.LastErr(), tc.events.LastErr())
			}
		})
	}
}

// TestClientSkipsInterim: a server may send interim responses first [RFC 9110 15.2].
func TestClientSkipsInterim(t *testing.T) {
	env := newEnv(t)
	tc := env.connect("", nil)
	tc.reply(httpHead("HTTP/1.1 100 Continue") + httpHead("HTTP/1.1 103 Early Hints", "Link: x") + httpHead(status101, upgradeH, connH, acceptH) +
		buildFrame(fin|text, false, -1, "x"))
	tc.events.WantLines(t, "OPEN", `MSG text "x"`)
}

func TestHandshakeCutAtEveryByte(t *testing.T) {
	env := newEnv(t)
	whole := looptest.Agreement(sampleKey, "")
	for i := range len(whole) {
		tc := env.connect("", nil)
		key := headerField(t, tc.readHead(), "Sec-WebSocket-Key")
		tc.peerSends(looptest.Agreement(key, "")[:i])
		tc.peer.Shutdown()
		tc.awaitEnd()
		tc.events.WantLines(t, "ERROR", "CLOSE")
		if !errors.Is(tc.events.LastErr(), io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", i, tc.events.LastErr())
		}
		looptest.WantErr(t, tc.events.LastErr(), nil, "ws: ", "handshake")
		tc.peer.Close()
	}
}

// TestFramesBehindResponse: frames behind the response are delivered in the same dispatch.
func TestFramesBehindResponse(t *testing.T) {
	env := newEnv(t)
	reads := -1
	tc := env.connect("", nil)
	tc.events.hook = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSMsg {
			reads = tc.events.Count(reactor.EvRead)
		}
	}
	tc.reply(responseTemplate + buildFrame(fin|text, false, -1, "first") + buildFrame(fin|ping, false, -1, ""))
	tc.events.WantLines(t, "OPEN", `MSG text "first"`, `CTL ping ""`)
	if reads != 0 || tc.events.Count(reactor.EvRead) != 1 {
		t.Errorf("after %d of %d reads, want 0 of 1", reads, tc.events.Count(reactor.EvRead))
	}
	tc.wantSent(`pong ""`)
}

var responseTemplate = httpHead(status101, upgradeH, connH, acceptH)

// TestClientQuotesTheRefusal: the error of a refused handshake quotes the first line of the
// response's body if that is plain text.
func TestClientQuotesTheRefusal(t *testing.T) {
	const head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain"
	env := newEnv(t)
	for _, tt := range []struct{ name, answer, want string }{
		{"one line", head + "; charset=utf-8\r\nContent-Length: 8\r\n\r\nnot you\n", `server answered 403 Forbidden: "not you"`},
		{"lines", head + "\r\n\r\nnot you\r\nnor them", `403 Forbidden: "not you"`},
		{"no text", head + "\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"},
		{"endless", head + "\r\n\r\n" + strings.Repeat("x", 1000), `403 Forbidden: "` + strings.Repeat("x", 120) + `"`},
		{"escape sequence of a terminal", head + "\r\n\r\n\x1b[2J", `403 Forbidden: "\x1b[2J"`},
		{"a page", "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<!doctype html>", "403 Forbidden"},
		{"in chunks", head + "\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nnot you\r\n0\r\n\r\n", "403 Forbidden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env.TB = t
			tc := env.connect("", nil)
			tc.reply(tt.answer)
			tc.awaitEnd()
			if tc.events.LastErr() == nil || !strings.HasSuffix(tc.events.LastErr().Error(), tt.want) {
				t.Errorf("got %v, want %s", tc.events.LastErr(), tt.want)
			}
		})
	}
}

// TestClientOnTLSPort: a ws:// client that connects to a TLS port gets the reason.
func TestClientOnTLSPort(t *testing.T) {
	m := looptest.NewStillManager(t)
	server, client := &recorder{}, &recorder{}
	l, err := ws.Listen(m, "wss://127.0.0.1:0", server.handle, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(looptest.NewAuthority(t).Server(t))
	if _, err := ws.Connect(m, "ws://"+l.LocalAddr().String(), client.handle, nil, ""); err != nil {
		t.Fatal(err)
	}
	await(t, m, "both errors", func() bool { return client.LastErr() != nil && server.LastErr() != nil })
	looptest.WantErr(t, client.LastErr(), nil, "400 Bad Request", "This port speaks TLS: use https:// or wss://.")
	looptest.WantErr(t, server.LastErr(), nil, "the client sent plain HTTP to a TLS port")
}
