package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func alias(n uint32) func(*mqtt.PublishPacket) {
	return func(p *mqtt.PublishPacket) { p.Props = []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: n}} }
}

// A client may set topic aliases up to Topic Alias Maximum.
func TestTopicAliasesIn(t *testing.T) {
	begin := func() []step {
		return []step{
			{"a", connect(4, "a"), "a: CONNACK 0x0"},
			{"a", subscribe(4, 1, filter("#", 0)), "a: SUBACK 1 00"},
			{"b", connect(5, "b"), "b: CONNACK 0x0"},
			{"b", publish(5, 0, "t", "1", alias(MaxAliases)), "a: PUBLISH q0 t=1"},
		}
	}
	run(t, []script{
		{"set, used and replaced", 5, func(uint8) []step {
			return append(begin(), []step{
				{"b", publish(5, 0, "", "2", alias(MaxAliases)), "a: PUBLISH q0 t=2"},
				{"b", publish(5, 0, "u", "3", alias(MaxAliases)), "a: PUBLISH q0 u=3"},
				{"b", publish(5, 1, "", "4", alias(MaxAliases)), "a: PUBLISH q0 u=4; b: PUBACK"},
			}...)
		}},
		{"unknown", 5, func(uint8) []step {
			return append(begin(), step{"b", publish(5, 0, "", "2", alias(1)), "b: DISCONNECT 0x94, closed"})
		}},
		{"above the maximum [MQTT-3.2.2-17]", 5, func(uint8) []step {
			return append(begin(), step{"b", publish(5, 0, "t", "2", alias(MaxAliases+1)), "b: DISCONNECT 0x94, closed"})
		}},
		{"not kept with the session [MQTT-3.3.2-7]", 5, func(uint8) []step {
			return append(begin(), []step{
				{"c", keep(5, "c"), "c: CONNACK 0x0"},
				{"c", publish(5, 0, "t", "1", alias(1)), "a: PUBLISH q0 t=1"},
				{"c", nil, "c: closed"},
				{"d", keep(5, "c"), "d: CONNACK present 0x0"},
				{"d", publish(5, 0, "", "2", alias(1)), "d: DISCONNECT 0x94, closed"},
			}...)
		}},
	})
}

// The topics of aliases count towards the client's limit.
func TestTopicAliasesAreCharged(t *testing.T) {
	h := newFixture(t)
	long := strings.Repeat("x", 1000)
	h.b.SetLimits(Limits{Client: sessionSize("b") + 2*len(long)})
	play(h, "tcp", []step{
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
		{"b", publish(5, 0, long, "1", alias(1)), ""},
		{"b", publish(5, 0, long, "1", alias(2)), ""},
		{"b", publish(5, 0, "t", "1", alias(2)), ""},
		{"b", publish(5, 0, "", "1", alias(1)), ""},
		{"b", publish(5, 0, long[1:], "1", alias(3)), ""},
	})
	h.checkAccounts()
	play(h, "tcp", []step{{"b", publish(5, 0, long[1:], "1", alias(4)), "b: DISCONNECT 0x97, closed"}})
	h.logged(errAliases)
	h.checkAccounts()
}

// The broker sets aliases if the client allows them, for the first topics.
func TestTopicAliasesOut(t *testing.T) {
	for allowed, want := range map[uint32][]string{
		0: {"t ", "t ", "u ", "u ", "v ", "v "},
		2: {"t 1", " 1", "u 2", " 2", "v ", "v "},
		9: {"t 1", " 1", "u 2", " 2", "v 3", " 3"},
	} {
		h := newFixture(t)
		play(h, "tcp", []step{
			{"mute", keep(5, "id", func(p *mqtt.ConnectPacket) {
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropTopicAliasMaximum, Int: allowed})
			}), "mute: CONNACK 0x0"},
			{"mute", subscribe(5, 1, filter("#", 1)), "mute: SUBACK 1 01"},
			{"b", connect(5, "b"), "b: CONNACK 0x0"},
		})
		var got []string
		for _, topic := range []string{"t", "t", "u", "u", "v", "v"} {
			h.peers["b"].send(publish(5, 1, topic, "x"))
			h.settle()
			m, s := &h.peers["mute"].lastPublish, ""
			var p mqtt.Property
			for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
				if p.ID == mqtt.PropTopicAlias {
					s = fmt.Sprint(p.Int)
				}
			}
			got = append(got, string(m.Topic)+" "+s)
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %d aliases the topics are %q, want %q", allowed, got, want)
		}
		h.take()
		play(h, "tcp", []step{ // another connection, without aliases
			{"mute", nil, "mute: closed"},
			{"mute2", keep(5, "id"), "mute2: CONNACK present 0x0" + strings.Repeat(", PUBLISH q1 dup t=x", 2) +
				strings.Repeat(", PUBLISH q1 dup u=x", 2) + strings.Repeat(", PUBLISH q1 dup v=x", 2)},
		})
	}
}

func TestLongTopicsHaveNoAlias(t *testing.T) {
	a := aliases{most: 2}
	long := strings.Repeat("x", maxAliasTopic)
	if n, known := a.choose(long + "x"); n != 0 || known {
		t.Errorf("alias %d for a topic that is too long", n)
	}
	if n, known := a.choose(long); n != 1 || known {
		t.Errorf("alias %d, known: %v, for the longest topic", n, known)
	}
	if n, known := a.choose(long); n != 1 || known { // it was not sent
		t.Errorf("alias %d, known: %v, before it was sent", n, known)
	}
	a.set(long, 1)
	if n, known := a.choose(long); n != 1 || !known {
		t.Errorf("alias %d, known: %v, after it was sent", n, known)
	}
}
