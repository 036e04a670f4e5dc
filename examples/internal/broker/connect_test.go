package broker

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestConnect(t *testing.T) {
	run(t, []script{
		{"accepted", 0, func(v uint8) []step {
			return []step{{"a", connect(v, "a"), "a: CONNACK 0x0"}}
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
	run(t, []script{
		{"enhanced authentication [MQTT-4.12.0-1]", 5, func(uint8) []step {
			return []step{{"a", connect(5, "a", func(p *mqtt.ConnectPacket) {
				p.Props = []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("x")}}
				p.Will = &mqtt.Will{Topic: "w", Retain: true, Data: []byte("not published")}
			}), "a: CONNACK 0x8c, closed"},
				{"b", connect(5, "b"), "b: CONNACK 0x0"},
				{"b", subscribe(5, 1, filter("#", 0)), "b: SUBACK 1 00"},
			}
		}},
		{"AUTH without a beginning", 5, func(uint8) []step {
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
