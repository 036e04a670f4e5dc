package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodAcks = []goodPacket{
	{"puback 3.1.1", 4, "40 02 0102", false, mqtt.Message{ID: 0x102}},
	{"pubrec 3.1.1", 4, "50 02 0001", false, mqtt.Message{ID: 1}},
	{"pubrel 3.1.1", 4, "62 02 0001", false, mqtt.Message{ID: 1}},
	{"pubcomp 3.1.1", 4, "70 02 0001", false, mqtt.Message{ID: 1}},
	{"puback 5.0 short", 5, "40 02 0001", false, mqtt.Message{ID: 1}},
	{"puback 5.0 success spelt out", 5, "40 03 0001 00", true, mqtt.Message{ID: 1}},
	{"puback 5.0 code", 5, "40 03 0001 10", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonNoMatchingSubscribers}},
	{"pubrec 5.0 no properties", 5, "50 04 0001 97 00", true, mqtt.Message{ID: 1, Ack: mqtt.ReasonQuotaExceeded}},
	{"pubrel 5.0 code", 5, "62 03 0001 92", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonPacketIDNotFound}},
	{"puback 5.0 of 4 bytes", 5, "40 04 0001 00 00", true, mqtt.Message{ID: 1}},
	{"puback 5.0 of 4 bytes with a code", 5, "40 04 0001 87 00", true, mqtt.Message{ID: 1, Ack: mqtt.ReasonNotAuthorized}},
	{"pubrec 5.0 of 2 bytes", 5, "50 02 0001", false, mqtt.Message{ID: 1}},
	{"pubrec 5.0 of 3 bytes", 5, "50 03 0001 80", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonUnspecified}},
	{"pubrel 5.0 of 2 bytes", 5, "62 02 0001", false, mqtt.Message{ID: 1}},
	{"pubrel 5.0 of 4 bytes", 5, "62 04 0001 92 00", true, mqtt.Message{ID: 1, Ack: mqtt.ReasonPacketIDNotFound}},
	{"pubcomp 5.0 of 2 bytes", 5, "70 02 0001", false, mqtt.Message{ID: 1}},
	{"pubcomp 5.0 of 3 bytes", 5, "70 03 0001 92", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonPacketIDNotFound}},
	{"pubcomp 5.0 properties", 5, "70 08 0001 00 04 1f 0001 'x'", false, mqtt.Message{ID: 1, Props: pack("1f 0001 'x'")}},
}

func TestParseAcks(t *testing.T) { testParse(t, goodAcks) }

var malformedAcks = []malformedPacket{
	// 3.1.1
	{"MQTT-2.3.1-6", 4, protocol, "40 02 0000", "PUBACK"},
	{"MQTT-2.3.1-6", 4, protocol, "62 02 0000", "PUBREL"},
	{"MQTT-4.8.0-1", 4, malformed, "40 03 0001 00", "PUBACK of 3 bytes"},
	{"MQTT-4.8.0-1", 4, malformed, "50 04 0001 00 00", "PUBREC of 4 bytes"},
	// 5.0
	{"MQTT-4.13.1-1", 5, malformed, "40 01 00", "PUBACK of 1 byte"},
	{"MQTT-2.2.1-5", 5, protocol, "70 02 0000", "PUBCOMP identifier 0"},
	{"MQTT-3.4.2-1", 5, protocol, "40 03 0001 92", "PUBACK code"},
	{"MQTT-3.5.2-1", 5, protocol, "50 03 0001 01", "PUBREC code"},
	{"MQTT-3.6.2-1", 5, protocol, "62 03 0001 10", "PUBREL code"},
	{"MQTT-3.7.2-1", 5, protocol, "70 03 0001 80", "PUBCOMP code"},
	{"MQTT-4.13.1-1", 5, malformed, "40 05 0001 00 00 00", "bytes left over"},
}

func TestMalformedAcks(t *testing.T) { testMalformed(t, malformedAcks) }

var refusedAcks = []refusedPacket{
	{"code in a PUBACK of 3.1.1", mqtt.CmdPuback, ack(4, mqtt.CmdPuback, 1, mqtt.ReasonUnspecified)},
	{"not an acknowledgement", mqtt.CmdSuback, ack(5, mqtt.CmdSuback, 1, 0)},
	{"no identifier", mqtt.CmdPubrel, ack(4, mqtt.CmdPubrel, 0, 0)},
	{"wrong code", mqtt.CmdPubrel, ack(5, mqtt.CmdPubrel, 1, mqtt.ReasonQuotaExceeded)},
}

func TestAppendRefusesInvalidAcks(t *testing.T) { testRefused(t, refusedAcks) }
