package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The text of a ParseError contains the packet type, the reason code with its name, what is wrong
// and the rule.
func TestTextOfParseErrors(t *testing.T) {
	for _, tc := range []struct {
		version uint8
		bytes   string
		want    string
	}{
		{4, "36 00", "mqtt: PUBLISH: 0x81 Malformed packet: the QoS is 3, want 0, 1 or 2 [MQTT-3.3.1-4]"},
		{4, "00 00", "mqtt: packet type 0: 0x81 Malformed packet: the packet type is reserved [section 2.2.1]"},
		{5, "00 00", "mqtt: packet type 0: 0x81 Malformed packet: the packet type is reserved [section 2.1.2]"},
		{5, "40 02 0000", "mqtt: PUBACK: 0x82 Protocol error: the packet identifier is zero [MQTT-2.2.1-5]"},
		{5, "40 03 0001 92", "mqtt: PUBACK: 0x82 Protocol error: " +
			"the reason code 0x92 Packet identifier not found is not allowed in PUBACK [MQTT-3.4.2-1]"},
		{4, "20 02 00 06", "mqtt: CONNACK: 0x82 Protocol error: " +
			"the reason code 0x06 (unknown code) is not allowed in CONNACK [MQTT-3.2.2-6]"},
		{4, "10 0c 0004 'MQTT' 04 00 0000 0000", "mqtt: CONNECT: 0x85 Client identifier not valid: " +
			"the client identifier is empty and clean session is not set [MQTT-3.1.3-7]"},
		{5, "30 06 0000 03 230000", "mqtt: PUBLISH: 0x94 Topic alias invalid: Topic Alias is zero [MQTT-3.3.2-8]"},
		{4, "10 07 0004 'MQTT' 06", "mqtt: CONNECT: 0x84 Unsupported protocol version: " +
			"the protocol level is 6, want 4 (MQTT 3.1.1) or 5 (MQTT 5.0) [MQTT-3.1.2-2]"},
		// The version was an argument: the text names no packet.
		{3, "c0 00", "mqtt: 0x84 Unsupported protocol version: " +
			"the protocol level is 3, want 4 (MQTT 3.1.1) or 5 (MQTT 5.0) [MQTT-3.1.2-2]"},
	} {
		var m mqtt.Message
		if _, err := mqtt.Parse(pack(tc.bytes), tc.version, &m); err == nil || err.Error() != tc.want {
			t.Errorf("version %d, %s\n got %v\nwant %s", tc.version, tc.bytes, err, tc.want)
		}
	}
	err := &mqtt.ParseError{Cmd: mqtt.CmdAuth, Code: 0x42, Rule: "rule", Reason: "reason"}
	if got, want := err.Error(), "mqtt: AUTH: 0x42 (unknown code): reason [rule]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A ParseError matches ErrMalformed. It matches ErrVersion and ErrTooLarge if it has their code.
func TestParseErrorMatches(t *testing.T) {
	for _, tc := range []struct {
		code              mqtt.ReasonCode
		version, tooLarge bool
	}{
		{mqtt.ReasonMalformedPacket, false, false},
		{mqtt.ReasonProtocolError, false, false},
		{mqtt.ReasonUnsupportedVersion, true, false},
		{mqtt.ReasonPacketTooLarge, false, true},
		{0, false, false},
	} {
		err := fmt.Errorf("wrapped: %w", &mqtt.ParseError{Cmd: mqtt.CmdConnect, Code: tc.code})
		for target, want := range map[error]bool{
			mqtt.ErrMalformed:  true,
			mqtt.ErrVersion:    tc.version,
			mqtt.ErrTooLarge:   tc.tooLarge,
			mqtt.ErrIncomplete: false,
			io.EOF:             false,
		} {
			if got := errors.Is(err, target); got != want {
				t.Errorf("code 0x%02X: errors.Is with %q is %v, want %v", uint8(tc.code), target, got, want)
			}
		}
		var pe *mqtt.ParseError
		if !errors.As(err, &pe) || pe.Code != tc.code {
			t.Errorf("code 0x%02X: errors.As finds %+v", uint8(tc.code), pe)
		}
	}
}
