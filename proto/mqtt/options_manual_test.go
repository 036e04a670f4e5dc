package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// manualClient is connectedClient with Options.Manual.
func manualClient(t *testing.T, scheme string, version uint8, on hooks, props ...mqtt.Property) *pair {
	t.Helper()
	x := startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: version, Manual: true, Props: props}, on)
	x.p.send(connackOK[version])
	looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	x.p.readAll()
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

// With Manual the layer raises every PUBLISH, and answers neither PUBLISH, PUBREC nor PUBREL. The
// rest of the exchange is the same.
func TestManualExchanges(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version := uint8(4); version <= 5; version++ {
			for _, tc := range []struct {
				in     []string
				events string
			}{
				{[]string{"30 06 00 03'a/b'$v'x'"}, "a/b=x publish"},
				{[]string{"32 08 00 03'a/b' 00 07$v'x'", "3a 08 00 03'a/b' 00 07$v'x'"}, "a/b=x publish a/b=x publish"},
				{[]string{"34 08 00 03'a/b' 00 07$v'x'", "3c 08 00 03'a/b' 00 07$v'x'"}, "a/b=x publish a/b=x publish"},
				{[]string{"50 02 00 07"}, "pubrec"},
				{[]string{"62 02 00 07"}, "pubrel"},
				{[]string{"40 02 00 07", "70 02 00 07"}, "puback pubcomp"},
			} {
				x := manualClient(t, scheme, version, nil)
				for _, p := range tc.in {
					x.p.send(forVersion(p, version))
				}
				looptest.Await(t, x.m, tc.events, func() bool { return x.r.packets() == tc.events })
				x.p.wantGot(x.m, "")
			}
		}
	})
}

// The limits for unreleased messages do not apply: the program counts.
func TestManualHasNoReceiveMaximum(t *testing.T) {
	x := manualClient(t, "mqtt", 5, nil, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
	for id := 1; id <= 3; id++ {
		x.p.send(forVersion(fmt.Sprintf("34 08 00 03'a/b' %04x$v'x'", id), 5))
	}
	const want = "a/b=x publish a/b=x publish a/b=x publish"
	looptest.Await(t, x.m, "3 messages", func() bool { return x.r.packets() == want })
}

// The handler acknowledges with Ack, or later, in its own order.
func TestManualAck(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		x := manualClient(t, scheme, 4, hooks{reactor.EvMQTTCmd: func(c *reactor.Conn, data any) {
			if err := mqtt.Ack(c, data.(*mqtt.Message)); err != nil {
				t.Error(err)
			}
		}})
		for _, p := range []string{"32 08 00 03'a/b' 00 07'x'", "34 08 00 03'a/b' 00 08'x'", "62 02 00 08", "50 02 00 09"} {
			x.p.send(pack(p))
		}
		x.p.wantGot(x.m, "40 02 00 07 50 02 00 08 70 02 00 08 62 02 00 09")
		for _, cmd := range []mqtt.Cmd{mqtt.CmdPubrel, mqtt.CmdPublish} {
			x.wantSent("Ack later", map[mqtt.Cmd]string{mqtt.CmdPubrel: "70 02 00 0a", mqtt.CmdPublish: "40 02 00 0a"}[cmd], func() error {
				return mqtt.Ack(x.c, &mqtt.Message{Cmd: cmd, QoS: 1, ID: 10})
			})
		}
	})
}

// With Manual, packets that have an identifier get it from the program. The layer does not look
// whether it is in use.
func TestManualPacketIDs(t *testing.T) {
	x := manualClient(t, "mqtt", 4, nil)
	for _, qos := range []uint8{1, 2} {
		if id, err := mqtt.Pub(x.c, pubOptions(qos)); err != mqtt.ErrNeedsPacketID || id != 0 {
			t.Errorf("Pub at QoS %d without ID: %d, %v", qos, id, err)
		}
	}
	if _, err := mqtt.Sub(x.c, pubOptions(0)); err != mqtt.ErrNeedsPacketID {
		t.Errorf("Sub without ID: %v", err)
	}
	if _, err := mqtt.Unsub(x.c, pubOptions(0)); err != mqtt.ErrNeedsPacketID {
		t.Errorf("Unsub without ID: %v", err)
	}
	x.p.wantGot(x.m, "")
	opts := pubOptions(1)
	opts.ID = 0x1234
	for range 2 {
		x.wantSent("Pub", "32 09 00 03'a/b' 12 34'hi'", func() error { _, err := mqtt.Pub(x.c, opts); return err })
	}
	x.wantSent("Sub", "82 08 12 34 00 03'a/b' 01", func() error { _, err := mqtt.Sub(x.c, opts); return err })
	x.wantSent("Unsub", "a2 07 12 34 00 03'a/b'", func() error { _, err := mqtt.Unsub(x.c, opts); return err })
	opts.RetransmitID, opts.ID = 0x1234, 0
	x.wantSent("Pub again", "3a 09 00 03'a/b' 12 34'hi'", func() error { _, err := mqtt.Pub(x.c, opts); return err })
	x.wantSent("QoS 0", "30 07 00 03'a/b''hi'", func() error { _, err := mqtt.Pub(x.c, pubOptions(0)); return err })
}
