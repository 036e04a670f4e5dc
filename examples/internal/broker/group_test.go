package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestSharedSubscriptions(t *testing.T) {
	member := func(name, filters string, qos uint8) []step {
		var all []mqtt.Filter
		granted := ""
		for f := range strings.FieldsSeq(filters) {
			all = append(all, filter(f, qos))
			granted += fmt.Sprintf("%02x", qos)
		}
		return []step{
			{name, keep(5, name), name + ": CONNACK 0x0"},
			{name, subscribe(5, 1, all...), name + ": SUBACK 1 " + granted},
		}
	}
	with := func(more []step, members ...[]step) []step {
		all := []step{{"p", connect(5, "p"), "p: CONNACK 0x0"}}
		for _, m := range members {
			all = append(all, m...)
		}
		return append(all, more...)
	}
	pub := func(data, want string) step { return step{"p", publish(5, 1, "t", data), want} }
	run(t, []script{
		{"in turn", 5, func(uint8) []step {
			return with([]step{
				pub("1", "a: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "b: PUBLISH q1 t=2; p: PUBACK"),
				pub("3", "c: PUBLISH q1 t=3; p: PUBACK"),
				pub("4", "a: PUBLISH q1 t=4; p: PUBACK"),
				{"b", unsubscribe(5, 2, "$share/g/t"), "b: UNSUBACK 2 00"},
				pub("5", "c: PUBLISH q1 t=5; p: PUBACK"),
				pub("6", "a: PUBLISH q1 t=6; p: PUBACK"),
			}, member("a", "$share/g/t", 1), member("b", "$share/g/t", 2), member("c", "$share/g/t", 1))
		}},
		{"each group and each other subscription gets its own copy", 5, func(uint8) []step {
			return with([]step{
				pub("1", "a: PUBLISH q1 t=1, PUBLISH q1 t=1, PUBLISH q1 t=1; b: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "a: PUBLISH q1 t=2, PUBLISH q1 t=2; b: PUBLISH q1 t=2, PUBLISH q1 t=2; p: PUBACK"),
			}, member("a", "$share/g/t $share/h/t t", 1), member("b", "$share/g/t $share/i/+", 1))
		}},
		{"at the QoS of the member [MQTT-4.8.2-3]", 5, func(uint8) []step {
			return with([]step{
				pub("1", "a: PUBLISH q0 t=1; p: PUBACK"),
				pub("2", "b: PUBLISH q1 t=2; p: PUBACK"),
			}, member("a", "$share/g/t", 0), member("b", "$share/g/t", 1))
		}},
		{"no retained messages", 5, func(uint8) []step {
			return append([]step{
				{"r", connect(5, "r"), "r: CONNACK 0x0"},
				{"r", publish(5, 1, "t", "old", retain), "r: PUBACK"},
			}, with([]step{pub("1", "a: PUBLISH q1 t=1; p: PUBACK")}, member("a", "$share/g/t", 1))...)
		}},
		{"connected members come first", 5, func(uint8) []step {
			return with([]step{
				{"a", nil, "a: closed"},
				pub("1", "b: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "b: PUBLISH q1 t=2; p: PUBACK"),
				{"b", nil, "b: closed"},
				pub("3", "p: PUBACK"), // for a: it is its turn
				pub("4", "p: PUBACK"),
				{"p", publish(5, 0, "t", "5"), ""},
				{"a2", keep(5, "a"), "a2: CONNACK present 0x0, PUBLISH q1 t=3"},
				{"b2", keep(5, "b"), "b2: CONNACK present 0x0, PUBLISH q1 t=4"},
			}, member("a", "$share/g/t", 1), member("b", "$share/g/t", 1))
		}},
		{"members with a full window come last", 5, func(uint8) []step {
			one := func(p *mqtt.ConnectPacket) {
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
			}
			return with([]step{
				{"mute", keep(5, "m", one), "mute: CONNACK 0x0"},
				{"mute", subscribe(5, 1, filter("$share/g/t", 1)), "mute: SUBACK 1 01"},
				pub("1", "a: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "mute: PUBLISH q1 t=2; p: PUBACK"),
				pub("3", "a: PUBLISH q1 t=3; p: PUBACK"),
				pub("4", "a: PUBLISH q1 t=4; p: PUBACK"),
				{"mute", ack(5, mqtt.CmdPuback, 1, 0), ""},
				pub("5", "mute: PUBLISH q1 t=5; p: PUBACK"),
			}, member("a", "$share/g/t", 1))
		}},
		{"messages of a session that ends go to others", 5, func(uint8) []step {
			one := func(p *mqtt.ConnectPacket) {
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 2})
			}
			return with([]step{
				{"mute", keep(5, "m", one), "mute: CONNACK 0x0"},
				{"mute", subscribe(5, 1, filter("$share/g/t", 2), filter("u", 1)), "mute: SUBACK 1 0201"},
				{"p", publish(5, 2, "t", "q2"), "mute: PUBLISH q2 t=q2; p: PUBREC, PUBCOMP"},
				pub("1", "mute: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "p: PUBACK"),
				{"p", publish(5, 2, "t", "3"), "p: PUBREC, PUBCOMP"},
				{"p", publish(5, 1, "u", "4"), "p: PUBACK"},
				{"a", keep(5, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(5, 1, filter("$share/g/t", 1)), "a: SUBACK 1 01"},
				{"mute", nil, "mute: closed"}, // the messages wait for it
				{"m2", connect(5, "m"), "a: PUBLISH q1 t=1, PUBLISH q1 t=2, PUBLISH q1 t=3; m2: CONNACK 0x0"},
			})
		}},
		{"no member is left", 5, func(uint8) []step {
			return with([]step{
				{"a", nil, "a: closed"},
				pub("1", "p: PUBACK"),
				{"a2", connect(5, "a"), "a2: CONNACK 0x0"},
				pub("2", "p: PUBACK"),
			}, member("a", "$share/g/t", 1))
		}},
		{"a clean session that leaves in the middle", 5, func(uint8) []step {
			return with([]step{
				{"mute", connect(5, "m"), "mute: CONNACK 0x0"},
				{"mute", subscribe(5, 1, filter("$share/g/t", 1)), "mute: SUBACK 1 01"},
				pub("1", "a: PUBLISH q1 t=1; p: PUBACK"),
				pub("2", "mute: PUBLISH q1 t=2; p: PUBACK"),
				{"mute", nil, "a: PUBLISH q1 t=2; mute: closed"},
			}, member("a", "$share/g/t", 1))
		}},
		{"the other version does not know it", 0, func(v uint8) []step {
			if v == 4 { // an ordinary filter, and then a shared subscription in 5.0
				return []step{
					{"a", keep(4, "a"), "a: CONNACK 0x0"},
					{"a", subscribe(4, 1, filter("$share/g/t", 1)), "a: SUBACK 1 01"},
					{"b", keep(5, "a"), "a: closed; b: CONNACK present 0x0"},
					{"b", subscribe(5, 1, filter("$share/g/t", 1)), "b: SUBACK 1 01"},
					{"b", publish(5, 0, "$share/g/t", "1"), ""},
					{"b", publish(5, 0, "t", "2"), "b: PUBLISH q0 t=2"},
				}
			}
			return []step{
				{"a", keep(5, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(5, 1, filter("$share/g/t", 1)), "a: SUBACK 1 01"},
				{"b", keep(4, "a"), "a: DISCONNECT 0x8e, closed; b: CONNACK present 0x0"},
				{"b", publish(4, 0, "t", "1"), "b: PUBLISH q0 t=1"},
				{"b", subscribe(4, 1, filter("$share/g/t", 1)), "b: SUBACK 1 01"},
				{"b", publish(4, 0, "t", "2"), ""},
			}
		}},
	})
}

// If the member that was chosen ends before it gets the message, another one gets it.
func TestChosenMemberEnds(t *testing.T) {
	h := newFixture(t)
	for _, name := range []string{"a", "b"} {
		play(h, "tcp", []step{
			{name, connect(5, name), name + ": CONNACK 0x0"},
			{name, subscribe(5, 1, filter("$share/g/t", 1)), name + ": SUBACK 1 01"},
		})
	}
	p := h.b.newPublication()
	p.msg, p.id = &message{topic: "t", qos: 1}, "p"
	p.begin()
	for left := 1; !p.walk.Done() || len(p.found) > 0; left = 1 { // the search, but not the delivery
		p.run(&left)
	}
	if len(p.targets) != 1 || p.targets[0].s.id != "a" || p.next != 0 {
		t.Fatalf("%d targets, %d of them have the message", len(p.targets), p.next)
	}
	h.b.expel(h.b.sessions["a"].client, 0, errTooSlow)
	left := 1000
	p.run(&left)
	h.until("the end of a", func() bool { return h.peers["a"].closed })
	h.expect("a: DISCONNECT 0x0, closed; b: PUBLISH q1 t=")
}

// A handover of many messages takes several turns, and its bytes count meanwhile.
func TestHandoverInSeveralTurns(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Client: 64 << 20})
	for _, name := range []string{"mute", "b"} {
		play(h, "tcp", []step{
			{name, keep(5, name), name + ": CONNACK 0x0"},
			{name, subscribe(5, 1, filter("$share/g/t", 1)), name + ": SUBACK 1 01"},
		})
	}
	h.peers["mute"].conn.Close()
	h.until("the end", func() bool { return h.b.sessions["mute"].client == nil })
	s := h.b.sessions["mute"]
	const n = 300
	for i := range n {
		msg := &message{topic: "t", data: []byte(fmt.Sprintf("%03d", i) + strings.Repeat("x", 10_000)), qos: 1}
		h.b.enqueue(s, s.subs["$share/g/t"].deliver(msg))
	}
	h.b.end(s)
	h.checkAccounts()
	turns := 0
	h.until("the messages", func() bool {
		h.checkAccounts()
		if h.b.underway > 0 {
			turns++
		}
		return len(h.peers["b"].got) == n
	})
	for i, p := range h.peers["b"].got {
		if !strings.HasPrefix(p, fmt.Sprintf("PUBLISH q1 t=%03dx", i)) {
			t.Fatalf("message %d is %.30s", i, p)
		}
	}
	if turns < 2 || h.b.underway != 0 {
		t.Errorf("%d turns, %d bytes are left", turns, h.b.underway)
	}
}

// The messages of a session that has ended do not cost another member its connection. Those for
// which it has no room are dropped.
func TestHandoverToMemberWithoutRoom(t *testing.T) {
	h := newFixture(t)
	for _, name := range []string{"a", "mute"} {
		play(h, "tcp", []step{
			{name, connect(5, name, withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: 100},
				mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})), name + ": CONNACK 0x0"},
			{name, subscribe(5, 1, filter("$share/g/t", 1)), name + ": SUBACK 1 01"},
		})
	}
	h.peers["a"].conn.Close()
	h.until("the end", func() bool { return h.b.sessions["a"].client == nil })
	s, member := h.b.sessions["a"], h.b.sessions["mute"]
	msg := &message{topic: "t", qos: 1}
	for range 5 {
		h.b.enqueue(s, s.subs["$share/g/t"].deliver(msg))
	}
	h.b.limits.Client = member.stored + 3*msg.size()
	h.b.end(s)
	h.until("the handover", func() bool { return h.b.underway == 0 })
	h.expect("a: closed; mute: PUBLISH q1 t=")
	if n := len(member.queue); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	if !strings.Contains(h.log.String(), `messages=2`) {
		t.Error("the log does not say how many messages were dropped")
	}
	h.checkAccounts()
}
