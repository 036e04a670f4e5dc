package mqtt_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodConnect = []goodPacket{
	{"connect 3.1.1", 4, "10 0d 0004 'MQTT' 04 02 003c 0001 'a'", false,
		mqtt.Message{Data: pack("0001 'a'")}},
	{"connect 3.1.1 anonymous", 4, "10 0c 0004 'MQTT' 04 02 0000 0000", false,
		mqtt.Message{Data: pack("0000")}},
	{"connect 3.1.1 full", 4, "10 1e 0004 'MQTT' 04 ee 000a 0002 'id' 0001 'w' 0003 'bye' 0002 'me' 0002 00ff", false,
		mqtt.Message{Data: pack("0002 'id' 0001 'w' 0003 'bye' 0002 'me' 0002 00ff")}},
	{"connect 3.1.1 long length", 4, "10 8d00 0004 'MQTT' 04 02 003c 0001 'a'", true,
		mqtt.Message{Data: pack("0001 'a'")}},
	{"connect 5.0", 5, "10 0d 0004 'MQTT' 05 00 003c 00 0000", false,
		mqtt.Message{Data: pack("0000")}},
	{"connect 5.0 password alone", 5, "10 10 0004 'MQTT' 05 42 0000 00 0000 0001 'p'", false,
		mqtt.Message{Data: pack("0000 0001 'p'")}},
	{"connect 5.0 will", 5, "10 25 0004 'MQTT' 05 34 0000 05 1100000e10 0001 'c' 0b 1800000005 0101 03 0001 'j' 0001 'w' 0001 'x'", false,
		mqtt.Message{Props: pack("1100000e10"), Data: pack("0001 'c' 0b 1800000005 0101 03 0001 'j' 0001 'w' 0001 'x'")}},
}

func TestParseConnect(t *testing.T) { testParse(t, goodConnect) }

var malformedConnect = []malformedPacket{
	// 3.1.1
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
	// 5.0
	{"MQTT-3.1.2-1", 5, malformed, "10 0d 0004 'mqtt' 05 00 0000 00 0000", "protocol name"},
	{"MQTT-3.1.2-3", 5, malformed, "10 0d 0004 'MQTT' 05 01 0000 00 0000", "reserved flag"},
	{"MQTT-3.1.2-9", 5, malformed, "10 0e 0004 'MQTT' 05 04 0000 00 0000 00", "no will topic"},
	{"MQTT-3.1.2-11", 5, malformed, "10 0d 0004 'MQTT' 05 10 0000 00 0000", "will QoS without will"},
	{"MQTT-3.1.2-12", 5, malformed, "10 13 0004 'MQTT' 05 1c 0000 00 0000 00 0001't' 0000", "will QoS 3"},
	{"MQTT-3.1.2-13", 5, malformed, "10 0d 0004 'MQTT' 05 20 0000 00 0000", "will retain without will"},
	{"MQTT-3.1.2-17", 5, malformed, "10 0d 0004 'MQTT' 05 80 0000 00 0000", "no user name"},
	{"MQTT-3.1.2-19", 5, malformed, "10 0d 0004 'MQTT' 05 40 0000 00 0000", "no password"},
	{"MQTT-4.13.1-1", 5, malformed, "10 0e 0004 'MQTT' 05 00 0000 00 0000 00", "3.1.2-16, -18: bytes left over"},
	{"MQTT-1.5.4-1", 5, malformed, "10 0e 0004 'MQTT' 05 00 0000 00 0001 ff", "3.1.3-4: client identifier"},
	{"MQTT-4.7.0-1", 5, malformed, "10 13 0004 'MQTT' 05 04 0000 00 0000 00 0001'+' 0000", "will topic wildcard"},
	{"section 3.1.2.11.10", 5, protocol, "10 11 0004 'MQTT' 05 00 0000 04 16 0001 00 0000", "Authentication Data without method"},
}

func TestMalformedConnect(t *testing.T) { testMalformed(t, malformedConnect) }

var refusedConnect = []refusedPacket{
	{"will QoS 3", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Will: &mqtt.Will{Topic: "t", QoS: 3}})},
	{"will QoS 4", mqtt.CmdConnect, connect(5, mqtt.ConnectPacket{Will: &mqtt.Will{Topic: "t", QoS: 4}})},
	{"empty identifier, clean session 0", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{})},
	{"password without user name in 3.1.1", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: "a", HasPassword: true})},
}

func TestAppendRefusesInvalidConnect(t *testing.T) { testRefused(t, refusedConnect) }

// Message.Connect returns all fields of CONNECT as copies.
func TestMessageConnect(t *testing.T) {
	m := mustParse(t, pack(goodConnect[2].bytes), 4)
	want := mqtt.ConnectPacket{ClientID: "id", CleanStart: true, KeepAlive: 10,
		User: "me", HasUser: true, Password: []byte{0, 255}, HasPassword: true,
		Will: &mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: 1, Retain: true}}
	if got := m.Connect(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, will %+v", got, got.Will)
	}

	buf := pack(goodConnect[6].bytes)
	m = mustParse(t, buf, 5)
	got := m.Connect()
	clear(buf) // got must not refer to it
	want = mqtt.ConnectPacket{ClientID: "c",
		Props: []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 3600}},
		Will: &mqtt.Will{Topic: "w", Data: []byte("x"), QoS: 2, Retain: true, Props: []mqtt.Property{
			{ID: mqtt.PropWillDelayInterval, Int: 5},
			{ID: mqtt.PropPayloadFormatIndicator, Int: 1},
			{ID: mqtt.PropContentType, Value: []byte("j")},
		}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, will %+v", got, got.Will)
	}
	ping := mustParse(t, pack("c0 00"), 4)
	if got := ping.Connect(); !reflect.DeepEqual(got, mqtt.ConnectPacket{}) {
		t.Errorf("Connect of a PINGREQ returns %+v, want zero", got)
	}
}

// CONNECT may contain an empty user name and an empty password.
func TestEmptyCredentials(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		buf, err := mqtt.AppendConnect(nil, version, &mqtt.ConnectPacket{ClientID: "a", HasUser: true, HasPassword: true})
		if err != nil {
			t.Fatal(err)
		}
		m := mustParse(t, buf, 0)
		if conn := m.Connect(); !conn.HasUser || !conn.HasPassword || conn.User != "" || len(conn.Password) != 0 {
			t.Errorf("CONNECT is parsed as %+v", conn)
		}
		buf, err = mqtt.AppendConnect(nil, version, &mqtt.ConnectPacket{ClientID: "a", User: "u", Password: []byte("p")})
		if err != nil {
			t.Fatal(err)
		}
		m = mustParse(t, buf, 0)
		if conn := m.Connect(); !conn.HasUser || !conn.HasPassword || conn.User != "u" || string(conn.Password) != "p" {
			t.Errorf("CONNECT is parsed as %+v", conn)
		}
	}
}

// Parse takes the version of a CONNECT from the packet.
func TestConnectContainsVersion(t *testing.T) {
	for _, version := range []uint8{0, 4, 5} {
		for _, tc := range goodConnect {
			if m := mustParse(t, pack(tc.bytes), version); m.Version != tc.version {
				t.Errorf("%s, parsed with version %d: msg.Version is %d, want %d", tc.name, version, m.Version, tc.version)
			}
		}
	}
}
