package broker

import (
	"slices"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// TestDeliveryQoS publishes at each QoS to a subscription of each.
func TestDeliveryQoS(t *testing.T) {
	toB := []string{"", "b: PUBACK", "b: PUBREC, PUBCOMP"}
	toA := []string{"a: PUBLISH q0 t=x", "a: PUBLISH q1 t=x", "a: PUBLISH q2 t=x, PUBREL"}
	var all []script
	for pub := range uint8(3) {
		for sub := range uint8(3) {
			want := toA[min(pub, sub)]
			if pub > 0 {
				want += "; " + toB[pub]
			}
			all = append(all, script{string('0'+rune(pub)) + " to " + string('0'+rune(sub)), 0, func(v uint8) []step {
				return []step{
					{"a", connect(v, "a"), "a: CONNACK 0x0"},
					{"b", connect(v, "b"), "b: CONNACK 0x0"},
					{"a", subscribe(v, 1, filter("t", sub)), "a: SUBACK 1 0" + string('0'+rune(sub))},
					{"b", publish(v, pub, "t", "x"), want},
				}
			}})
		}
	}
	run(t, all)
}

func TestPublish(t *testing.T) {
	run(t, []script{
		{"QoS 2 twice is once [MQTT-4.3.3-10]", 0, func(v uint8) []step {
			dup := publish(v, 2, "t", "x", func(p *mqtt.PublishPacket) { p.Dup = true })
			return []step{
				{"mute", connect(v, "b"), "mute: CONNACK 0x0"},
				{"mute", subscribe(v, 1, filter("t", 0)), "mute: SUBACK 1 00"},
				{"mute", publish(v, 2, "t", "x"), "mute: PUBLISH q0 t=x, PUBREC"},
				{"mute", dup, "mute: PUBREC"},
				{"mute", must(mqtt.AppendAck(nil, v, mqtt.CmdPubrel, 1, 0, nil)), "mute: PUBCOMP"},
				{"mute", publish(v, 2, "t", "y"), "mute: PUBLISH q0 t=y, PUBREC"},
			}
		}},
		{"after DISCONNECT and after a refusal", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", slices.Concat(publish(v, 0, "t", "1"), disconnect(v, 0), publish(v, 0, "t", "2")), "a: PUBLISH q0 t=1; b: closed"},
				{"c", slices.Concat(connect(v, "c", func(p *mqtt.ConnectPacket) {
					p.Props = []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("x")}}
				}), publish(v, 0, "t", "3"), subscribe(v, 1, filter("#", 0))), "c: CONNACK 0x8c, closed"},
			}
		}},
		{"empty payload", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00"},
				{"a", publish(v, 0, "t", ""), "a: PUBLISH q0 t="},
			}
		}},
		{"subscription identifier [MQTT-3.3.4-6]", 5, func(v uint8) []step {
			id := func(p *mqtt.PublishPacket) { p.Props = []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 1}} }
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", "x", id), "a: DISCONNECT 0x82, closed"},
			}
		}},
	})
}

// A message of QoS 0 does not overtake one that waits behind retained messages and a full window.
func TestQoS0StaysInOrder(t *testing.T) {
	h := newFixture(t)
	h.b.retained.put(&message{topic: "r", data: []byte("1"), qos: 1, retain: true}, RetainedLimit)
	play(h, "tcp", []step{
		{"mute", connect(4, "m"), "mute: CONNACK 0x0"},
		{"mute", subscribe(4, 1, filter("t", 1), filter("u", 0)), "mute: SUBACK 1 0100"},
		{"b", connect(4, "b"), "b: CONNACK 0x0"},
	})
	s := h.b.sessions["m"]
	s.window = 1
	play(h, "tcp", []step{
		{"b", publish(4, 1, "t", "0"), "b: PUBACK; mute: PUBLISH q1 t=0"},
		{"mute", subscribe(4, 2, filter("r", 1)), "mute: SUBACK 2 01"},
		{"b", publish(4, 1, "t", "1"), "b: PUBACK"},
		{"b", publish(4, 1, "t", "2"), "b: PUBACK"},
		{"b", publish(4, 0, "u", "1"), ""},
		{"mute", ack(4, mqtt.CmdPuback, 1, 0), "mute: PUBLISH q1 retain r=1"},
		{"mute", ack(4, mqtt.CmdPuback, 2, 0), "mute: PUBLISH q1 t=1"},
		{"b", publish(4, 0, "u", "2"), ""},
		{"mute", ack(4, mqtt.CmdPuback, 3, 0), "mute: PUBLISH q1 t=2, PUBLISH q0 u=1, PUBLISH q0 u=2"},
		{"b", publish(4, 0, "u", "3"), "mute: PUBLISH q0 u=3"},
	})
	if s.queuedQ0 != 0 || s.taken != 5 {
		t.Errorf("%d messages of QoS 0 are in the queue, %d were taken from it", s.queuedQ0, s.taken)
	}
}
