package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A message has the subscription identifiers of all filters that match, in one copy
// [MQTT-3.3.4-3] to [MQTT-3.3.4-5].
func TestSubscriptionIdentifiers(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
		{"b", publish(5, 1, "r", "old", retain), "b: PUBACK"},
		{"a", keep(5, "a"), "a: CONNACK 0x0"},
	})
	sub := func(client string, id uint32, filters ...string) {
		var all []mqtt.Filter
		for _, f := range filters {
			all = append(all, filter(f, 1))
		}
		var props []mqtt.Property
		if id > 0 {
			props = []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: id}}
		}
		h.peers[client].send(must(mqtt.AppendSubscribe(nil, 5, 1, all, props)))
		h.settle()
	}
	want := func(client, what string) {
		t.Helper()
		m, ids := &h.peers[client].lastPublish, []int{}
		var p mqtt.Property
		for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
			if p.ID == mqtt.PropSubscriptionIdentifier {
				ids = append(ids, int(p.Int)) // in any order
			}
		}
		slices.Sort(ids)
		if got := strings.Trim(fmt.Sprint(ids), "[]"); got != what {
			t.Errorf("the message %s has the identifiers %q, want %q", show(m), got, what)
		}
	}
	pub := func(topic string) {
		h.peers["b"].send(publish(5, 1, topic, "x"))
		h.settle()
	}
	sub("a", 7, "t/#", "t/+")
	sub("a", 268435455, "t/1")
	sub("a", 0, "#")
	pub("t/1")
	want("a", "7 7 268435455")
	pub("t/2")
	want("a", "7 7")
	pub("u")
	want("a", "")
	sub("a", 9, "r")
	want("a", "9")
	sub("a", 0, "r") // replaces the options of the subscription, and the identifier is one
	pub("r")
	want("a", "")
	sub("a", 5, "$share/g/t/3")
	pub("t/3")
	want("a", "5") // the last copy is that of the shared subscription
	h.take()

	play(h, "tcp", []step{
		{"a", nil, "a: closed"},
		{"b", publish(5, 1, "t/1", "x"), "b: PUBACK"},
		{"c", keep(5, "a"), "c: CONNACK present 0x0, PUBLISH q1 t/1=x"},
	})
	want("c", "7 7 268435455")
	play(h, "tcp", []step{
		{"d", keep(4, "a"), "c: DISCONNECT 0x8e, closed; d: CONNACK present 0x0"},
		{"b", publish(5, 1, "t/1", "x"), "b: PUBACK; d: PUBLISH q1 t/1=x"}, // 3.1.1 has none
	})
}
