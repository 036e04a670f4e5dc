package broker

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// TestSplits sends a login, a subscription and a message as one stream. It cuts the stream at
// every byte, and into single bytes. Over WebSocket each piece is a message [MQTT-6.0.0-2].
func TestSplits(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		for _, v := range []uint8{4, 5} {
			t.Run(fmt.Sprintf("%s/v%d", transport, v), func(t *testing.T) {
				stream := slices.Concat(connect(v, "a"), subscribe(v, 1, filter("a/+", 1), filter("#", 0)), publish(v, 1, "a/b", "hello"))
				const want = "a: CONNACK 0x0, SUBACK 1 0100, PUBLISH q1 a/b=hello, PUBACK"
				h := newFixture(t)
				for cut := range stream {
					h.pieces(transport, v, stream[:cut], stream[cut:])
					h.expect(want)
				}
				h.pieces(transport, v, slices.Collect(slices.Chunk(stream, 1))...)
				h.expect(want)
			})
		}
	}
}

// pieces connects a new client "a" and sends pieces. It sends each one after the broker has
// read the one before.
func (h *fixture) pieces(transport string, v uint8, pieces ...[]byte) {
	h.t.Helper()
	if old := h.peers["a"]; old != nil {
		old.conn.Close()
		h.until("the end of the last client", func() bool { return len(h.b.clients) == 0 && old.closed })
		h.peers = map[string]*peer{}
	}
	p := h.dial("a", transport)
	p.level = v
	h.until("the broker's side of the connection", func() bool { return len(h.b.clients) == 1 })
	arrived, sent := 0, 0
	for _, s := range h.b.clients {
		s.conn.Fn = func(c *reactor.Conn, ev reactor.Event, data any) {
			switch {
			case ev == reactor.EvRead && !p.ws:
				arrived += *data.(*int)
			case ev == reactor.EvWSMsg:
				arrived += len(data.(*ws.Message).Data)
			}
			h.b.handle(c, ev, data)
		}
	}
	for _, piece := range pieces {
		p.conn.Write(piece)
		if p.ws {
			ws.Wrap(p.conn, len(piece), ws.OpBinary)
		}
		sent += len(piece)
		h.until("a piece", func() bool { return arrived >= sent })
	}
	h.until("the last answer", func() bool { return len(p.got) == 4 })
}
