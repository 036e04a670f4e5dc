package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestNames(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{mqtt.CmdConnect.String(), "CONNECT"},
		{mqtt.CmdUnsuback.String(), "UNSUBACK"},
		{mqtt.CmdAuth.String(), "AUTH"},
		{mqtt.Cmd(0).String(), "packet type 0"},
		{mqtt.Cmd(16).String(), "packet type 16"},
		{mqtt.PropTopicAlias.String(), "Topic Alias"},
		{mqtt.PropSharedSubAvailable.String(), "Shared Subscription Available"},
		{mqtt.PropID(4).String(), "property 0x4"},
		{mqtt.PropID(0xff).String(), "property 0xff"},
		{mqtt.ReasonCode(0).Name(4), "connection accepted"},
		{mqtt.ReasonCode(1).Name(4), "unacceptable protocol version"},
		{mqtt.ReasonCode(2).Name(4), "identifier rejected"},
		{mqtt.ReasonCode(3).Name(4), "server unavailable"},
		{mqtt.ReasonCode(4).Name(0), "bad user name or password"},
		{mqtt.ReasonCode(5).Name(4), "not authorized"},
		{mqtt.ReasonCode(6).Name(4), "reason code 0x06"},
		{mqtt.ReasonCode(0x80).Name(4), "failure"},
		{mqtt.ReasonCode(0x87).Name(4), "reason code 0x87"},
		{mqtt.ReasonCode(1).Name(5), "granted QoS 1"},
		{mqtt.ReasonCode(5).Name(5), "reason code 0x05"},
		{mqtt.ReasonCode(0x87).Name(5), "not authorized"},
		{mqtt.ReasonCode(0xa2).Name(5), "wildcard subscriptions not supported"},
		{mqtt.ReasonCode(0xa3).Name(5), "reason code 0xA3"},
		{mqtt.ReasonCode(0xff).Name(5), "reason code 0xFF"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// Which codes and properties a packet of 5.0 may carry: tables 2-4 and 2-6 of
// the standard seen from the other side, by packet.
func TestReasonTable(t *testing.T) {
	codes := map[mqtt.Cmd]string{
		mqtt.CmdConnack:    "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
		mqtt.CmdPuback:     "00 10 80 83 87 90 91 97 99",
		mqtt.CmdPubrec:     "00 10 80 83 87 90 91 97 99",
		mqtt.CmdPubrel:     "00 92",
		mqtt.CmdPubcomp:    "00 92",
		mqtt.CmdSuback:     "00 01 02 80 83 87 8f 91 97 9e a1 a2",
		mqtt.CmdUnsuback:   "00 11 80 83 87 8f 91",
		mqtt.CmdDisconnect: "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
		mqtt.CmdAuth:       "00 18 19",
	}
	method := []mqtt.Property{{ID: mqtt.PropAuthenticationMethod, Value: []byte("m")}}
	for cmd, list := range codes {
		var legal [256]bool
		for _, c := range pack(list) {
			legal[c] = true
		}
		for c := range legal {
			m := mqtt.Message{Cmd: cmd, Version: 5, ID: 1, Ack: mqtt.ReasonCode(c), Data: []byte{byte(c)}}
			_, err := reappend(nil, &m)
			if cmd == mqtt.CmdAuth {
				_, err = mqtt.AppendAuth(nil, 5, mqtt.ReasonCode(c), method)
			}
			if (err == nil) != legal[c] {
				t.Errorf("%v with code 0x%02x: %v", cmd, c, err)
			}
		}
	}
}

func TestPropertyTable(t *testing.T) {
	user := pack("26 0000 0000")
	samples := map[mqtt.PropID][]byte{
		0x01: pack("01 01"), 0x02: pack("02 00000000"), 0x03: pack("03 0000"), 0x08: pack("08 0001 't'"), 0x09: pack("09 0000"),
		0x0b: pack("0b 01"), 0x11: pack("11 00000000"), 0x12: pack("12 0000"), 0x13: pack("13 0000"), 0x15: pack("15 0000"),
		0x16: pack("16 0000"), 0x17: pack("17 01"), 0x18: pack("18 00000000"), 0x19: pack("19 00"), 0x1a: pack("1a 0000"),
		0x1c: pack("1c 0000"), 0x1f: pack("1f 0000"), 0x21: pack("21 0001"), 0x22: pack("22 0000"), 0x23: pack("23 0001"),
		0x24: pack("24 01"), 0x25: pack("25 00"), 0x26: user, 0x27: pack("27 00000001"), 0x28: pack("28 00"), 0x29: pack("29 01"), 0x2a: pack("2a 00"),
	}
	// head and tail of a packet around its properties, whose length byte lies between
	for _, tc := range []struct{ name, head, before, tail, legal string }{
		{"CONNECT", "10", "0004 'MQTT' 05 00 0000", "0000", "11 15 17 19 21 22 26 27"},
		{"will", "10", "0004 'MQTT' 05 04 0000 00 0000", "0001't' 0000", "01 02 03 08 09 18 26"},
		{"CONNACK", "20", "00 00", "", "11 12 13 15 16 1a 1c 1f 21 22 24 25 26 27 28 29 2a"},
		{"PUBLISH", "30", "0001't'", "", "01 02 03 08 09 0b 23 26"},
		{"PUBACK", "40", "0001 00", "", "1f 26"},
		{"PUBREC", "50", "0001 00", "", "1f 26"},
		{"PUBREL", "62", "0001 00", "", "1f 26"},
		{"PUBCOMP", "70", "0001 00", "", "1f 26"},
		{"SUBSCRIBE", "82", "0001", "0001'a'00", "0b 26"},
		{"SUBACK", "90", "0001", "00", "1f 26"},
		{"UNSUBSCRIBE", "a2", "0001", "0001'a'", "26"},
		{"UNSUBACK", "b0", "0001", "00", "1f 26"},
		{"DISCONNECT", "e0", "00", "", "11 1c 1f 26"},
		{"AUTH", "f0", "00", "", "15"},
	} {
		var legal [256]bool
		for _, id := range pack(tc.legal) {
			legal[id] = true
		}
		for id := range legal {
			prop := samples[mqtt.PropID(id)]
			if prop == nil {
				prop = []byte{byte(id), 0}
			}
			body := append(pack(tc.before), byte(len(prop)))
			body = append(append(body, prop...), pack(tc.tail)...)
			buf := append(append(pack(tc.head), byte(len(body))), body...)
			var m mqtt.Message
			if _, err := mqtt.Parse(buf, 5, &m); (err == nil) != legal[id] {
				t.Errorf("%s with property 0x%02x: %v", tc.name, id, err)
			}
		}
	}
}
