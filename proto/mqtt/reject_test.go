package mqtt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

const (
	malformed = mqtt.ReasonMalformedPacket
	protocol  = mqtt.ReasonProtocolError
)

// badPackets break one rule each, in a row named by it.
var badPackets = []struct {
	rule    string
	version uint8
	code    mqtt.ReasonCode
	bytes   string
	why     string
}{
	// 3.1.1: strings and the fixed header
	{"MQTT-1.5.3-1", 4, malformed, "30 04 0002 c3 28", "ill-formed"},
	{"MQTT-1.5.3-1", 4, malformed, "30 05 0003 eda080", "surrogate U+D800"},
	{"MQTT-1.5.3-1", 4, malformed, "30 04 0002 c080", "overlong U+0000"},
	{"MQTT-1.5.3-2", 4, malformed, "30 05 0003 'a' 00 'b'", "U+0000"},
	{"MQTT-2.2.2-2", 4, malformed, "11 00", "CONNECT flags"},
	{"MQTT-2.2.2-2", 4, malformed, "21 02 00 00", "CONNACK flags"},
	{"MQTT-2.2.2-2", 4, malformed, "48 02 0001", "PUBACK flags"},
	{"MQTT-2.2.2-2", 4, malformed, "c2 00", "PINGREQ flags"},
	{"section 2.2.1", 4, malformed, "00 00", "type 0"},
	{"section 2.2.1", 4, malformed, "f0 00", "AUTH"},
	{"section 2.2.3", 4, malformed, "30 ffffffff01", "five bytes of length"},
	{"MQTT-4.8.0-1", 4, malformed, "c0 01 00", "PINGREQ with a payload"},
	{"MQTT-4.8.0-1", 4, malformed, "e0 01 00", "DISCONNECT with a code"},
	{"MQTT-4.8.0-1", 4, malformed, "40 03 0001 00", "PUBACK with a code"},
	{"MQTT-4.8.0-1", 4, malformed, "20 01 00", "CONNACK too short"},
	{"MQTT-4.8.0-1", 4, malformed, "b0 03 0001 00", "UNSUBACK with a code"},
	// 3.1.1: packet identifiers
	{"MQTT-2.3.1-1", 4, protocol, "32 05 0001 't' 0000", "PUBLISH"},
	{"MQTT-2.3.1-1", 4, protocol, "82 06 0000 0001 'a' 00", "SUBSCRIBE"},
	{"MQTT-2.3.1-1", 4, protocol, "a2 05 0000 0001 'a'", "UNSUBSCRIBE"},
	{"MQTT-2.3.1-6", 4, protocol, "40 02 0000", "PUBACK"},
	{"MQTT-2.3.1-6", 4, protocol, "62 02 0000", "PUBREL"},
	{"MQTT-2.3.1-7", 4, protocol, "90 03 0000 00", "SUBACK"},
	{"MQTT-2.3.1-7", 4, protocol, "b0 02 0000", "UNSUBACK"},
	{"MQTT-4.8.0-1", 4, malformed, "32 04 0001 't' 00", "cut identifier"},
	// 3.1.1: CONNECT
	{"MQTT-3.1.2-1", 4, malformed, "10 0c 0004 'MQTX' 04 02 0000 0000", "protocol name"},
	{"MQTT-3.1.2-1", 4, malformed, "10 02 00ff", "cut protocol name"},
	{"MQTT-3.1.2-2", 4, mqtt.ReasonUnsupportedVersion, "10 0e 0006 'MQIsdp' 03 02 0000 0000", "3.1"},
	{"MQTT-3.1.2-2", 4, mqtt.ReasonUnsupportedVersion, "10 07 0004 'MQTT' 06", "level 6"},
	{"MQTT-3.1.2-3", 4, malformed, "10 0c 0004 'MQTT' 04 03 0000 0000", "reserved flag"},
	{"MQTT-3.1.2-9", 4, malformed, "10 0c 0004 'MQTT' 04 06 0000 0000", "no will topic"},
	{"MQTT-3.1.2-9", 4, malformed, "10 0f 0004 'MQTT' 04 06 0000 0000 0001 't'", "no will payload"},
	{"MQTT-3.1.2-13", 4, malformed, "10 0c 0004 'MQTT' 04 0a 0000 0000", "will QoS without will"},
	{"MQTT-3.1.2-14", 4, malformed, "10 11 0004 'MQTT' 04 1e 0000 0000 0001 't' 0000", "will QoS 3"},
	{"MQTT-3.1.2-15", 4, malformed, "10 0c 0004 'MQTT' 04 22 0000 0000", "will retain without will"},
	{"MQTT-4.8.0-1", 4, malformed, "10 0e 0004 'MQTT' 04 02 0000 0000 0000", "3.1.2-18, -20: fields not announced"},
	{"MQTT-3.1.2-19", 4, malformed, "10 0c 0004 'MQTT' 04 82 0000 0000", "no user name"},
	{"MQTT-3.1.2-21", 4, malformed, "10 0e 0004 'MQTT' 04 c2 0000 0000 0000", "no password"},
	{"MQTT-3.1.2-22", 4, malformed, "10 0e 0004 'MQTT' 04 42 0000 0000 0000", "password without user name"},
	{"MQTT-3.1.3-3", 4, malformed, "10 0a 0004 'MQTT' 04 02 0000", "no client identifier"},
	{"MQTT-3.1.3-7", 4, mqtt.ReasonClientIDNotValid, "10 0c 0004 'MQTT' 04 00 0000 0000", "empty, clean session 0"},
	{"MQTT-1.5.3-1", 4, malformed, "10 0d 0004 'MQTT' 04 02 0000 0001 ff", "3.1.3-4: client identifier"},
	{"MQTT-1.5.3-1", 4, malformed, "10 11 0004 'MQTT' 04 06 0000 0000 0001 ff 0000", "3.1.3-10: will topic"},
	{"MQTT-1.5.3-1", 4, malformed, "10 0f 0004 'MQTT' 04 82 0000 0000 0001 ff", "3.1.3-11: user name"},
	{"MQTT-4.7.1-1", 4, malformed, "10 11 0004 'MQTT' 04 06 0000 0000 0001 '#' 0000", "will topic wildcard"},
	{"MQTT-4.7.3-1", 4, malformed, "10 10 0004 'MQTT' 04 06 0000 0000 0000 0000", "will topic empty"},
	// 3.1.1: CONNACK
	{"section 3.2.2.1", 4, malformed, "20 02 02 00", "reserved flags"},
	{"MQTT-3.2.2-4", 4, protocol, "20 02 01 05", "session present in a refusal"},
	{"MQTT-3.2.2-6", 4, protocol, "20 02 00 06", "return code 6"},
	// 3.1.1: PUBLISH and PUBREL
	{"MQTT-3.3.1-2", 4, malformed, "38 03 0001 't'", "DUP at QoS 0"},
	{"MQTT-3.3.1-4", 4, malformed, "36 05 0001 't' 0001", "QoS 3"},
	{"MQTT-3.3.2-1", 4, malformed, "30 00", "no topic"},
	{"MQTT-3.3.2-1", 4, malformed, "30 03 0002 't'", "cut topic"},
	{"MQTT-3.3.2-2", 4, malformed, "30 05 0003 'a/#'", "#"},
	{"MQTT-3.3.2-2", 4, malformed, "30 05 0003 '+/a'", "+"},
	{"MQTT-4.7.3-1", 4, malformed, "30 02 0000", "empty topic"},
	{"MQTT-3.6.1-1", 4, malformed, "60 02 0001", "PUBREL flags"},
	// 3.1.1: SUBSCRIBE and the like
	{"MQTT-3.8.1-1", 4, malformed, "80 06 0001 0001 'a' 00", "SUBSCRIBE flags"},
	{"MQTT-3.8.3-1", 4, malformed, "82 05 0001 0002 'a'", "cut filter"},
	{"section 3.8.3", 4, malformed, "82 05 0001 0001 'a'", "no QoS"},
	{"MQTT-3.8.3-3", 4, protocol, "82 02 0001", "no filter"},
	{"MQTT-3-8.3-4", 4, malformed, "82 06 0001 0001 'a' 03", "QoS 3"},
	{"MQTT-3-8.3-4", 4, malformed, "82 06 0001 0001 'a' 04", "reserved bits"},
	{"MQTT-4.7.1-2", 4, malformed, "82 08 0001 0003 '#/a' 00", "# not last"},
	{"MQTT-4.7.1-2", 4, malformed, "82 07 0001 0002 'a#' 00", "# within a level"},
	{"MQTT-4.7.1-3", 4, malformed, "82 07 0001 0002 'a+' 00", "+ within a level"},
	{"MQTT-4.7.3-1", 4, malformed, "82 05 0001 0000 00", "empty filter"},
	{"MQTT-3.8.4-5", 4, protocol, "90 02 0001", "SUBACK without codes"},
	{"MQTT-3.9.3-2", 4, protocol, "90 04 0001 00 03", "SUBACK code 3"},
	{"MQTT-3.10.1-1", 4, malformed, "a0 05 0001 0001 'a'", "UNSUBSCRIBE flags"},
	{"MQTT-3.10.3-1", 4, malformed, "a2 04 0001 0001", "cut filter"},
	{"MQTT-3.10.3-2", 4, protocol, "a2 02 0001", "no filter"},
	{"MQTT-3.14.1-1", 4, malformed, "e1 00", "DISCONNECT flags"},
}

func TestRejectV4(t *testing.T) {
	for _, tc := range badPackets {
		t.Run(tc.rule+" "+tc.why, func(t *testing.T) { reject(t, tc.version, tc.rule, tc.code, pack(tc.bytes)) })
	}
}

// reject asserts how Parse refuses a packet, whether it comes at once or in bits.
func reject(t *testing.T, version uint8, rule string, code mqtt.ReasonCode, buf []byte) {
	t.Helper()
	var m mqtt.Message
	n, err := mqtt.Parse(buf, version, &m)
	var pe *mqtt.ParseError
	if n != 0 || !errors.As(err, &pe) || !errors.Is(err, mqtt.ErrMalformed) {
		t.Fatalf("Parse gives %d, %v", n, err)
	}
	if pe.Rule != rule || pe.Code != code || pe.Cmd != mqtt.Cmd(buf[0]>>4) || pe.Reason == "" {
		t.Errorf("got rule %s code %02x %s, want %s %02x: %v", pe.Rule, pe.Code, pe.Cmd, rule, code, err)
	}
	if m.Cmd != pe.Cmd {
		t.Errorf("msg.Cmd is %v", m.Cmd)
	}
	if errors.Is(err, mqtt.ErrVersion) != (code == mqtt.ReasonUnsupportedVersion) ||
		errors.Is(err, mqtt.ErrTooLarge) || errors.Is(err, mqtt.ErrIncomplete) {
		t.Errorf("wrong sentinels: %v", err)
	}
	if s := err.Error(); !strings.Contains(s, pe.Cmd.String()) || !strings.Contains(s, rule) {
		t.Errorf("the text does not name packet and rule: %s", s)
	}
	for i := range buf {
		_, early := mqtt.Parse(buf[:i], version, &m)
		if early != mqtt.ErrIncomplete && (early == nil || early.Error() != err.Error()) {
			t.Errorf("after %d bytes: %v, then %v", i, early, err)
		}
	}
}

// A fault of the fixed header must not wait for the rest of the packet.
func TestRejectEarly(t *testing.T) {
	for _, tc := range []struct {
		version uint8
		bytes   string
	}{
		{4, "00"}, {4, "f0"}, {5, "f1"}, {4, "36"}, {5, "38"}, {4, "60"}, {5, "80"}, {4, "a0"}, {4, "e2"},
		{4, "30 ffffffff"}, {5, "30 ffffffff"}, {5, "30 8000"}, {4, "10 80808080"},
		{4, "c0 05"}, {5, "d0 8001"}, {4, "40 03"}, {4, "e0 01"}, {4, "20 7f"}, {4, "b0 00"},
	} {
		var m mqtt.Message
		if _, err := mqtt.Parse(pack(tc.bytes), tc.version, &m); !errors.Is(err, mqtt.ErrMalformed) {
			t.Errorf("version %d, %s: Parse gives %v", tc.version, tc.bytes, err)
		}
		if _, n, err := mqtt.ParseHeader(pack(tc.bytes), tc.version); !errors.Is(err, mqtt.ErrMalformed) || n != 0 {
			t.Errorf("version %d, %s: ParseHeader gives %d, %v", tc.version, tc.bytes, n, err)
		}
	}
}

func TestUnsupportedVersion(t *testing.T) {
	var m mqtt.Message
	for _, version := range []uint8{1, 3, 6, 255} {
		if _, err := mqtt.Parse(pack("c000"), version, &m); !errors.Is(err, mqtt.ErrVersion) {
			t.Errorf("Parse as version %d: %v", version, err)
		}
		if _, _, err := mqtt.ParseHeader(pack("c000"), version); !errors.Is(err, mqtt.ErrVersion) {
			t.Errorf("ParseHeader as version %d: %v", version, err)
		}
		if got, err := mqtt.AppendDisconnect(pack("00"), version, 0, nil); !errors.Is(err, mqtt.ErrVersion) || len(got) != 1 {
			t.Errorf("AppendDisconnect in version %d: % x, %v", version, got, err)
		}
		if got, err := mqtt.AppendPublish(nil, version, &mqtt.Publish{Topic: "t"}); !errors.Is(err, mqtt.ErrVersion) || got != nil {
			t.Errorf("AppendPublish in version %d: % x, %v", version, got, err)
		}
	}
	// The level that a client asked for is told, so that it can be answered.
	if _, err := mqtt.Parse(pack("10 0c 0004 'MQTT' 06 02 0000 0000"), 4, &m); !errors.Is(err, mqtt.ErrVersion) || m.Version != 6 {
		t.Errorf("level 6: version %d, %v", m.Version, err)
	}
}
