package mqtt_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// ParseHeader decodes headers of all sizes, and AppendHeader encodes them again.
func TestParseHeader(t *testing.T) {
	for _, tc := range []struct {
		bytes   string
		version uint8
		want    mqtt.Header
		n       int
		err     error
	}{
		{"", 4, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d", 4, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d 80", 5, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d ffffff", 5, mqtt.Header{}, 0, mqtt.ErrIncomplete},
		{"3d 00", 0, mqtt.Header{Cmd: mqtt.CmdPublish, Flags: 13}, 2, nil},
		{"3d 7f 00", 4, mqtt.Header{Cmd: mqtt.CmdPublish, Flags: 13, Remaining: 127}, 2, nil},
		{"82 8001", 5, mqtt.Header{Cmd: mqtt.CmdSubscribe, Flags: 2, Remaining: 128}, 3, nil},
		{"30 ff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 16383}, 3, nil},
		{"30 808001", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 16384}, 4, nil},
		{"30 ffff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 2097151}, 4, nil},
		{"30 80808001", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 2097152}, 5, nil},
		{"30 ffffff7f", 5, mqtt.Header{Cmd: mqtt.CmdPublish, Remaining: 268435455}, 5, nil},
		{"30 80808000", 4, mqtt.Header{Cmd: mqtt.CmdPublish}, 5, nil},
	} {
		h, n, err := mqtt.ParseHeader(pack(tc.bytes), tc.version)
		if h != tc.want || n != tc.n || err != tc.err {
			t.Errorf("%s: got %+v, %d, error %v; want %+v, %d, error %v", tc.bytes, h, n, err, tc.want, tc.n, tc.err)
		}
		if err != nil || tc.bytes == "30 80808000" {
			continue
		}
		if got, err := mqtt.AppendHeader(nil, h.Cmd, h.Flags, h.Remaining); err != nil || string(got) != string(pack(tc.bytes)[:n]) {
			t.Errorf("AppendHeader of %+v returns % x, error %v", h, got, err)
		}
	}
}

func TestAppendHeaderRefusesInvalidArguments(t *testing.T) {
	for _, tc := range []struct {
		cmd       mqtt.Cmd
		flags     byte
		remaining int
		sentinel  error
	}{
		{0, 0, 0, mqtt.ErrMalformed},
		{16, 0, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 6, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 16, 0, mqtt.ErrMalformed},
		{mqtt.CmdConnect, 16, 0, mqtt.ErrMalformed},
		{mqtt.CmdSubscribe, 0, 0, mqtt.ErrMalformed},
		{mqtt.CmdPublish, 0, 268435456, mqtt.ErrTooLarge},
		{mqtt.CmdPublish, 0, -1, mqtt.ErrTooLarge},
	} {
		got, err := mqtt.AppendHeader([]byte("x"), tc.cmd, tc.flags, tc.remaining)
		if string(got) != "x" || !errors.Is(err, tc.sentinel) {
			t.Errorf("AppendHeader of %v, flags %d, %d bytes returns % x, error %v", tc.cmd, tc.flags, tc.remaining, got, err)
		}
	}
	if got, err := mqtt.AppendHeader(nil, mqtt.CmdAuth, 0, 2); err != nil || string(got) != "\xf0\x02" {
		t.Errorf("AppendHeader of AUTH returns % x, error %v", got, err)
	}
}

var malformedHeader = []malformedPacket{
	// 3.1.1
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
	{"MQTT-3.6.1-1", 4, malformed, "60 02 0001", "PUBREL flags"},
	{"MQTT-3.8.1-1", 4, malformed, "80 06 0001 0001 'a' 00", "SUBSCRIBE flags"},
	{"MQTT-3.10.1-1", 4, malformed, "a0 05 0001 0001 'a'", "UNSUBSCRIBE flags"},
	{"MQTT-3.14.1-1", 4, malformed, "e1 00", "DISCONNECT flags"},
	// 5.0
	{"MQTT-1.5.5-1", 5, malformed, "30 8400 0001 't' 00", "remaining length"},
	{"MQTT-1.5.5-1", 5, malformed, "10 8d00 0004 'MQTT' 05 00 003c 00 0000", "remaining length of CONNECT"},
	{"section 1.5.5", 5, malformed, "30 ffffffff01", "five bytes of remaining length"},
	{"MQTT-2.1.3-1", 5, malformed, "41 02 0001", "PUBACK flags"},
	{"section 2.1.2", 5, malformed, "00 00", "type 0"},
	{"MQTT-3.6.1-1", 5, malformed, "63 02 0001", "PUBREL flags"},
	{"MQTT-3.8.1-1", 5, malformed, "83 07 0001 00 0001 'a' 00", "SUBSCRIBE flags"},
	{"MQTT-3.10.1-1", 5, malformed, "a3 06 0001 00 0001 'a'", "UNSUBSCRIBE flags"},
	{"MQTT-4.13.1-1", 5, malformed, "d0 01 00", "PINGRESP with a payload"},
	{"MQTT-3.14.1-1", 5, malformed, "e2 00", "DISCONNECT flags"},
	{"MQTT-3.15.1-1", 5, malformed, "f1 00", "AUTH flags"},
}

func TestMalformedHeader(t *testing.T) { testMalformed(t, malformedHeader) }

// Parse reports an error in the fixed header before the rest of the packet has arrived.
func TestMalformedHeaderIsReportedEarly(t *testing.T) {
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
			t.Errorf("version %d, %s: Parse returns error %v, want ErrMalformed", tc.version, tc.bytes, err)
		}
		if _, n, err := mqtt.ParseHeader(pack(tc.bytes), tc.version); !errors.Is(err, mqtt.ErrMalformed) || n != 0 {
			t.Errorf("version %d, %s: ParseHeader returns %d, error %v, want ErrMalformed", tc.version, tc.bytes, n, err)
		}
	}
}

// All functions of the codec return ErrVersion for an unsupported version.
func TestUnsupportedVersion(t *testing.T) {
	var m mqtt.Message
	for _, version := range []uint8{1, 3, 6, 255} {
		if _, err := mqtt.Parse(pack("c000"), version, &m); !errors.Is(err, mqtt.ErrVersion) {
			t.Errorf("Parse, version %d: error %v, want ErrVersion", version, err)
		}
		if _, _, err := mqtt.ParseHeader(pack("c000"), version); !errors.Is(err, mqtt.ErrVersion) {
			t.Errorf("ParseHeader, version %d: error %v, want ErrVersion", version, err)
		}
		if got, err := mqtt.AppendDisconnect(pack("00"), version, 0, nil); !errors.Is(err, mqtt.ErrVersion) || len(got) != 1 {
			t.Errorf("AppendDisconnect, version %d: % x, error %v, want ErrVersion", version, got, err)
		}
		if got, err := mqtt.AppendPublish(nil, version, &mqtt.PublishPacket{Topic: "t"}); !errors.Is(err, mqtt.ErrVersion) || got != nil {
			t.Errorf("AppendPublish, version %d: % x, error %v, want ErrVersion", version, got, err)
		}
	}
	// Parse stores the level of a CONNECT, so that the server can answer.
	if _, err := mqtt.Parse(pack("10 0c 0004 'MQTT' 06 02 0000 0000"), 4, &m); !errors.Is(err, mqtt.ErrVersion) || m.Version != 6 {
		t.Errorf("CONNECT of level 6: msg.Version is %d, error %v", m.Version, err)
	}
}
