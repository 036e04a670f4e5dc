package mqtt_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// goodPackets are written out by hand from the standards. long marks packets
// that are not in the form in which the Append functions write them.
var goodPackets = []struct {
	name    string
	version uint8
	bytes   string
	long    bool
	want    mqtt.Message
}{
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

	{"connack 3.1.1", 4, "20 02 01 00", false, mqtt.Message{SessionPresent: true}},
	{"connack 3.1.1 refused", 4, "20 02 00 05", false, mqtt.Message{Ack: mqtt.ConnackNotAuthorized}},
	{"connack 5.0", 5, "20 03 00 00 00", false, mqtt.Message{}},
	{"connack 5.0 properties", 5, "20 0a 01 00 07 2400 21000a 2a00", false,
		mqtt.Message{SessionPresent: true, Props: pack("2400 21000a 2a00")}},
	{"connack 5.0 refused", 5, "20 08 00 87 05 1f 0002 'no'", false,
		mqtt.Message{Ack: mqtt.ReasonNotAuthorized, Props: pack("1f 0002 'no'")}},

	{"publish 3.1.1", 4, "30 0a 0003 'a/b' 'hello'", false,
		mqtt.Message{Topic: []byte("a/b"), Data: []byte("hello")}},
	{"publish 3.1.1 qos 1", 4, "3b 0a 0003 'a/b' 000a 'abc'", false,
		mqtt.Message{Dup: true, QoS: 1, Retain: true, ID: 10, Topic: []byte("a/b"), Data: []byte("abc")}},
	{"publish 3.1.1 empty", 4, "31 03 0001 't'", false, mqtt.Message{Retain: true, Topic: []byte("t")}},
	{"publish 5.0 qos 2", 5, "34 08 0001 't' ffff 00 'xy'", false,
		mqtt.Message{QoS: 2, ID: 0xffff, Topic: []byte("t"), Data: []byte("xy")}},
	{"publish 5.0 alias", 5, "30 07 0000 03 230001 'z'", false,
		mqtt.Message{Props: pack("230001"), Data: []byte("z")}},
	{"publish 5.0 properties", 5, "30 20 0001 't' 1c 0101 0200000001 080001'r' 09000100 0b01 0bffffff7f 26 0000 0001'v'", false,
		mqtt.Message{Topic: []byte("t"), Props: pack("0101 0200000001 080001'r' 09000100 0b01 0bffffff7f 26 0000 0001'v'")}},

	{"puback 3.1.1", 4, "40 02 0102", false, mqtt.Message{ID: 0x102}},
	{"pubrec 3.1.1", 4, "50 02 0001", false, mqtt.Message{ID: 1}},
	{"pubrel 3.1.1", 4, "62 02 0001", false, mqtt.Message{ID: 1}},
	{"pubcomp 3.1.1", 4, "70 02 0001", false, mqtt.Message{ID: 1}},
	{"puback 5.0 short", 5, "40 02 0001", false, mqtt.Message{ID: 1}},
	{"puback 5.0 success spelt out", 5, "40 03 0001 00", true, mqtt.Message{ID: 1}},
	{"puback 5.0 code", 5, "40 03 0001 10", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonNoMatchingSubscribers}},
	{"pubrec 5.0 no properties", 5, "50 04 0001 97 00", true, mqtt.Message{ID: 1, Ack: mqtt.ReasonQuotaExceeded}},
	{"pubrel 5.0 code", 5, "62 03 0001 92", false, mqtt.Message{ID: 1, Ack: mqtt.ReasonPacketIDNotFound}},
	{"pubcomp 5.0 properties", 5, "70 08 0001 00 04 1f 0001 'x'", false, mqtt.Message{ID: 1, Props: pack("1f 0001 'x'")}},

	{"subscribe 3.1.1", 4, "82 0e 000a 0003 'a/b' 01 0003 'c/#' 02", false,
		mqtt.Message{ID: 10, Data: pack("0003 'a/b' 01 0003 'c/#' 02")}},
	{"subscribe 3.1.1 $share is plain", 4, "82 0c 0001 0007 '$share/' 00", false,
		mqtt.Message{ID: 1, Data: pack("0007 '$share/' 00")}},
	{"subscribe 5.0", 5, "82 0a 000a 03 0b ff01 0001 '+' 2e", false,
		mqtt.Message{ID: 10, Props: pack("0b ff01"), Data: pack("0001 '+' 2e")}},
	{"subscribe 5.0 shared", 5, "82 10 0001 00 000a '$share/g/#' 01", false,
		mqtt.Message{ID: 1, Data: pack("000a '$share/g/#' 01")}},
	{"suback 3.1.1", 4, "90 06 000a 00 01 02 80", false, mqtt.Message{ID: 10, Data: pack("00010280")}},
	{"suback 5.0", 5, "90 05 000a 00 a2 02", false,
		mqtt.Message{ID: 10, Ack: mqtt.ReasonWildcardSubNotSupported, Data: pack("a202")}},
	{"unsubscribe 3.1.1", 4, "a2 0a 000a 0003 'a/b' 0001 '#'", false,
		mqtt.Message{ID: 10, Data: pack("0003 'a/b' 0001 '#'")}},
	{"unsubscribe 5.0", 5, "a2 0d 000a 07 26 0001'k' 0001'v' 0001 'a'", false,
		mqtt.Message{ID: 10, Props: pack("26 0001'k' 0001'v'"), Data: pack("0001 'a'")}},
	{"unsuback 3.1.1", 4, "b0 02 000a", false, mqtt.Message{ID: 10}},
	{"unsuback 5.0", 5, "b0 05 000a 00 11 00", false,
		mqtt.Message{ID: 10, Ack: mqtt.ReasonNoSubscriptionExisted, Data: pack("1100")}},

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

func TestParse(t *testing.T) {
	for _, tc := range goodPackets {
		t.Run(tc.name, func(t *testing.T) {
			buf := pack(tc.bytes)
			want := tc.want
			want.Cmd, want.Version = mqtt.Cmd(buf[0]>>4), tc.version
			m := mustParse(t, buf, tc.version)
			if !sameMessage(m, want) {
				t.Errorf("got  %+v\nwant %+v", m, want)
			}
			if string(m.Dgram) != string(buf) {
				t.Errorf("Dgram is % x", m.Dgram)
			}
			again, err := reappend([]byte("before"), &m)
			if err != nil {
				t.Fatalf("appended again: %v", err)
			}
			if !tc.long && string(again) != "before"+string(buf) {
				t.Errorf("appended again it is % x", again)
			}
			if back := mustParse(t, again[len("before"):], tc.version); !sameMessage(m, back) {
				t.Errorf("comes back as %+v", back)
			}
		})
	}
}

// A CONNECT says itself of which version it is.
func TestConnectBringsVersion(t *testing.T) {
	for _, version := range []uint8{0, 4, 5} {
		for _, tc := range goodPackets[:7] {
			if m := mustParse(t, pack(tc.bytes), version); m.Version != tc.version {
				t.Errorf("%s, parsed as version %d: Version is %d", tc.name, version, m.Version)
			}
		}
	}
}

func TestConnectFields(t *testing.T) {
	m := mustParse(t, pack(goodPackets[2].bytes), 4)
	want := mqtt.ConnectPacket{ClientID: "id", CleanStart: true, KeepAlive: 10,
		User: "me", HasUser: true, Password: []byte{0, 255}, HasPassword: true,
		Will: &mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: 1, Retain: true}}
	if got := m.Connect(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %+v", got, got.Will)
	}

	buf := pack(goodPackets[6].bytes)
	m = mustParse(t, buf, 5)
	got := m.Connect()
	clear(buf) // nothing may alias it
	want = mqtt.ConnectPacket{ClientID: "c",
		Props: []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: 3600}},
		Will: &mqtt.Will{Topic: "w", Data: []byte("x"), QoS: 2, Retain: true, Props: []mqtt.Property{
			{ID: mqtt.PropWillDelayInterval, Int: 5},
			{ID: mqtt.PropPayloadFormatIndicator, Int: 1},
			{ID: mqtt.PropContentType, Value: []byte("j")},
		}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %+v", got, got.Will)
	}
	ping := mustParse(t, pack("c0 00"), 4)
	if got := ping.Connect(); !reflect.DeepEqual(got, mqtt.ConnectPacket{}) {
		t.Errorf("of a PINGREQ: %+v", got)
	}
}

func TestNextFilter(t *testing.T) {
	m := mustParse(t, pack("82 0e 000a 0003 'a/b' 01 0003 'c/#' 02"), 4)
	want := []mqtt.Filter{{Topic: "a/b", QoS: 1}, {Topic: "c/#", QoS: 2}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	m = mustParse(t, pack("82 0b 000a 00 0001 'a' 2e 0001 'b' 11"), 5)
	want = []mqtt.Filter{
		{Topic: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
		{Topic: "b", QoS: 1, RetainHandling: 1}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	m = mustParse(t, pack("a2 0a 000a 0003 'a/b' 0001 '#'"), 4)
	want = []mqtt.Filter{{Topic: "a/b"}, {Topic: "#"}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	m = mustParse(t, pack("30 03 0001 't'"), 4)
	if got := filters(&m); got != nil {
		t.Errorf("of a PUBLISH: %+v", got)
	}
}

func TestNextProp(t *testing.T) {
	m := mustParse(t, pack("30 20 0001 't' 1c 0101 0200000001 080001'r' 09000100 0b01 0bffffff7f 26 0000 0001'v'"), 5)
	want := []mqtt.Property{
		{ID: mqtt.PropPayloadFormatIndicator, Int: 1},
		{ID: mqtt.PropMessageExpiryInterval, Int: 1},
		{ID: mqtt.PropResponseTopic, Value: []byte("r")},
		{ID: mqtt.PropCorrelationData, Value: []byte{0}},
		{ID: mqtt.PropSubscriptionIdentifier, Int: 1},
		{ID: mqtt.PropSubscriptionIdentifier, Int: 1<<28 - 1},
		{ID: mqtt.PropUserProperty, Key: []byte{}, Value: []byte("v")},
	}
	if got := props(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var p mqtt.Property
	for _, ofs := range []int{-1, len(m.Props), len(m.Props) + 1} {
		if n := m.NextProp(&p, ofs); n != 0 {
			t.Errorf("NextProp at %d gives %d", ofs, n)
		}
	}
}
