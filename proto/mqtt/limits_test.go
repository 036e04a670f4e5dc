package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A packet of the limit is accepted. A packet of one byte more fails the connection when its
// fixed header has arrived.
func TestPacketLimit(t *testing.T) {
	// 259 bytes: a header of 3 bytes and a remaining length of 256
	packet := append(pack("30 80 02 00 03'a/b'"), bytes.Repeat([]byte("x"), 251)...)
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for version, told := range map[uint8]string{4: "", 5: "e0 02 95 00"} {
				t.Run(fmt.Sprintf("%s v%d", role, version), func(t *testing.T) {
					packet := bytes.Clone(packet)
					if version == 5 {
						packet[8] = 0 // no properties
					}
					x := connectedAs(t, scheme, role, version, nil)
					setLimit(t, x.c, len(packet))
					x.writeInTwoParts(x.p.framed(packet), 4)
					looptest.Await(t, x.m, "the packet", x.r.Noted("publish"))
					setLimit(t, x.c, len(packet)-1)
					x.p.send(packet[:2])
					looptest.Settle(t, x.m)
					if len(x.r.Errs) > 0 {
						t.Fatalf("errors %v before the length has arrived, want none", x.r.Errs)
					}
					x.p.send(packet[2:3])
					x.waitClose()
					looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrTooLarge, "PUBLISH", "259", "258")
					x.waitEnd()
					x.p.wantGot(x.m, told)
				})
			}
		}
	})
}

// The limit also holds for CONNACK and for a packet that arrives in one piece.
func TestPacketLimitOfConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := awaitingConnack(t, scheme, 4, nil)
		setLimit(t, x.c, 3)
		x.p.send(connackOK[4])
		x.waitClose()
		x.r.wantPackets("ERROR CLOSE")
		looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrTooLarge, "CONNACK")
	})
}

// SetLimits on a listener sets the limit of the connections that it accepts later.
func TestPacketLimitOfListener(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := acceptedConn(t, scheme, nil)
		for l := range x.m.Conns() {
			if l.IsListening() {
				setLimit(t, l, 12)
				p := dialPeer(t, l.LocalAddr())
				if p.ws = scheme == "ws"; p.ws {
					p.Write([]byte(upgradeRequest + "Sec-WebSocket-Protocol: mqtt\r\n\r\n"))
					looptest.Await(t, x.m, "the WebSocket answer", func() bool { p.readAll(); return p.head != "" })
				}
				p.send(connectC[4])
				looptest.Settle(t, x.m)
				looptest.Await(t, x.m, "an event", func() bool { return x.r.Noted("connect")() || len(x.r.Errs) > 0 })
				looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrTooLarge, "CONNECT")
			}
		}
	})
}

// The limit also holds for all packets together that wait for CONNACK.
func TestPacketLimitOfInputBeforeConnack(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := acceptedConn(t, scheme, nil)
		setLimit(t, x.c, 40)
		x.p.send(connectC[4])
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		for i := range 6 { // of 8 bytes each
			if len(x.r.Errs) > 0 {
				t.Fatalf("errors %v after %d bytes, the limit is 40", x.r.Errs, 8*i)
			}
			x.writeRead(x.p.framed(pack("30 06 00 03'a/b''x'")))
		}
		x.waitClose()
		x.r.wantPackets("connect ERROR CLOSE")
		looptest.WantErr(t, x.r.Err(x.t), mqtt.ErrTooLarge)
	})
}

// SetLimits works on every connection that speaks MQTT and is not closed.
func TestSetLimits(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, tt := range []struct {
			name string
			conn func() *reactor.Conn
			want error
		}{
			{"client, not connected yet", func() *reactor.Conn {
				return mustConn(t)(mqtt.Connect(looptest.NewManager(t), scheme+"://127.0.0.1:9", nil, nil, nil))
			}, nil},
			{"client", func() *reactor.Conn { return connectedClient(t, scheme, 4, nil).c }, nil},
			{"server, before CONNECT", func() *reactor.Conn { return acceptedConn(t, scheme, nil).c }, nil},
			{"server", func() *reactor.Conn { return connectedServer(t, scheme, 4, nil).c }, nil},
			{"paused", func() *reactor.Conn { c := connectedServer(t, scheme, 4, nil).c; c.Pause(); return c }, nil},
			{"closing", func() *reactor.Conn { c := connectedServer(t, scheme, 4, nil).c; c.Close(); return c }, reactor.ErrClosed},
			{"failed", func() *reactor.Conn { c := connectedClient(t, scheme, 4, nil).c; c.Fail(nil); return c }, reactor.ErrClosed},
		} {
			if err := mqtt.SetLimits(tt.conn(), mqtt.Limits{Packet: 1000}); !errors.Is(err, tt.want) {
				t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
			}
		}
	})
	c, _ := connWithoutLayer(t, looptest.NewManager(t), &recorder{t: t})
	if err := mqtt.Login(c, nil); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, c, "SetLimits after Login", nil, func() error { return mqtt.SetLimits(c, mqtt.Limits{Packet: 1}) })
}
