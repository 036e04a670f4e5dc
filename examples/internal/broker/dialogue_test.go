package broker

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// step is what one client does and what all of them then get.
type step struct {
	who  string
	send []byte // nil: cut the connection
	want string
}

// dialogue is a test for both versions, or the one it names.
type dialogue struct {
	name    string
	version uint8 // 0: both
	steps   func(v uint8) []step
}

func run(t *testing.T, dialogues []dialogue) {
	for _, d := range dialogues {
		for _, v := range []uint8{4, 5} {
			if d.version != 0 && d.version != v {
				continue
			}
			for _, transport := range []string{"tcp", "ws"} {
				t.Run(d.name+map[uint8]string{4: "/v4/", 5: "/v5/"}[v]+transport, func(t *testing.T) {
					play(newHouse(t), transport, d.steps(v))
				})
			}
		}
	}
}

func play(h *house, transport string, steps []step) {
	h.t.Helper()
	for i, s := range steps {
		h.t.Logf("step %d: %s", i, s.who)
		p := h.peers[s.who]
		if p == nil {
			p = h.dial(s.who, transport)
		}
		if s.send == nil {
			p.conn.Close()
			h.until("the end of "+s.who, func() bool { return p.closed })
		} else {
			p.send(s.send)
		}
		if !p.open && s.send != nil { // there is no PINGRESP to wait for
			h.until("the acceptance or the end of "+s.who, func() bool { return p.open || p.closed })
		}
		h.expect(s.want)
	}
}

func TestConnect(t *testing.T) {
	run(t, []dialogue{
		{"accepted", 0, func(v uint8) []step {
			return []step{{"a", connect(v, "a"), "a: CONNACK 0x0"}}
		}},
		{"no session is kept [MQTT-3.2.2-2]", 0, func(v uint8) []step {
			keep := func(p *mqtt.ConnectPacket) { p.CleanStart = false }
			return []step{
				{"a", connect(v, "id", keep), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 1)), "a: SUBACK 1 01"},
				{"a", disconnect(v, 0), "a: closed"},
				{"b", connect(v, "id", keep), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "x"), ""},
			}
		}},
		{"empty identifier", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, ""), "a: CONNACK 0x0"},
				{"b", connect(v, ""), "b: CONNACK 0x0"}, // another one
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00"},
				{"b", publish(v, 0, "t", "x"), "a: PUBLISH q0 t=x"},
			}
		}},
		{"empty identifier without clean session [MQTT-3.1.3-8]", 4, func(uint8) []step {
			p := connect(4, "")
			p[9] &^= 2 // Append refuses to write it
			return []step{{"a", p, "a: CONNACK 0x2, closed"}}
		}},
		{"empty identifier without clean start", 5, func(uint8) []step {
			return []step{{"a", connect(5, "", func(p *mqtt.ConnectPacket) { p.CleanStart = false }), "a: CONNACK 0x0"}}
		}},
		{"unknown version [MQTT-3.1.2-2]", 4, func(uint8) []step {
			p := connect(4, "a")
			p[8] = 6
			return []step{{"a", p, "a: CONNACK 0x1, closed"}}
		}},
	})
}

func TestConnectionEnds(t *testing.T) {
	run(t, []dialogue{
		{"enhanced authentication [MQTT-4.12.0-1]", 5, func(uint8) []step {
			return []step{{"a", connect(5, "a", func(p *mqtt.ConnectPacket) {
				p.Props = []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("x")}}
				p.Will = &mqtt.Will{Topic: "w", Retain: true, Data: []byte("not published")}
			}), "a: CONNACK 0x8c, closed"},
				{"b", connect(5, "b"), "b: CONNACK 0x0"},
				{"b", subscribe(5, 1, filter("#", 0)), "b: SUBACK 1 00"},
			}
		}},
		{"AUTH out of the blue", 5, func(uint8) []step {
			return []step{
				{"a", connect(5, "a"), "a: CONNACK 0x0"},
				{"a", must(mqtt.AppendAuth(nil, 5, mqtt.ReasonReauthenticate,
					[]mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("x")}})), "a: DISCONNECT 0x82, closed"},
			}
		}},
		{"second CONNECT [MQTT-3.1.0-2]", 4, func(uint8) []step {
			return []step{
				{"a", connect(4, "a"), "a: CONNACK 0x0"},
				{"a", connect(4, "a"), "a: closed"},
			}
		}},
		{"second CONNECT [MQTT-3.1.0-2]", 5, func(uint8) []step {
			return []step{
				{"a", connect(5, "a"), "a: CONNACK 0x0"},
				{"a", connect(5, "a"), "a: DISCONNECT 0x82, closed"},
			}
		}},
		{"another packet first [MQTT-3.1.0-1]", 0, func(v uint8) []step {
			return []step{{"a", publish(4, 0, "t", "x"), "a: closed"}}
		}},
		{"take-over [MQTT-3.1.4-2]", 4, func(uint8) []step {
			return []step{
				{"a", connect(4, "id"), "a: CONNACK 0x0"},
				{"a", subscribe(4, 1, filter("t", 0)), "a: SUBACK 1 00"},
				{"b", connect(4, "id"), "a: closed; b: CONNACK 0x0"},
				{"b", publish(4, 0, "t", "x"), ""},
				{"b", subscribe(4, 1, filter("t", 0)), "b: SUBACK 1 00"},
				{"b", publish(4, 0, "t", "x"), "b: PUBLISH q0 t=x"},
			}
		}},
		{"take-over [MQTT-3.1.4-3]", 5, func(uint8) []step {
			return []step{
				{"a", connect(5, "id"), "a: CONNACK 0x0"},
				{"b", connect(4, "id"), "a: DISCONNECT 0x8e, closed; b: CONNACK 0x0"},
				{"c", connect(5, "id"), "b: closed; c: CONNACK 0x0"},
			}
		}},
		{"DISCONNECT", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", disconnect(v, 0), "a: closed"},
			}
		}},
	})
}

func TestSubscribe(t *testing.T) {
	setup := func(v uint8, filters ...mqtt.Filter) []step {
		granted := "a: SUBACK 1 "
		for _, f := range filters {
			granted += "0" + string('0'+rune(f.QoS))
		}
		return []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"b", connect(9-v, "b"), "b: CONNACK 0x0"}, // of the other version
			{"a", subscribe(v, 1, filters...), granted},
		}
	}
	run(t, []dialogue{
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
		{"shared subscription", 5, func(v uint8) []step {
			return append(setup(v, filter("t", 0)), []step{
				{"a", subscribe(v, 2, filter("$share/g/t", 1), filter("u", 1)), "a: SUBACK 2 9e01"},
				{"b", publish(4, 0, "t", "2"), "a: PUBLISH q0 t=2"},
			}...)
		}},
		{"subscription identifier", 5, func(v uint8) []step {
			return append(setup(v, filter("t", 0)), step{"a", must(mqtt.AppendSubscribe(nil, 5, 2, []mqtt.Filter{filter("u", 0)},
				[]mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 1}})), "a: DISCONNECT 0xa1, closed"})
		}},
	})
}
