package broker

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestSubscribe(t *testing.T) {
	setup := func(v uint8, filters ...mqtt.Filter) []step {
		granted := "a: SUBACK 1 "
		for _, f := range filters {
			granted += "0" + string('0'+rune(f.QoS))
		}
		return []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"b", connect(9-v, "b"), "b: CONNACK 0x0"}, // in the other version
			{"a", subscribe(v, 1, filters...), granted},
		}
	}
	run(t, []script{
		{"wildcards", 0, func(v uint8) []step {
			return append(setup(v, filter("a/+/c", 0), filter("x/#", 0)), []step{
				{"b", publish(9-v, 0, "a/b/c", "1"), "a: PUBLISH q0 a/b/c=1"},
				{"b", publish(9-v, 0, "a/b", "2"), ""},
				{"b", publish(9-v, 0, "a/b/c/d", "3"), ""},
				{"b", publish(9-v, 0, "x", "4"), "a: PUBLISH q0 x=4"},
				{"b", publish(9-v, 0, "x/y/z", "5"), "a: PUBLISH q0 x/y/z=5"},
			}...)
		}},
		{"$ is not for wildcards [MQTT-4.7.2-1]", 0, func(v uint8) []step {
			return append(setup(v, filter("#", 0), filter("+/x", 0)), []step{
				{"b", publish(9-v, 0, "$a/x", "1"), ""},
				{"a", subscribe(v, 2, filter("$a/#", 0)), "a: SUBACK 2 00"},
				{"b", publish(9-v, 0, "$a/x", "1"), "a: PUBLISH q0 $a/x=1"},
			}...)
		}},
		{"one copy at the highest QoS", 0, func(v uint8) []step {
			return append(setup(v, filter("#", 0), filter("t/+", 2), filter("t/x", 1)), []step{
				{"b", publish(9-v, 2, "t/x", "1"), "a: PUBLISH q2 t/x=1, PUBREL; b: PUBREC, PUBCOMP"},
				{"b", publish(9-v, 1, "u", "2"), "a: PUBLISH q0 u=2; b: PUBACK"},
			}...)
		}},
		{"replaced [MQTT-3.8.4-3]", 0, func(v uint8) []step {
			return append(setup(v, filter("t", 1)), []step{
				{"a", subscribe(v, 2, filter("t", 0)), "a: SUBACK 2 00"},
				{"b", publish(9-v, 1, "t", "1"), "a: PUBLISH q0 t=1; b: PUBACK"},
			}...)
		}},
		{"unsubscribe", 4, func(v uint8) []step {
			return append(setup(v, filter("t", 0), filter("u", 0)), []step{
				{"a", unsubscribe(v, 7, "t", "nothing"), "a: UNSUBACK 7 "},
				{"b", publish(5, 0, "t", "1"), ""},
				{"b", publish(5, 0, "u", "2"), "a: PUBLISH q0 u=2"},
			}...)
		}},
		{"unsubscribe", 5, func(v uint8) []step {
			return append(setup(v, filter("t", 0), filter("u", 0)), []step{
				{"a", unsubscribe(v, 7, "t", "nothing"), "a: UNSUBACK 7 0011"},
				{"b", publish(4, 0, "t", "1"), ""},
				{"b", publish(4, 0, "u", "2"), "a: PUBLISH q0 u=2"},
			}...)
		}},
		{"own messages", 0, func(v uint8) []step {
			return append(setup(v, filter("t", 1)), []step{
				{"a", publish(v, 1, "t", "1"), "a: PUBLISH q1 t=1, PUBACK"},
			}...)
		}},
		{"no local [MQTT-3.8.3-3]", 5, func(v uint8) []step {
			return append(setup(v, mqtt.Filter{Topic: "t", NoLocal: true}), []step{
				{"a", publish(v, 0, "t", "1"), ""},
				{"b", publish(4, 0, "t", "2"), "a: PUBLISH q0 t=2"},
			}...)
		}},
		{"$share is an ordinary level in 3.1.1", 4, func(v uint8) []step {
			return append(setup(v, filter("t", 0)), []step{
				{"a", subscribe(v, 2, filter("$share/g/t", 1)), "a: SUBACK 2 01"},
				{"b", publish(5, 0, "t", "2"), "a: PUBLISH q0 t=2"},
				{"b", publish(5, 0, "$share/g/t", "3"), "a: PUBLISH q0 $share/g/t=3"},
			}...)
		}},
	})
}

// The log names the granted QoS as the standard does, also in 3.1.1, where CONNACK has other codes
// with the same numbers.
func TestSubscribeLogged(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		h := newFixture(t)
		p := h.dial("a", "tcp")
		p.send(connect(version, "a"))
		h.until("CONNACK", func() bool { return p.open })
		h.expect("a: CONNACK 0x0")
		p.send(subscribe(version, 1, filter("t", 2)))
		h.expect("a: SUBACK 1 02")
		if want := `code="0x02 Granted QoS 2"`; !strings.Contains(h.log.String(), want) {
			t.Errorf("version %d: the log has no %s:\n%s", version, want, h.log.String())
		}
	}
}
