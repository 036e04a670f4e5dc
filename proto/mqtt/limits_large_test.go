package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// large is a limit above the default limits of packets and of WebSocket messages.
const large = 24 << 20

// publishHeader returns the beginning of a PUBLISH of size bytes, which must need a remaining
// length of four bytes.
func publishHeader(size int) []byte {
	n := size - 5
	return []byte{0x30, byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, byte(n >> 21), 0, 3, 'a', '/', 'b'}
}

// frameHeader returns the header of a binary WebSocket frame of size bytes.
func (p *peer) frameHeader(size int64) []byte {
	if p.client {
		return append(binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, uint64(size)), 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint64([]byte{0x82, 0x7f}, uint64(size))
}

// wantAccepted writes bytes and checks that the connection has no error.
func (x *pair) wantAccepted(what string, b []byte) {
	x.t.Helper()
	x.writeRead(b)
	if looptest.Settle(x.t, x.m); len(x.r.Errs) > 0 {
		x.t.Fatalf("%s: errors %v, want none", what, x.r.Errs)
	}
}

// wantTooLarge writes bytes and checks that the connection fails.
func (x *pair) wantTooLarge(b []byte, words ...string) {
	x.t.Helper()
	x.p.Write(b)
	x.waitClose()
	looptest.WantErr(x.t, x.r.Err(x.t), nil, words...)
}

// Over WebSocket SetLimits sets the limits of packets and of messages, at any time and on a
// listener. The headers of packets and frames show this; the bytes that they announce need not
// arrive.
func TestLargePacketLimitOverWebSocket(t *testing.T) {
	set := func(c *reactor.Conn, _ any) { setLimit(t, c, large) }
	late := func(x *pair) *pair { setLimit(t, x.c, large); return x }
	for name, open := range map[string]func(t *testing.T) *pair{
		"client, before the handshake": func(t *testing.T) *pair {
			return connectedClient(t, "ws", 4, hooks{reactor.EvOpen: set})
		},
		"client, after CONNACK": func(t *testing.T) *pair { return late(connectedClient(t, "ws", 4, nil)) },
		"server, before the handshake": func(t *testing.T) *pair {
			return connectedServer(t, "ws", 4, hooks{reactor.EvAccept: set})
		},
		"server, after CONNACK": func(t *testing.T) *pair { return late(connectedServer(t, "ws", 4, nil)) },
		"listener":              throughListener,
	} {
		t.Run(name, func(t *testing.T) {
			x := open(t)
			x.wantAccepted("packet of the limit", x.p.framed(publishHeader(large)))
			x.wantAccepted("message of the limit", x.p.frameHeader(large))
			x = open(t)
			x.wantTooLarge(x.p.framed(publishHeader(large+1)), "packet too large", "PUBLISH of 25165825 bytes", "limit is 25165824")
			x = open(t)
			x.wantTooLarge(x.p.frameHeader(large+1), "message is too large: more than 25165824 bytes")
		})
	}
}

// throughListener is connectedServer over WebSocket. The limit is set on the listener.
func throughListener(t *testing.T) *pair {
	t.Helper()
	x := acceptedConn(t, "ws", nil)
	for c := range x.m.Conns() {
		if c.IsListening() {
			setLimit(t, c, large)
			x.p.Close()
			x.p = dialPeer(t, c.LocalAddr())
		}
	}
	x.waitClose()
	x.r.Recorder = looptest.Recorder{} // for the next connection
	x.p.ws = true
	x.p.Write([]byte(upgradeRequest + answerMQTT + "\r\n"))
	x.p.send(connectC[4])
	looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
	if err := mqtt.Connack(x.r.Conn, false, 0); err != nil {
		t.Fatal(err)
	}
	x.c, x.r.Lines = x.r.Conn, nil
	return x
}

// A packet of more than ws.DefaultMaxMessage arrives in one message if the limit allows it.
func TestLargePacketOverWebSocket(t *testing.T) {
	const size = ws.DefaultMaxMessage + 1
	got := 0
	x := connectedClient(t, "ws", 4, hooks{reactor.EvMQTTMsg: func(_ *reactor.Conn, data any) { got = len(data.(*mqtt.Message).Dgram) }})
	setLimit(t, x.c, large)
	header := publishHeader(size)
	x.p.Write(append(x.p.frameHeader(size), header...))
	x.writeAll(bytes.Repeat([]byte("x"), size-len(header)))
	looptest.Await(t, x.m, "the packet", func() bool { return got > 0 || x.r.Closed() })
	if got != size || len(x.r.Errs) > 0 {
		t.Errorf("got a packet of %d bytes, want %d; errors %v", got, size, x.r.Errs)
	}
}

// The limit may be the largest int.
func TestLargestPacketLimit(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, open := range []func(*testing.T, string, uint8, hooks) *pair{connectedClient, connectedServer} {
			x := open(t, scheme, 4, nil)
			setLimit(t, x.c, math.MaxInt)
			x.p.send(pack("30 07 00 03'a/b''hi'"))
			looptest.Await(t, x.m, "PUBLISH", func() bool { return x.r.Noted("a/b=hi")() || x.r.Closed() })
			if len(x.r.Errs) > 0 {
				t.Errorf("errors %v, want none", x.r.Errs)
			}
		}
	})
}

// A negative limit accepts the largest packet that MQTT has. Zero restores the default.
func TestNegativeAndZeroPacketLimit(t *testing.T) {
	const largest = 5 + 268435455
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			x := connectedAs(t, scheme, role, 4, nil)
			setLimit(t, x.c, -1)
			x.wantAccepted("largest packet", x.p.framed(publishHeader(largest)))
			if scheme == "ws" {
				x.wantAccepted("large message", x.p.frameHeader(1<<40))
			}
			x = connectedAs(t, scheme, role, 4, nil)
			setLimit(t, x.c, -1)
			setLimit(t, x.c, 0)
			x.wantTooLarge(x.p.framed(publishHeader(mqtt.DefaultMaxPacket+1)), "16777217", "16777216")
			x = connectedAs(t, scheme, role, 4, nil)
			setLimit(t, x.c, -1)
			setLimit(t, x.c, 0)
			x.wantAccepted("packet of the default limit", x.p.framed(publishHeader(mqtt.DefaultMaxPacket)))
		}
	})
}
