package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// A connection that has failed and lingers does not keep a part of a packet, whether it failed in
// a handler or not.
func TestFailReleasesThePartOfAPacket(t *testing.T) {
	part := pack("30 06 00 03'a/")
	for _, role := range []string{"client", "server"} {
		fail := func(c *reactor.Conn) {
			c.Write([]byte("rest"))
			c.Fail(reactor.ErrMemoryBudget)
		}
		x := connectedAs(t, "ws", role, 4, nil)
		x.p.send(part)
		looptest.Await(t, x.m, "the part", func() bool { return mqtt.UnparsedMemory(x.c) > 0 })
		if fail(x.c); mqtt.UnparsedMemory(x.c) != 0 {
			t.Errorf("%s: memory is left", role)
		}
		left := -1
		x = connectedAs(t, "ws", role, 4, hooks{reactor.EvMQTTMsg: func(c *reactor.Conn, _ any) {
			fail(c)
			c.Manager().Post(func() { left = mqtt.UnparsedMemory(c) })
		}})
		x.p.send(part)
		looptest.Await(t, x.m, "the part", func() bool { return mqtt.UnparsedMemory(x.c) > 0 })
		x.p.send(append(pack("'b''1'"), part...))
		looptest.Await(t, x.m, "EvMQTTMsg", func() bool { return left >= 0 })
		if left != 0 {
			t.Errorf("%s: %d bytes of memory are left after a handler has failed the connection", role, left)
		}
	}
}

// Over WebSocket, the part of a packet that earlier messages contain counts towards the memory
// budget, until the packet is complete or the connection has failed or closed.
func TestPartOfAPacketCountsTowardsTheBudget(t *testing.T) {
	packet, err := mqtt.AppendPublish(nil, 4, &mqtt.PublishPacket{Topic: "t", Data: bytes.Repeat([]byte("p"), 20000)})
	looptest.Must(t, err)
	tail := pack("30 06 00 03'a/")
	for _, end := range []struct {
		name string
		do   func(x *pair)
		held int
	}{
		{"complete", func(x *pair) { x.p.send(packet[10000:]) }, 0},
		{"complete, and the next begins", func(x *pair) { x.p.send(append(bytes.Clone(packet[10000:]), tail...)) }, 128},
		{"malformed", func(x *pair) { x.p.send(packet[10000:], pack("00 00")) }, 0},
		{"Fail", func(x *pair) { x.c.Write([]byte("rest")); x.c.Fail(reactor.ErrMemoryBudget) }, 0},
		{"Close", func(x *pair) { x.c.Close() }, 0},
		{"the peer's end", func(x *pair) { x.p.Close() }, 0},
	} {
		for _, role := range []string{"client", "server"} {
			t.Run(role+" "+end.name, func(t *testing.T) {
				x := connectedAs(t, "ws", role, 4, nil)
				want := func(when string, n int) {
					t.Helper()
					looptest.Settle(t, x.m)
					if got := x.m.Stats().Held; got != n {
						t.Errorf("%s: %d bytes are held, want %d", when, got, n)
					}
				}
				want("before", 0)
				x.p.send(packet[:600])
				want("the first part", 1024)
				x.p.send(packet[600:10000])
				want("the second part", 16<<10)
				x.c.Pause()
				want("paused", 16<<10)
				x.c.Resume()
				want("resumed", 16<<10)
				end.do(x)
				want(end.name, end.held)
			})
		}
	}
}
