package mqtt_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// threePackets are three messages; the second has QoS 1.
var threePackets = [][]byte{
	pack("30 06 00 03'a/b''1'"),
	pack("32 08 00 03'a/b' 00 01'2'"),
	pack("30 06 00 03'a/b''3'"),
}

// pausing makes the handler call Pause in each EvMQTTMsg.
var pausing = hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) { c.Pause() }}

// framings are ways to put threePackets into WebSocket messages.
func framings() map[string][][]byte {
	all := append(append(append([]byte(nil), threePackets[0]...), threePackets[1]...), threePackets[2]...)
	return map[string][][]byte{
		"one message":         {all},
		"a message each":      threePackets,
		"split over messages": {all[:5], all[5:11], all[11:]},
		"last packet in two":  {all[:len(all)-1], all[len(all)-1:]},
	}
}

// Pause stops the delivery after the current packet. Resume delivers the next packet, although
// no more bytes arrive.
func TestPauseStopsAfterPacket(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for name, messages := range framings() {
				t.Run(role+" "+name, func(t *testing.T) {
					x := connectedAs(t, scheme, role, 4, pausing)
					x.p.send(messages...)
					want := ""
					for _, word := range []string{"a/b=1", "a/b=2", "a/b=3"} {
						looptest.Await(t, x.m, word, x.r.Noted(word))
						looptest.Settle(t, x.m)
						if want != "" {
							want += " "
						}
						want += word + " publish"
						x.r.wantPackets(want)
						x.c.Resume()
					}
					x.p.wantGot(x.m, "40 02 00 01")
				})
			}
		}
	})
}

// An end of the stream that arrives during a pause is handled after the packets.
func TestEndOfStreamDuringPause(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, cut := range []bool{false, true} {
			x := connectedClient(t, scheme, 4, pausing)
			last := threePackets[2]
			if cut {
				last = last[:3]
			}
			x.p.send(append(append([]byte(nil), threePackets[0]...), last...))
			x.p.Shutdown()
			looptest.Await(t, x.m, "the first", x.r.Noted("a/b=1"))
			looptest.Settle(t, x.m)
			x.r.wantPackets("a/b=1 publish")
			x.c.Resume()
			if cut {
				x.waitClose()
				x.r.wantPackets("a/b=1 publish ERROR CLOSE")
				looptest.WantErr(t, x.r.Err(x.t), io.ErrUnexpectedEOF, "inside a packet")
				continue
			}
			looptest.Await(t, x.m, "the last", x.r.Noted("a/b=3"))
			x.c.Resume()
			x.waitClose()
			x.r.wantPackets("a/b=1 publish a/b=3 publish ERROR CLOSE")
		}
	})
}

// Pause in EvMQTTOpen and in EvMQTTCmd of CONNACK holds back the next packet.
func TestPauseInOtherEvents(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, ev := range []reactor.Event{reactor.EvMQTTOpen, reactor.EvMQTTCmd} {
			x := awaitingConnack(t, scheme, 4, hooks{ev: func(c *reactor.Conn, _ any) { c.Pause() }})
			x.p.send(append(append([]byte(nil), connackOK[4]...), threePackets[0]...))
			looptest.Await(t, x.m, "connack", x.r.Noted("connack"))
			looptest.Settle(t, x.m)
			x.r.wantPackets("MQTT_OPEN:0 connack")
			x.c.Resume()
			looptest.Await(t, x.m, "the packet", x.r.Noted("publish"))
		}
	})
}

// If a handler raises EvRead inside another event, no packet is delivered twice or out of
// order.
func TestNestedReadKeepsOrder(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, messages := range framings() {
			zero := 0
			nested := func(c *reactor.Conn, _ any) { c.Call(reactor.EvRead, &zero) }
			x := connectedClient(t, scheme, 4, hooks{reactor.EvMQTTMsg: nested, reactor.EvMQTTCmd: nested})
			x.p.send(messages...)
			looptest.Await(t, x.m, "the last", x.r.Noted("a/b=3"))
			looptest.Settle(t, x.m)
			if x.r.wantPackets("a/b=1 publish a/b=2 publish a/b=3 publish"); t.Failed() {
				t.Fatal(name)
			}
			x.p.wantGot(x.m, "40 02 00 01")
		}
	})
}

// If a handler closes or fails the connection, the following packets are not delivered.
func TestCloseInHandlerStopsDelivery(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for name, stop := range map[string]struct {
			do   func(c *reactor.Conn)
			want string
		}{
			"Close": {(*reactor.Conn).Close, "a/b=1 CLOSE"},
			"Fail":  {func(c *reactor.Conn) { c.Fail(io.ErrNoProgress) }, "a/b=1 ERROR CLOSE"},
		} {
			for framing, messages := range framings() {
				t.Run(name+", "+framing, func(t *testing.T) {
					x := connectedClient(t, scheme, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) { stop.do(c) }})
					x.p.send(messages...)
					x.waitClose()
					x.r.wantPackets(stop.want)
				})
			}
		}
	})
}

// Drain sends the packets in Send first, and the layer still acknowledges.
func TestDrainSendsPackets(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := connectedClient(t, scheme, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) {
			if _, err := mqtt.Pub(c, pubOptions(0)); err != nil {
				t.Error(err)
			}
			c.Drain()
		}})
		x.p.send(threePackets[1])
		x.waitEnd()
		x.p.wantGot(x.m, "30 07 00 03'a/b''hi' 40 02 00 01")
		x.p.Close()
		x.waitClose()
		x.r.wantPackets("a/b=2 publish CLOSE")
	})
}

// Packets that a pause has held back are delivered before the Close frame that follows them.
// They do not count as an incomplete packet.
func TestCloseFrameDuringPause(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		for name, row := range map[string]struct {
			messages [][]byte
			words    []string // the messages
			once     bool     // the handler pauses at the first message only
		}{
			"two in one message":                     {[][]byte{bytes.Join([][]byte{threePackets[0], threePackets[2]}, nil)}, []string{"a/b=1", "a/b=3"}, true},
			"three in one message":                   {[][]byte{bytes.Join(threePackets, nil)}, []string{"a/b=1", "a/b=2", "a/b=3"}, true},
			"a message each":                         {threePackets, []string{"a/b=1", "a/b=2", "a/b=3"}, true},
			"two in one message, each pauses":        {[][]byte{bytes.Join([][]byte{threePackets[0], threePackets[2]}, nil)}, []string{"a/b=1", "a/b=3"}, false},
			"three in a message each, each pauses":   {threePackets, []string{"a/b=1", "a/b=2", "a/b=3"}, false},
			"three in one message, all of them wait": {[][]byte{bytes.Join(threePackets, nil)}, []string{"a/b=1", "a/b=2", "a/b=3"}, false},
		} {
			t.Run(role+" "+name, func(t *testing.T) {
				paused := 0
				x := connectedAs(t, "ws", role, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) {
					if paused++; paused == 1 || !row.once {
						c.Pause()
					}
				}})
				x.p.Write(append(x.p.framed(row.messages...), x.p.frame(8, closeNormal)...))
				want := ""
				for i, word := range row.words {
					looptest.Await(t, x.m, word, func() bool { return x.r.Noted(word)() || x.r.Closed() })
					looptest.Settle(t, x.m)
					want += word + " publish "
					if i == 0 || !row.once {
						x.r.wantPackets(strings.TrimSpace(want))
						x.c.Resume()
					}
				}
				x.waitEnd()
				x.p.wantLastFrame(0x88, closeNormal)
				x.p.Close()
				x.waitClose()
				if role == "client" {
					want += "ERROR "
				}
				x.r.wantPackets(want + "CLOSE")
			})
		}
	}
}
