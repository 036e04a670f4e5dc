package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestPropIDString(t *testing.T) {
	for id, want := range map[mqtt.PropID]string{
		mqtt.PropTopicAlias:         "Topic Alias",
		mqtt.PropSharedSubAvailable: "Shared Subscription Available",
		4:                           "property 0x04",
		0xff:                        "property 0xFF",
	} {
		if got := id.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Each packet of 5.0 may have the properties of table 2-4 and no others.
func TestPropertiesOfPackets(t *testing.T) {
	user := pack("26 0000 0000")
	samples := map[mqtt.PropID][]byte{
		0x01: pack("01 01"), 0x02: pack("02 00000000"), 0x03: pack("03 0000"), 0x08: pack("08 0001 't'"), 0x09: pack("09 0000"),
		0x0b: pack("0b 01"), 0x11: pack("11 00000000"), 0x12: pack("12 0000"), 0x13: pack("13 0000"), 0x15: pack("15 0000"),
		0x16: pack("16 0000"), 0x17: pack("17 01"), 0x18: pack("18 00000000"), 0x19: pack("19 00"), 0x1a: pack("1a 0000"),
		0x1c: pack("1c 0000"), 0x1f: pack("1f 0000"), 0x21: pack("21 0001"), 0x22: pack("22 0000"), 0x23: pack("23 0001"),
		0x24: pack("24 01"), 0x25: pack("25 00"), 0x26: user, 0x27: pack("27 00000001"), 0x28: pack("28 00"), 0x29: pack("29 01"), 0x2a: pack("2a 00"),
	}
	// A packet is head, remaining length, before, property length, properties, tail.
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
				t.Errorf("%s with property 0x%02X: error %v, allowed: %v", tc.name, id, err, legal[id])
			}
		}
	}
}
