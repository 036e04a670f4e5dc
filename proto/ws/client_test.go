package ws_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// reply writes a server's answer; ACCEPT stands for the right one.
func (e *end) reply(s string) {
	e.Helper()
	e.feed(strings.ReplaceAll(s, "ACCEPT", accept(field(e, e.head(), "Sec-WebSocket-Key"))))
}

const (
	status101 = "HTTP/1.1 101 Switching Protocols"
	upgradeH  = "Upgrade: websocket"
	connH     = "Connection: Upgrade"
	acceptH   = "Sec-WebSocket-Accept: ACCEPT"
)

func TestClientAccepts(t *testing.T) {
	const offer = "Sec-WebSocket-Protocol: v1, mqtt\r\nsec-websocket-protocol: Other\r\n"
	w := newWorld(t)
	for _, tt := range []struct{ name, offer, answer string }{
		{"plain", "", lines(status101, upgradeH, connH, acceptH)},
		{"no reason phrase", "", lines("HTTP/1.1 101", upgradeH, connH, acceptH)},
		{"4.1.2 Upgrade without case", "", lines(status101, "UPGRADE:WebSocket", connH, acceptH)},
		{"4.1.3 Connection without case, in a list", "", lines(status101, upgradeH, "connection: keep-alive , uPGRADE\t", acceptH)},
		{"Upgrade as a list", "", lines(status101, "Upgrade: h2c, websocket", connH, acceptH)},
		{"lists over several lines", "", lines(status101, "Connection: x", upgradeH, "Connection: Upgrade", acceptH)},
		{"4.1.4 blanks around Accept", "", lines(status101, upgradeH, connH, "Sec-WebSocket-Accept: \t ACCEPT \t")},
		{"unknown headers", "", lines(status101, "Server: x", upgradeH, connH, acceptH, "X: y", "Date: now")},
		{"4.1.6 first subprotocol", offer, lines(status101, upgradeH, connH, acceptH, "Sec-WebSocket-Protocol: v1")},
		{"4.1.6 second subprotocol", offer, lines(status101, upgradeH, connH, acceptH, "sec-websocket-protocol: mqtt")},
		{"4.1.6 one of another line", offer, lines(status101, upgradeH, connH, acceptH, "Sec-WebSocket-Protocol: Other")},
		{"no subprotocol chosen", offer, lines(status101, upgradeH, connH, acceptH)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.TB = t
			e := w.connect(tt.offer, func(c *reactor.Conn, ev reactor.Event, data any) {
				if ev == reactor.EvWSOpen {
					if m := data.(*http.Message); m.Status != 101 || !strings.EqualFold(string(m.Header("upgrade")), "websocket") && !m.HasToken("Upgrade", "websocket") {
						t.Errorf("EvWSOpen with %+v", m)
					}
				}
			})
			e.reply(tt.answer)
			e.rec.want(t, "OPEN")
			e.drop()
		})
	}
}

type refusal struct {
	name, answer string
	status       int    // of the HandshakeError
	header       string // of it
	words        []string
}

// The reason names what is wrong with the answer. Which answers are refused is in
// the conformance suite.
func TestClientRefuses(t *testing.T) {
	ok := []string{status101, upgradeH, connH, acceptH}
	with := func(more ...string) string { return lines(append(ok[:4:4], more...)...) }
	without := func(i int, instead ...string) string {
		return lines(append(append(ok[:i:i], instead...), ok[i+1:]...)...)
	}
	const acc, pro, ext = "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
	w := newWorld(t)
	for _, tt := range []refusal{
		{"status", lines("HTTP/1.1 200 OK", "Content-Length: 2") + "hi", 200, "", []string{"200 OK"}},
		{"status with Location", lines("HTTP/1.1 301 Moved Permanently", "Location: ws://elsewhere/x"), 301, "", []string{"301 Moved Permanently", "Location: ws://elsewhere/x"}},
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
			w.TB = t
			e := w.connect(pro+": mqtt, v1\r\n", nil)
			e.reply(tt.answer)
			e.ends()
			e.rec.want(t, "ERROR", "CLOSE")
			contains(t, e.rec.err, append(tt.words, "ws: handshake")...)
			var he *ws.HandshakeError
			if !errors.As(e.rec.err, &he) || he.Status != tt.status || he.Header != tt.header {
				t.Errorf("error is %T %+v", e.rec.err, e.rec.err)
			}
		})
	}
}

// What is no HTTP is refused in http's words, at the byte that shows it.
func TestClientRefusesMalformed(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ name, answer, word string }{
		{"not HTTP", "SSH-2.0-OpenSSH\r\n", "version"},
		{"HTTP/2", "HTTP/2.0 101 x\r\n", "version"},
		{"status", "HTTP/1.1 1o1 x\r\n", "status"},
		{"bare LF", "HTTP/1.1 101 x\nUpgrade", "LF"},
		{"no colon", status101 + "\r\nUpgrade\r\n", "colon"},
		{"blank before colon", status101 + "\r\nUpgrade : websocket\r\n", "blank"},
		{"folded", status101 + "\r\nUpgrade: \r\n websocket\r\n", "folded"},
		{"control byte", status101 + "\r\nUpgrade: web\x01socket", "0x01"},
		{"endless header", status101 + "\r\nX: " + strings.Repeat("x", http.DefaultHead), "larger than the limit"},
		{"endless lines", status101 + "\r\n" + strings.Repeat("X: y\r\n", http.DefaultHeaders+1), "lines"},
		{"endless status line", "HTTP/1.1 101 " + strings.Repeat("x", http.DefaultHead), "larger than the limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.TB = t
			e := w.connect("", nil)
			e.head()
			e.feed(tt.answer)
			e.ends()
			e.rec.want(t, "ERROR", "CLOSE")
			contains(t, e.rec.err, "ws: handshake", tt.word)
			var he *http.Error
			if !errors.As(e.rec.err, &he) {
				t.Errorf("error is %T %v", e.rec.err, e.rec.err)
			}
		})
	}
}

// A server may send interim answers first, unasked [RFC 9110 15.2].
func TestClientSkipsInterim(t *testing.T) {
	w := newWorld(t)
	e := w.connect("", nil)
	e.reply(lines("HTTP/1.1 100 Continue") + lines("HTTP/1.1 103 Early Hints", "Link: x") + lines(status101, upgradeH, connH, acceptH) +
		build(fin|text, false, -1, "x"))
	e.rec.want(t, "OPEN", `MSG text "x"`)
}

func TestHandshakeCutAtEveryByte(t *testing.T) {
	w := newWorld(t)
	whole := answer(sampleKey)
	for i := range len(whole) {
		e := w.connect("", nil)
		key := field(t, e.head(), "Sec-WebSocket-Key")
		e.feed(answer(key)[:i])
		e.p.shutdown()
		e.ends()
		e.rec.want(t, "ERROR", "CLOSE")
		if !errors.Is(e.rec.err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", i, e.rec.err)
		}
		contains(t, e.rec.err, "ws: ", "handshake")
		e.p.close()
	}
}

// Frames right behind the answer are delivered with it, in the same dispatch.
func TestFramesBehindAnswer(t *testing.T) {
	w := newWorld(t)
	reads := -1
	e := w.connect("", nil)
	e.rec.hook = func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvWSMsg {
			reads = e.rec.reads
		}
	}
	e.reply(answerTemplate + build(fin|text, false, -1, "first") + build(fin|ping, false, -1, ""))
	e.rec.want(t, "OPEN", `MSG text "first"`, `CTL ping ""`)
	if reads != 0 || e.rec.reads != 1 {
		t.Errorf("after %d of %d reads, want 0 of 1", reads, e.rec.reads)
	}
	e.wantSent(`pong ""`)
}

var answerTemplate = lines(status101, upgradeH, connH, acceptH)
