package broker

import (
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestRetained(t *testing.T) {
	run(t, []script{
		{"sent to new subscriptions, with RETAIN [MQTT-3.3.1-8]", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 2, "t", "1", retain), "b: PUBREC, PUBCOMP"},
				{"b", publish(v, 0, "t", "2"), ""}, // without RETAIN: replaces nothing
				{"a", connect(9-v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(9-v, 1, filter("t", 1)), "a: SUBACK 1 01, PUBLISH q1 retain t=1"},
				{"a", subscribe(9-v, 2, filter("+", 0)), "a: SUBACK 2 00, PUBLISH q0 retain t=1"},
				{"a", subscribe(9-v, 3, filter("+", 0)), "a: SUBACK 3 00, PUBLISH q0 retain t=1"}, // [MQTT-3.8.4-3]
			}
		}},
		{"not to subscriptions that were there [MQTT-3.3.1-9]", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"a", publish(v, 0, "t", "1", retain), "a: PUBLISH q0 t=1"},
			}
		}},
		{"replaced and deleted", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "1", retain), ""},
				{"b", publish(v, 0, "u", "1", retain), ""},
				{"b", publish(v, 0, "t", "2", retain), ""},
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00, PUBLISH q0 retain t=2"},
				{"b", publish(v, 0, "t", "", retain), "a: PUBLISH q0 t="},
				{"a", subscribe(v, 2, filter("#", 0)), "a: SUBACK 2 00, PUBLISH q0 retain u=1"},
			}
		}},
		{"too much", 0, func(v uint8) []step { // the old message is removed, the new one not stored
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", "1", retain), ""},
				{"a", publish(v, 0, "t", strings.Repeat("x", RetainedLimit-100), retain), ""},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00"},
			}
		}},
		{"outlives its publisher", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "1", retain), ""},
				{"b", disconnect(v, 0), "b: closed"},
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00, PUBLISH q0 retain t=1"},
			}
		}},
		{"handling and retain as published", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", "1", retain), ""},
				{"a", subscribe(v, 1, mqtt.Filter{Topic: "t", RetainHandling: 2}), "a: SUBACK 1 00"},
				{"a", subscribe(v, 2, mqtt.Filter{Topic: "t", RetainHandling: 1}), "a: SUBACK 2 00"},
				{"a", subscribe(v, 3, mqtt.Filter{Topic: "+", RetainHandling: 1}), "a: SUBACK 3 00, PUBLISH q0 retain t=1"},
				{"a", publish(v, 0, "t", "2", retain), "a: PUBLISH q0 t=2"},
				{"a", subscribe(v, 4, mqtt.Filter{Topic: "t", RetainAsPublished: true, RetainHandling: 2}), "a: SUBACK 4 00"},
				{"a", publish(v, 0, "t", "3", retain), "a: PUBLISH q0 retain t=3"},
				{"a", publish(v, 0, "t", "4"), "a: PUBLISH q0 t=4"},
			}
		}},
	})
}
