package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodSimple = []goodPacket{
	{"pingreq 3.1.1", 4, "c0 00", false, mqtt.Message{}},
	{"pingresp 5.0", 5, "d0 00", false, mqtt.Message{}},
	{"disconnect 3.1.1", 4, "e0 00", false, mqtt.Message{}},
	{"disconnect 5.0", 5, "e0 00", false, mqtt.Message{}},
	{"disconnect 5.0 code", 5, "e0 01 04", true, mqtt.Message{Ack: mqtt.ReasonDisconnectWithWill}},
	{"disconnect 5.0 properties", 5, "e0 06 9d 04 1c 0001 'h'", false,
		mqtt.Message{Ack: mqtt.ReasonServerMoved, Props: pack("1c 0001 'h'")}},
	{"auth empty", 5, "f0 00", false, mqtt.Message{}},
	{"auth", 5, "f0 0b 18 09 15 0001 'S' 16 0002 ff00", false,
		mqtt.Message{Ack: mqtt.ReasonContinueAuthentication, Props: pack("15 0001 'S' 16 0002 ff00")}},
}

func TestParseSimplePackets(t *testing.T) { testParse(t, goodSimple) }

var malformedSimple = []malformedPacket{
	{"MQTT-3.14.2-1", 5, protocol, "e0 01 01", "DISCONNECT code"},
	{"MQTT-4.13.1-1", 5, malformed, "e0 03 00 00 00", "bytes left over"},
	{"MQTT-3.15.2-1", 5, protocol, "f0 02 80 00", "AUTH code"},
	{"MQTT-2.2.2-1", 5, malformed, "f0 01 18", "AUTH without property length"},
	{"section 3.15.2.2.2", 5, protocol, "f0 02 18 00", "AUTH without method"},
}

func TestMalformedSimplePackets(t *testing.T) { testMalformed(t, malformedSimple) }

var refusedSimple = []refusedPacket{
	{"code in a DISCONNECT of 3.1.1", mqtt.CmdDisconnect, func(dst []byte) ([]byte, error) {
		return mqtt.AppendDisconnect(dst, 4, mqtt.ReasonProtocolError, nil)
	}},
	{"AUTH of 3.1.1", mqtt.CmdAuth, func(dst []byte) ([]byte, error) { return mqtt.AppendAuth(dst, 4, 0, nil) }},
	{"no method", mqtt.CmdAuth, func(dst []byte) ([]byte, error) {
		return mqtt.AppendAuth(dst, 5, mqtt.ReasonReauthenticate, nil)
	}},
}

func TestAppendRefusesInvalidSimplePackets(t *testing.T) { testRefused(t, refusedSimple) }
