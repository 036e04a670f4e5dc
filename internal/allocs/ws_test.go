package allocs_test

import (
	"compress/flate"
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

const upgrade = "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// openWS returns both ends of a WebSocket. The server calls fn with each message.
func openWS(t *testing.T, opts *ws.Options, fn func(c *reactor.Conn, m *ws.Message)) (*reactor.Conn, *client) {
	t.Helper()
	var server *reactor.Conn
	l, err := ws.Listen(looptest.NewManager(t), "ws://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvWSOpen:
			server = c
		case reactor.EvWSMsg:
			fn(c, data.(*ws.Message))
		}
	}, nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	request := upgrade
	if opts != nil && opts.Deflate != nil {
		request = strings.Replace(request, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)
	}
	peer := dial(t, l)
	peer.answer(request, "\r\n\r\n")
	return server, peer
}

// sending measures fn on a server's connection, without the socket.
func sending(opts *ws.Options, fn func(t *testing.T, c *reactor.Conn)) func(*testing.T) func() {
	return func(t *testing.T) func() {
		c, _ := openWS(t, opts, nil)
		return func() {
			fn(t, c)
			c.Send.Reset()
		}
	}
}

var (
	deflate = &ws.Options{Deflate: &ws.Deflate{}}
	words   = []byte(strings.Repeat("some words, ", 100))
)

var wsRows = []measurement{
	{name: "a message of 64 bytes that `ws.Send` sends back", setup: func(t *testing.T) func() {
		_, peer := openWS(t, nil, func(c *reactor.Conn, m *ws.Message) { ws.Send(c, m.Data, m.Op) })
		in := []byte(looptest.Frame(0x81, true, -1, strings.Repeat("x", 64)))
		return func() {
			peer.write(in)
			peer.read(66)
		}
	}},
	{name: "a message in three fragments, and its EvWSMsg", setup: func(t *testing.T) func() {
		got := 0
		_, peer := openWS(t, nil, func(*reactor.Conn, *ws.Message) { got++ })
		in := []byte(looptest.Frame(0x01, true, -1, "abc") + looptest.Frame(0x00, true, -1, "def") + looptest.Frame(0x80, true, -1, "g"))
		return func() {
			before := got
			peer.write(in)
			until(t, peer.m, func() bool { return got > before })
		}
	}},
	{name: "`ws.Send`", setup: sending(nil, func(t *testing.T, c *reactor.Conn) { must(t, ws.Send(c, words, ws.OpText)) })},
	{name: "`ws.Wrap`", setup: sending(nil, func(t *testing.T, c *reactor.Conn) {
		start := c.Send.Len()
		c.Send.Append(words)
		ws.Wrap(c, c.Send.Len()-start, ws.OpBinary)
	})},
	{name: "`ws.Ping`", setup: sending(nil, func(t *testing.T, c *reactor.Conn) { must(t, ws.Ping(c, hello)) })},
	{name: "`ws.Printf` with \"%d\", a number above 255", pooled: true, setup: func(t *testing.T) func() {
		n := 1000
		return sending(nil, func(t *testing.T, c *reactor.Conn) {
			n ^= 1
			must(t, ws.Printf(c, ws.OpText, "%d", n))
		})(t)
	}},
	{name: "`ws.NewWriter`, `Write` and `Close`", setup: sending(nil, writeAll)},
	{name: "`ws.Prepare`", setup: func(t *testing.T) func() {
		return func() {
			if _, err := ws.Prepare(words, ws.OpText); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{name: "`Prepared.Set`", setup: func(t *testing.T) func() {
		var p ws.Prepared
		return func() { must(t, p.Set(words, ws.OpText)) }
	}},
	{name: "`Prepared.Set`, and `Send` with permessage-deflate", setup: func(t *testing.T) func() {
		var p ws.Prepared
		return sending(deflate, func(t *testing.T, c *reactor.Conn) {
			must(t, p.Set(words, ws.OpText))
			must(t, p.Send(c))
		})(t)
	}},
	{name: "`ws.Prepare`, and the first `Prepared.Send` with an encoding", setup: sending(deflate, func(t *testing.T, c *reactor.Conn) {
		p, err := ws.Prepare(words, ws.OpText)
		must(t, err)
		must(t, p.Send(c))
	}), pooled: true},
	{name: "`Prepared.Send`, all others", setup: func(t *testing.T) func() {
		p, err := ws.Prepare(words, ws.OpText)
		must(t, err)
		return sending(deflate, func(t *testing.T, c *reactor.Conn) { must(t, p.Send(c)) })(t)
	}},
	{name: "`ws.Send` with permessage-deflate", setup: sending(deflate, func(t *testing.T, c *reactor.Conn) {
		must(t, ws.Send(c, words, ws.OpText))
	})},
	{name: "a compressed message of 2 KiB of JSON, and its EvWSMsg", pooled: true, setup: func(t *testing.T) func() {
		got := 0
		_, peer := openWS(t, deflate, func(*reactor.Conn, *ws.Message) { got++ })
		in := []byte(looptest.Frame(0xc1, true, -1, compressed(someJSON())))
		return func() {
			before := got
			peer.write(in)
			until(t, peer.m, func() bool { return got > before })
		}
	}},
	{name: "a WebSocket of a listener, from accept to EvClose", pooled: true, runs: 50, setup: func(t *testing.T) func() {
		return oneRequest(t, "ws", upgrade, nothing)
	}},
}

func writeAll(t *testing.T, c *reactor.Conn) {
	w, err := ws.NewWriter(c, ws.OpText, 1000)
	must(t, err)
	w.Write(words)
	must(t, w.Close())
}

// someJSON returns 2 KiB of JSON with numbers that repeat seldom.
func someJSON() string {
	var b strings.Builder
	for i := 0; b.Len() < 2000; i++ {
		fmt.Fprintf(&b, `{"sensor":%d,"value":%d.%d},`, i, i*i%997, i*7919%10007)
	}
	return b.String()
}

// compressed returns the payload of a compressed message [RFC 7692 7.2.1].
func compressed(text string) string {
	var b strings.Builder
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		panic(err)
	}
	w.Write([]byte(text))
	w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}
