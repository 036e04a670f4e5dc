package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodConnack = []goodPacket{
	{"connack 3.1.1", 4, "20 02 01 00", false, mqtt.Message{SessionPresent: true}},
	{"connack 3.1.1 refused", 4, "20 02 00 05", false, mqtt.Message{Ack: mqtt.ConnackNotAuthorized}},
	{"connack 5.0", 5, "20 03 00 00 00", false, mqtt.Message{}},
	{"connack 5.0 properties", 5, "20 0a 01 00 07 2400 21000a 2a00", false,
		mqtt.Message{SessionPresent: true, Props: pack("2400 21000a 2a00")}},
	{"connack 5.0 refused", 5, "20 08 00 87 05 1f 0002 'no'", false,
		mqtt.Message{Ack: mqtt.ReasonNotAuthorized, Props: pack("1f 0002 'no'")}},
}

func TestParseConnack(t *testing.T) { testParse(t, goodConnack) }

var malformedConnack = []malformedPacket{
	// 3.1.1
	{"section 3.2.2.1", 4, malformed, "20 02 02 00", "reserved flags"},
	{"MQTT-3.2.2-4", 4, protocol, "20 02 01 05", "session present in a refusal"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 06", "return code 6"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 80", "code 0x80 of 5.0"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 84", "code 0x84 of 5.0"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 86", "code 0x86 of 5.0"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 87", "code 0x87 of 5.0"},
	{"MQTT-4.8.0-1", 4, malformed, "20 03 00 00 00", "CONNACK of 5.0"},
	// 5.0
	{"MQTT-3.1.2-2", 5, mqtt.ReasonUnsupportedVersion, "20 02 00 01", "3.1.1 server refuses 5.0"},
	{"MQTT-2.2.2-1", 5, malformed, "20 02 00 00", "no property length"},
	{"MQTT-3.2.2-1", 5, malformed, "20 03 80 00 00", "reserved flags"},
	{"MQTT-3.2.2-6", 5, protocol, "20 03 01 87 00", "session present in a refusal"},
	{"MQTT-3.2.2-8", 5, protocol, "20 03 00 01 00", "code 1 of 3.1.1"},
	{"MQTT-3.2.2-8", 5, protocol, "20 03 00 02 00", "code 2 of 3.1.1"},
	{"MQTT-3.2.2-8", 5, protocol, "20 03 00 03 00", "code 3 of 3.1.1"},
	{"MQTT-3.2.2-8", 5, protocol, "20 03 00 04 00", "code 4 of 3.1.1"},
	{"MQTT-3.2.2-8", 5, protocol, "20 03 00 05 00", "code of 3.1.1"},
}

func TestMalformedConnack(t *testing.T) { testMalformed(t, malformedConnack) }

var refusedConnack = []refusedPacket{
	{"session present in a refusal", mqtt.CmdConnack, func(dst []byte) ([]byte, error) {
		return mqtt.AppendConnack(dst, 4, true, mqtt.ConnackNotAuthorized, nil)
	}},
}

func TestAppendRefusesInvalidConnack(t *testing.T) { testRefused(t, refusedConnack) }
