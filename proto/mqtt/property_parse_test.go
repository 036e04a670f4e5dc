package mqtt_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var malformedProperties = []malformedPacket{
	{"MQTT-1.5.5-1", 5, malformed, "30 05 0001 't' 8000", "property length"},
	{"MQTT-1.5.5-1", 5, malformed, "30 07 0001 't' 03 0b8100", "subscription identifier"},
	{"section 1.5.5", 5, malformed, "30 08 0001 't' ffffffff01", "five bytes of property length"},
	{"MQTT-1.5.4-1", 5, malformed, "30 0a 0001 't' 06 26 0001 ff 0000", "1.5.7-1: key of a pair"},
	{"MQTT-1.5.4-2", 5, malformed, "30 0a 0001 't' 06 26 0000 0001 00", "1.5.7-1: value of a pair"},
	{"MQTT-2.2.2-1", 5, malformed, "30 03 0001 't'", "no property length"},
	{"MQTT-2.2.2-1", 5, malformed, "30 04 0001 't' 80", "cut property length"},
	{"section 2.2.2.1", 5, malformed, "30 05 0001 't' 02 01", "property length too large"},
	{"section 2.2.2.2", 5, malformed, "30 05 0001 't' 01 01", "cut property"},
	{"section 2.2.2.2", 5, malformed, "30 08 0001 't' 04 03 0002 'x'", "cut string property"},
	{"section 2.2.2.2", 5, malformed, "30 08 0001 't' 04 26 0000 00", "cut pair"},
	{"section 2.2.2.2", 5, malformed, "30 0a 0001 't' 06 0bffffffff01", "long subscription identifier"},
	{"section 2.2.2.2", 5, malformed, "30 06 0001 't' 02 0400", "property 4"},
	{"section 2.2.2.2", 5, malformed, "30 06 0001 't' 02 ff00", "property 255"},
	{"section 2.2.2.2", 5, malformed, "30 07 0001 't' 03 21 0001", "Receive Maximum in PUBLISH"},
	{"section 2.2.2.2", 5, malformed, "62 06 0001 00 02 0101", "Payload Format Indicator in PUBREL"},
	{"section 2.2.2.2", 5, malformed, "10 12 0004 'MQTT' 05 00 0000 05 1800000000 0000", "Will Delay Interval outside the will"},
	{"section 2.2.2.2", 5, malformed, "10 18 0004 'MQTT' 05 04 0000 00 0000 05 1100000000 0001 't' 0000", "Session Expiry Interval in the will"},
	{"section 2.2.2.2", 5, malformed, "82 09 0001 02 0101 0001 'a' 00", "Payload Format Indicator in SUBSCRIBE"},
	{"section 2.2.2.2", 5, malformed, "a2 08 0001 02 0b01 0001 'a'", "Subscription Identifier in UNSUBSCRIBE"},
	{"section 3.1.2.11.2", 5, protocol, "10 17 0004 'MQTT' 05 00 0000 0a 1100000001 1100000001 0000", "Session Expiry Interval twice"},
	{"section 3.1.2.11.3", 5, protocol, "10 10 0004 'MQTT' 05 00 0000 03 210000 0000", "Receive Maximum 0"},
	{"section 3.1.2.11.4", 5, protocol, "10 12 0004 'MQTT' 05 00 0000 05 2700000000 0000", "Maximum Packet Size 0"},
	{"section 3.1.2.11.6", 5, protocol, "10 0f 0004 'MQTT' 05 00 0000 02 1902 0000", "Request Response Information 2"},
	{"section 3.1.2.11.7", 5, protocol, "10 0f 0004 'MQTT' 05 00 0000 02 1702 0000", "Request Problem Information 2"},
	{"section 3.2.2.3.4", 5, protocol, "20 05 00 00 02 2402", "Maximum QoS 2"},
	{"MQTT-3.3.2-8", 5, mqtt.ReasonTopicAliasInvalid, "30 06 0000 03 230000", "Topic Alias 0"},
	{"MQTT-3.3.2-14", 5, protocol, "30 08 0001 't' 04 08 0001 '+'", "Response Topic wildcard"},
	{"MQTT-4.7.3-1", 5, protocol, "30 07 0001 't' 03 08 0000", "Response Topic empty"},
	{"MQTT-1.5.4-1", 5, malformed, "30 08 0001 't' 04 03 0001 ff", "3.3.2-19: Content Type"},
	{"section 3.3.2.3.2", 5, protocol, "30 06 0001 't' 02 0102", "Payload Format Indicator 2"},
	{"section 3.3.2.3.4", 5, protocol, "30 0a 0001 't' 06 230001 230001", "Topic Alias twice"},
	{"section 3.8.2.1.2", 5, protocol, "30 06 0001 't' 02 0b00", "Subscription Identifier 0"},
	{"section 3.2.2.3.9", 5, protocol, "40 0a 0001 00 06 1f0000 1f0000", "Reason String twice"},
	{"section 3.8.2.1.2", 5, protocol, "82 0b 0001 04 0b01 0b02 0001 'a' 00", "Subscription Identifier twice"},
}

func TestMalformedProperties(t *testing.T) { testMalformed(t, malformedProperties) }

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
			t.Errorf("NextProp at offset %d returns %d, want 0", ofs, n)
		}
	}
}
