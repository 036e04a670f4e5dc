package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodSuback = []goodPacket{
	{"suback 3.1.1", 4, "90 06 000a 00 01 02 80", false, mqtt.Message{ID: 10, Data: pack("00010280")}},
	{"suback 5.0", 5, "90 05 000a 00 a2 02", false,
		mqtt.Message{ID: 10, Ack: mqtt.ReasonWildcardSubNotSupported, Data: pack("a202")}},
	{"unsuback 3.1.1", 4, "b0 02 000a", false, mqtt.Message{ID: 10}},
	{"unsuback 5.0", 5, "b0 05 000a 00 11 00", false,
		mqtt.Message{ID: 10, Ack: mqtt.ReasonNoSubscriptionExisted, Data: pack("1100")}},
}

func TestParseSuback(t *testing.T) { testParse(t, goodSuback) }

var malformedSuback = []malformedPacket{
	// 3.1.1
	{"MQTT-2.3.1-7", 4, protocol, "90 03 0000 00", "SUBACK"},
	{"MQTT-2.3.1-7", 4, protocol, "b0 02 0000", "UNSUBACK"},
	{"MQTT-3.8.4-5", 4, protocol, "90 02 0001", "SUBACK without codes"},
	{"MQTT-3.9.3-2", 4, protocol, "90 04 0001 00 03", "SUBACK code 3"},
	// 5.0
	{"MQTT-2.2.1-6", 5, protocol, "90 04 0000 00 00", "SUBACK identifier 0"},
	{"MQTT-2.2.1-6", 5, protocol, "b0 04 0000 00 00", "UNSUBACK identifier 0"},
	{"MQTT-3.8.4-6", 5, protocol, "90 03 0001 00", "SUBACK without codes"},
	{"MQTT-3.9.3-2", 5, protocol, "90 05 0001 00 00 03", "SUBACK code 3"},
	{"MQTT-3.11.3-1", 5, protocol, "b0 03 0001 00", "UNSUBACK without codes"},
	{"MQTT-3.11.3-2", 5, protocol, "b0 04 0001 00 01", "UNSUBACK code 1"},
}

func TestMalformedSuback(t *testing.T) { testMalformed(t, malformedSuback) }

var refusedSuback = []refusedPacket{
	{"codes in an UNSUBACK of 3.1.1", mqtt.CmdUnsuback, func(dst []byte) ([]byte, error) {
		return mqtt.AppendUnsuback(dst, 4, 1, []mqtt.ReasonCode{0}, nil)
	}},
	{"wrong code", mqtt.CmdSuback, func(dst []byte) ([]byte, error) {
		return mqtt.AppendSuback(dst, 4, 1, []mqtt.ReasonCode{mqtt.ReasonNotAuthorized}, nil)
	}},
}

func TestAppendRefusesInvalidSuback(t *testing.T) { testRefused(t, refusedSuback) }
