package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var malformedText = []malformedPacket{
	// 3.1.1
	{"MQTT-1.5.3-1", 4, malformed, "30 04 0002 c3 28", "ill-formed"},
	{"MQTT-1.5.3-1", 4, malformed, "30 05 0003 eda080", "surrogate U+D800"},
	{"MQTT-1.5.3-1", 4, malformed, "30 04 0002 c080", "overlong U+0000"},
	{"MQTT-1.5.3-2", 4, malformed, "30 05 0003 'a' 00 'b'", "U+0000"},
	// 5.0
	{"MQTT-1.5.4-1", 5, malformed, "30 05 0002 c328 00", "ill-formed"},
	{"MQTT-1.5.4-1", 5, malformed, "30 06 0003 edbfbf 00", "surrogate U+DFFF"},
	{"MQTT-1.5.4-2", 5, malformed, "30 04 0001 00 00", "U+0000"},
}

func TestMalformedText(t *testing.T) { testMalformed(t, malformedText) }

// A string may contain every character except U+0000. A byte order mark, control characters and
// non-characters are accepted and stay unchanged [MQTT-1.5.4-3].
func TestTextOfPackets(t *testing.T) {
	for _, tc := range []struct {
		text string
		ok   bool
	}{
		{"a", true}, {"\u00e4", true}, {"\u20ac", true}, {"\U0001f600", true},
		{"\ufeffa", true}, {"\x01\x7f\u0080", true}, {"\uffff", true}, {"\U0010ffff", true},
		{"\ud7ff\ue000", true}, // the neighbours of the surrogates
		{"\x00", false}, {"a\x00", false},
		{"\xed\xa0\x80", false}, {"\xed\xbf\xbf", false}, // surrogates
		{"\xc0\x80", false}, {"\xe0\x80\xaf", false}, // longer than necessary
		{"\x80", false}, {"\xc3", false}, {"\xe2\x82", false}, {"\xf0\x9f\x98", false}, // incomplete
		{"\xf4\x90\x80\x80", false}, {"\xff", false}, // outside Unicode
	} {
		for _, version := range []uint8{4, 5} {
			buf, err := mqtt.AppendPublish(nil, version, &mqtt.PublishPacket{Topic: tc.text})
			if (err == nil) != tc.ok {
				t.Errorf("version %d, topic %q: error %v, allowed: %v", version, tc.text, err, tc.ok)
			} else if err == nil {
				if m := mustParse(t, buf, version); string(m.Topic) != tc.text {
					t.Errorf("version %d, topic %q is parsed as %q", version, tc.text, m.Topic)
				}
			}
			_, err = mqtt.AppendConnect(nil, version, &mqtt.ConnectPacket{ClientID: "a", User: tc.text})
			if (err == nil) != tc.ok {
				t.Errorf("version %d, user name %q: error %v, allowed: %v", version, tc.text, err, tc.ok)
			}
		}
	}
}

// Topic names must not contain # and +. Other strings may.
func TestWildcardsInText(t *testing.T) {
	for text, wildcard := range map[string]bool{
		"#": true, "+": true, "a/#": true, "a/+/b": true, "a#": true, "+a": true,
		"a": false, "a/b": false, "*": false, "$": false,
	} {
		for _, version := range []uint8{4, 5} {
			if _, err := mqtt.AppendPublish(nil, version, &mqtt.PublishPacket{Topic: text}); (err != nil) != wildcard {
				t.Errorf("version %d, topic %q: error %v, it is a wildcard: %v", version, text, err, wildcard)
			}
			conn := mqtt.ConnectPacket{ClientID: text, User: text, Will: &mqtt.Will{Topic: "t"}}
			if _, err := mqtt.AppendConnect(nil, version, &conn); err != nil {
				t.Errorf("version %d, user name %q: error %v", version, text, err)
			}
			conn.Will.Topic = text
			if _, err := mqtt.AppendConnect(nil, version, &conn); (err != nil) != wildcard {
				t.Errorf("version %d, will topic %q: error %v, it is a wildcard: %v", version, text, err, wildcard)
			}
		}
	}
}
