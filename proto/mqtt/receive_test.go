package mqtt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// announcing is a 5.0 connection that sends the properties in its CONNECT or CONNACK.
func announcing(t *testing.T, scheme, role string, manual bool, on hooks, props ...mqtt.Property) *pair {
	t.Helper()
	var x *pair
	if role == "client" {
		x = startClient(t, scheme, &mqtt.Options{ClientID: "c", Clean: true, Version: 5, Manual: manual, Props: props}, on)
		x.p.send(connackOK[5])
		looptest.Await(t, x.m, "CONNACK", x.r.Noted("connack"))
	} else {
		x = acceptedConn(t, scheme, on, reactor.WithClock(looptest.NewClock().Now))
		x.p.send(connectC[5])
		looptest.Await(t, x.m, "CONNECT", x.r.Noted("connect"))
		if err := mqtt.Connack(x.c, false, 0, props...); err != nil {
			t.Fatal(err)
		}
		looptest.Settle(t, x.m)
	}
	x.p.readAll()
	x.r.Lines, x.p.got, x.p.frames = nil, nil, nil
	return x
}

func aliasMaximum(n uint32) mqtt.Property {
	return mqtt.Property{ID: mqtt.PropTopicAliasMaximum, Int: n}
}

// aliasPacket is a PUBLISH of QoS 0 with a topic, an alias and the payload x.
func aliasPacket(topic string, alias uint16) []byte {
	b, err := mqtt.AppendPublish(nil, 5, &mqtt.PublishPacket{Topic: topic, Data: []byte("x"),
		Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte("k")}, {ID: mqtt.PropTopicAlias, Int: uint32(alias)}}})
	if err != nil {
		panic(err)
	}
	return b
}

// An alias stands for the topic that came with it last. The handler sees the topic, at every split
// of the input. All aliases up to the maximum are accepted [MQTT-3.3.2-10] [MQTT-3.3.2-12].
func TestTopicAliasesAreResolved(t *testing.T) {
	packets := [][]byte{
		aliasPacket("a/b", 1), aliasPacket("", 1), aliasPacket("long/topic", 3), aliasPacket("", 3), aliasPacket("", 1),
		aliasPacket("c", 1), aliasPacket("", 1), aliasPacket("longer/than/before", 1), aliasPacket("", 1), aliasPacket("", 3),
		forVersion("30 06 00 03'a/b'$v'x'", 5),
	}
	want := "a/b a/b long/topic long/topic a/b c c longer/than/before longer/than/before long/topic a/b "
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for _, manual := range []bool{false, true} {
				if manual && role == "server" {
					continue
				}
				stream := slices.Concat(packets...)
				for at := range stream {
					got := ""
					x := announcing(t, scheme, role, manual, hooks{reactor.EvMQTTCmd: func(_ *reactor.Conn, data any) {
						if m := data.(*mqtt.Message); m.Cmd == mqtt.CmdPublish {
							got += string(m.Topic) + " "
						}
					}}, aliasMaximum(3))
					if scheme == "ws" {
						x.p.send(stream[:at], stream[at:])
					} else {
						x.writeInTwoParts(stream, at)
					}
					looptest.Await(t, x.m, "the messages", func() bool { return got == want || len(x.r.Errs) > 0 })
					if len(x.r.Errs) > 0 {
						t.Fatalf("split at %d: %q, errors %v", at, got, x.r.Errs)
					}
				}
			}
		}
	})
}

// An alias that is zero, above the maximum of this side, or unknown is refused with 0x94. Mappings
// end with the connection [MQTT-3.3.2-7] [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11].
func TestInvalidTopicAliases(t *testing.T) {
	zero := pack("30 09 00 03'a/b' 03 23 0000")
	for _, tc := range []struct {
		maximum uint32
		packets [][]byte
		words   map[string]string // by role
	}{
		{3, [][]byte{zero}, map[string]string{"client": "MQTT-3.3.2-8", "server": "MQTT-3.3.2-8"}},
		{3, [][]byte{aliasPacket("a/b", 4)}, map[string]string{"client": "MQTT-3.3.2-11", "server": "MQTT-3.3.2-9"}},
		{0, [][]byte{aliasPacket("a/b", 1)}, map[string]string{"client": "MQTT-3.3.2-11", "server": "MQTT-3.3.2-9"}},
		{3, [][]byte{aliasPacket("", 4)}, map[string]string{"client": "MQTT-3.3.2-11", "server": "MQTT-3.3.2-9"}},
		{3, [][]byte{aliasPacket("a/b", 1), aliasPacket("", 2)}, map[string]string{"client": "Topic Alias 2 is unknown", "server": "Topic Alias 2 is unknown"}},
	} {
		for role, words := range tc.words {
			overEachTransport(t, func(t *testing.T, scheme string) {
				var props []mqtt.Property
				if tc.maximum > 0 {
					props = append(props, aliasMaximum(tc.maximum))
				}
				x := announcing(t, scheme, role, false, nil, props...)
				x.p.send(tc.packets...)
				x.waitClose()
				if got := x.r.packets(); got != strings.Repeat("a/b=x publish ", len(tc.packets)-1)+"ERROR CLOSE" {
					t.Errorf("events %s", got)
				}
				looptest.WantErr(t, x.r.Err(t), mqtt.ErrMalformed, "PUBLISH", "0x94", words)
				x.waitEnd()
				x.p.wantGot(x.m, "e0 02 94 00")
			})
		}
	}
}

// Messages with aliases allocate nothing, also when an alias changes its topic, as long as the
// longest topic was seen.
func TestTopicAliasesDoNotAllocate(t *testing.T) {
	x := announcing(t, "mqtt", "client", false, nil, aliasMaximum(2))
	count := 0
	x.c.Fn = func(_ *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvMQTTMsg && len(data.(*mqtt.Message).Topic) > 0 {
			count++
		}
	}
	in := slices.Concat(aliasPacket("some/topic", 1), aliasPacket("", 1), aliasPacket("a", 1), aliasPacket("", 1), aliasPacket("some/topic", 2))
	looptest.WantNoAllocs(t, "messages with aliases", func() {
		want := count + 5
		unix.Write(x.p.FD, in)
		for i := 0; count < want && i < looptest.Turns; i++ {
			x.m.Poll(5e6)
		}
	})
	if count < 500 {
		t.Errorf("%d messages, want 500 or more", count)
	}
}

// The topics of aliases count towards the memory budget: a peer cannot make a connection keep more.
func TestTopicAliasesCountTowardsBudget(t *testing.T) {
	m := looptest.NewManager(t, reactor.WithMemoryBudget(64<<10))
	r := newRecorder(t, nil)
	l := mustConn(t)(mqtt.Listen(m, "mqtt://127.0.0.1:0", r.handle, nil))
	p := dialPeer(t, l.LocalAddr())
	p.send(connectC[5])
	looptest.Await(t, m, "CONNECT", r.Noted("connect"))
	if err := mqtt.Connack(r.Conn, false, 0, aliasMaximum(65535)); err != nil {
		t.Fatal(err)
	}
	x := &pair{t: t, m: m, r: r, c: r.Conn, p: p}
	for alias := uint16(1); alias <= 100 && len(r.Errs) == 0; alias++ {
		x.writeAll(aliasPacket(strings.Repeat("t", 1<<10), alias))
		looptest.Spin(t, m, 1)
	}
	looptest.Await(t, m, "an error", func() bool { return len(r.Errs) > 0 })
	looptest.WantErr(t, r.Err(t), nil, "memory")
}

// A packet of the Maximum Packet Size that this side has sent is accepted, a larger one is refused
// with 0x95, as soon as its header has arrived. Limits.Packet applies if it is smaller.
func TestOwnMaximumPacketSize(t *testing.T) {
	size := func(n uint32) mqtt.Property { return mqtt.Property{ID: mqtt.PropMaximumPacketSize, Int: n} }
	overEachTransport(t, func(t *testing.T, scheme string) {
		for _, role := range []string{"client", "server"} {
			for _, limits := range []struct{ own, packet, want int }{{20, 0, 20}, {20, 15, 15}, {20, 1000, 20}} {
				x := announcing(t, scheme, role, false, nil, size(uint32(limits.own)))
				if limits.packet > 0 {
					setLimit(t, x.c, limits.packet)
				}
				body := strings.Repeat("x", limits.want-7)
				x.p.send(pack(fmt.Sprintf("30 %02x 00 02't/' 00'%s'", limits.want-2, body)))
				looptest.Await(t, x.m, "PUBLISH", x.r.Noted("publish"))
				x.r.Lines = nil
				x.p.send(pack(fmt.Sprintf("30 %02x", limits.want-1)))
				x.waitClose()
				x.r.wantPackets("ERROR CLOSE")
				looptest.WantErr(t, x.r.Err(t), mqtt.ErrTooLarge, fmt.Sprint("the limit is ", limits.want))
				x.waitEnd()
				x.p.wantGot(x.m, "e0 02 95 00")
			}
		}
	})
}

// A message of QoS 1 counts towards the Receive Maximum as well: it is refused while as many
// messages of QoS 2 wait for PUBREL [MQTT-3.3.4-7] [MQTT-3.3.4-9]. One of QoS 0 is not.
func TestReceiveMaximumCountsQoS1(t *testing.T) {
	one := forVersion("32 08 00 03'a/b' 00 09$v'x'", 5)
	for role, rule := range map[string]string{"client": "MQTT-3.3.4-9", "server": "MQTT-3.3.4-7"} {
		x := announcing(t, "mqtt", role, false, nil, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 2})
		x.p.send(forVersion("34 08 00 03'a/b' 00 01$v'x'", 5), one, one, forVersion("34 08 00 03'a/b' 00 02$v'x'", 5))
		x.p.wantGot(x.m, "50 02 00 01 40 02 00 09 40 02 00 09 50 02 00 02")
		x.p.send(forVersion("30 06 00 03'a/b'$v'x'", 5), forVersion("3c 08 00 03'a/b' 00 02$v'x'", 5), one)
		x.waitClose()
		looptest.WantErr(t, x.r.Err(t), mqtt.ErrLimit, "more than 2 messages", rule)
		x.waitEnd()
		x.p.wantGot(x.m, "50 02 00 02 e0 02 93 00")
	}
}

// A client that has asked for a clean start closes the connection if the server says that it has a
// session [MQTT-3.2.2-4] (3.1.1: [MQTT-3.2.2-1]).
func TestSessionPresentAfterCleanStart(t *testing.T) {
	overEachTransport(t, func(t *testing.T, scheme string) {
		for version, tc := range map[uint8]struct{ connack, rule, out string }{
			4: {"20 02 01 00", "MQTT-3.2.2-1", ""},
			5: {"20 03 01 00 00", "MQTT-3.2.2-4", "e0 02 82 00"},
		} {
			x := awaitingConnack(t, scheme, version, nil)
			x.p.send(pack(tc.connack))
			x.waitClose()
			x.r.wantPackets("ERROR CLOSE")
			looptest.WantErr(t, x.r.Err(t), mqtt.ErrMalformed, "CONNACK", "Session Present", tc.rule)
			x.waitEnd()
			x.p.wantGot(x.m, tc.out)
			if _, ok := mqtt.PeerCapabilities(x.c); ok {
				t.Error("the capabilities are known")
			}
		}
	})
}
