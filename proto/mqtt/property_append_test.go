package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Each type of property has the encoding of 5.0 section 2.2.2.2. The fields of Property that the
// type does not use are ignored.
func TestAppendedProperties(t *testing.T) {
	for _, tc := range []struct {
		prop mqtt.Property
		want string
	}{
		{mqtt.Property{ID: mqtt.PropPayloadFormatIndicator, Int: 1}, "01 01"},
		{mqtt.Property{ID: mqtt.PropTopicAlias, Int: 65535}, "23 ffff"},
		{mqtt.Property{ID: mqtt.PropMessageExpiryInterval, Int: 1<<32 - 1}, "02 ffffffff"},
		{mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: 127}, "0b 7f"},
		{mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: 128}, "0b 8001"},
		{mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: 1<<28 - 1}, "0b ffffff7f"},
		{mqtt.Property{ID: mqtt.PropContentType}, "03 0000"},
		{mqtt.Property{ID: mqtt.PropContentType, Value: []byte("x"), Key: []byte("ignored"), Int: 7}, "03 0001 'x'"},
		{mqtt.Property{ID: mqtt.PropCorrelationData, Value: []byte{0, 0xff}}, "09 0002 00ff"},
		{mqtt.Property{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}, "26 0001 'k' 0001 'v'"},
	} {
		want := pack(tc.want)
		want = append([]byte{byte(mqtt.CmdPublish) << 4, byte(4 + len(want)), 0, 1, 't', byte(len(want))}, want...)
		p := mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{tc.prop}}
		if got, err := mqtt.AppendPublish(nil, 5, &p); err != nil || string(got) != string(want) {
			t.Errorf("%+v: got % x, error %v, want % x", tc.prop, got, err, want)
		}
	}
	// A packet without properties has a property length of 0 in 5.0.
	if got, err := mqtt.AppendPublish(nil, 5, &mqtt.PublishPacket{Topic: "t"}); err != nil || string(got) != string(pack("30 04 0001 't' 00")) {
		t.Errorf("no properties: got % x, error %v", got, err)
	}
}

var refusedProperties = []refusedPacket{
	{"properties in 3.1.1", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}})},
	{"byte property 256", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropPayloadFormatIndicator, Int: 256}}})},
	{"two byte property 65537", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 65537}}})},
	{"variable byte property 2^28", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: 1 << 28}}})},
	{"string property too long", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte(tooLong)}}})},
	{"key too long", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte(tooLong)}}})},
	{"no such property", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{ID: 4}}})},
	{"no property at all", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Props: []mqtt.Property{{}}})},
	{"will properties in 3.1.1", mqtt.CmdConnect, connect(4, mqtt.ConnectPacket{ClientID: "a", Will: &mqtt.Will{Topic: "t", Props: []mqtt.Property{{ID: mqtt.PropWillDelayInterval}}}})},
	{"wrong property", mqtt.CmdPuback, ack(5, mqtt.CmdPuback, 1, 0, mqtt.Property{ID: mqtt.PropTopicAlias, Int: 1})},
}

func TestAppendRefusesInvalidProperties(t *testing.T) { testRefused(t, refusedProperties) }
