package broker

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A message that a member of a shared subscription got goes to no other member: not if it is
// refused [MQTT-4.8.2-6], and at QoS 2 not if the connection is cut [MQTT-4.8.2-4].
func TestSharedDeliveryStays(t *testing.T) {
	begin := func(qos uint8, sent string) []step {
		return []step{
			{"p", connect(5, "p"), "p: CONNACK 0x0"},
			{"mute", keep(5, "m"), "mute: CONNACK 0x0"},
			{"mute", subscribe(5, 1, filter("$share/g/t", 2)), "mute: SUBACK 1 02"},
			{"p", publish(5, qos, "t", "x"), sent},
			{"a", keep(5, "a"), "a: CONNACK 0x0"},
			{"a", subscribe(5, 1, filter("$share/g/t", 2)), "a: SUBACK 1 02"},
		}
	}
	const sent1, sent2 = "mute: PUBLISH q1 t=x; p: PUBACK", "mute: PUBLISH q2 t=x; p: PUBREC, PUBCOMP"
	run(t, []script{
		{"refused at QoS 1", 5, func(uint8) []step {
			return append(begin(1, sent1), step{"mute", ack(5, mqtt.CmdPuback, 1, mqtt.ReasonQuotaExceeded), ""})
		}},
		{"refused at QoS 2", 5, func(uint8) []step {
			return append(begin(2, sent2), step{"mute", ack(5, mqtt.CmdPubrec, 1, mqtt.ReasonQuotaExceeded), ""})
		}},
		{"cut at QoS 2", 5, func(uint8) []step {
			return append(begin(2, sent2),
				step{"mute", nil, "mute: closed"},
				step{"m2", keep(5, "m"), "m2: CONNACK present 0x0, PUBLISH q2 dup t=x, PUBREL"})
		}},
	})
}
