package mqtt_test

import (
	"io"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

var threePackets = [][]byte{
	pack("30 06 00 03'a/b''1'"),
	pack("32 08 00 03'a/b' 00 01'2'"),
	pack("30 06 00 03'a/b''3'"),
}

// pausing pauses in every EvMQTTMsg.
var pausing = hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) { c.Pause() }}

// framings are the ways in which the packets lie in messages.
func framings() map[string][][]byte {
	all := append(append(append([]byte(nil), threePackets[0]...), threePackets[1]...), threePackets[2]...)
	return map[string][][]byte{
		"one message":          {all},
		"a message each":       threePackets,
		"split over messages":  {all[:5], all[5:11], all[11:]},
		"last one is not full": {all[:len(all)-1], all[len(all)-1:]},
	}
}

// Pause stops the delivery after the packet that is being delivered, and
// Resume goes on with the next although nothing more arrives.
func TestConnPause(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for name, messages := range framings() {
				t.Run(role+" "+name, func(t *testing.T) {
					x := ready(t, scheme, role, 4, pausing)
					x.p.send(messages...)
					want := ""
					for _, word := range []string{"a/b=1", "a/b=2", "a/b=3"} {
						await(t, x.m, word, x.r.saw(word))
						spin(t, x.m)
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

// The end of stream that came in the meantime is seen after the packets.
func TestConnPauseThenEnd(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, cut := range []bool{false, true} {
			x := connected(t, scheme, 4, pausing)
			last := threePackets[2]
			if cut {
				last = last[:3]
			}
			x.p.send(append(append([]byte(nil), threePackets[0]...), last...))
			x.p.shutdown()
			await(t, x.m, "the first", x.r.saw("a/b=1"))
			spin(t, x.m)
			x.r.wantPackets("a/b=1 publish")
			x.c.Resume()
			if cut {
				x.waitClose()
				x.r.wantPackets("a/b=1 publish ERROR CLOSE")
				wantErr(t, x.r.err(), io.ErrUnexpectedEOF, "inside a packet")
				continue
			}
			await(t, x.m, "the last", x.r.saw("a/b=3"))
			x.c.Resume()
			x.waitClose()
			x.r.wantPackets("a/b=1 publish a/b=3 publish CLOSE")
		}
	})
}

// Paused in EvMQTTOpen, before the first packet and in EvMQTTCmd.
func TestConnPauseElsewhere(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for _, ev := range []reactor.Event{reactor.EvMQTTOpen, reactor.EvMQTTCmd} {
			x := asking(t, scheme, 4, hooks{ev: func(c *reactor.Conn, _ any) { c.Pause() }})
			x.p.send(append(append([]byte(nil), connackOK[4]...), threePackets[0]...))
			await(t, x.m, "connack", x.r.saw("connack"))
			spin(t, x.m)
			x.r.wantPackets("MQTT_OPEN:0 connack")
			x.c.Resume()
			await(t, x.m, "the packet", x.r.saw("publish"))
		}
	})
}

// A handler may raise EvRead from within an event: nothing is delivered twice
// or out of order.
func TestConnNestedRead(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, messages := range framings() {
			zero := 0
			nested := func(c *reactor.Conn, _ any) { c.Call(reactor.EvRead, &zero) }
			x := connected(t, scheme, 4, hooks{reactor.EvMQTTMsg: nested, reactor.EvMQTTCmd: nested})
			x.p.send(messages...)
			await(t, x.m, "the last", x.r.saw("a/b=3"))
			spin(t, x.m)
			if x.r.wantPackets("a/b=1 publish a/b=2 publish a/b=3 publish"); t.Failed() {
				t.Fatal(name)
			}
			x.p.wantGot(x.m, "40 02 00 01")
		}
	})
}

// What a handler does with other connections, and its own, is safe: closing
// stops the loop over the packets.
func TestConnStopsInside(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		for name, stop := range map[string]struct {
			do   func(c *reactor.Conn)
			want string
		}{
			"Close": {(*reactor.Conn).Close, "a/b=1 CLOSE"},
			"Fail":  {func(c *reactor.Conn) { c.Fail(io.ErrNoProgress) }, "a/b=1 ERROR CLOSE"},
		} {
			for _, messages := range framings() {
				x := connected(t, scheme, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) { stop.do(c) }})
				x.p.send(messages...)
				x.waitClose()
				if x.r.wantPackets(stop.want); t.Failed() {
					t.Fatal(name)
				}
			}
		}
	})
}

// Drain lets what was published out first, and goes on acknowledging.
func TestConnDrain(t *testing.T) {
	overBoth(t, func(t *testing.T, scheme string) {
		x := connected(t, scheme, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) {
			if _, err := mqtt.Pub(c, publishing(0)); err != nil {
				t.Error(err)
			}
			c.Drain()
		}})
		x.p.send(threePackets[1])
		await(t, x.m, "the end", x.p.ended)
		x.p.wantGot(x.m, "30 07 00 03'a/b''hi' 40 02 00 01")
		x.p.close()
		x.waitClose()
		x.r.wantPackets("a/b=2 publish CLOSE")
	})
}
