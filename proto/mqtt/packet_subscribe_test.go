package mqtt_test

import (
	"reflect"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodSubscribe = []goodPacket{
	{"subscribe 3.1.1", 4, "82 0e 000a 0003 'a/b' 01 0003 'c/#' 02", false,
		mqtt.Message{ID: 10, Data: pack("0003 'a/b' 01 0003 'c/#' 02")}},
	{"subscribe 3.1.1 $share is plain", 4, "82 0c 0001 0007 '$share/' 00", false,
		mqtt.Message{ID: 1, Data: pack("0007 '$share/' 00")}},
	{"subscribe 5.0", 5, "82 0a 000a 03 0b ff01 0001 '+' 2e", false,
		mqtt.Message{ID: 10, Props: pack("0b ff01"), Data: pack("0001 '+' 2e")}},
	{"subscribe 5.0 shared", 5, "82 10 0001 00 000a '$share/g/#' 01", false,
		mqtt.Message{ID: 1, Data: pack("000a '$share/g/#' 01")}},
	{"unsubscribe 3.1.1", 4, "a2 0a 000a 0003 'a/b' 0001 '#'", false,
		mqtt.Message{ID: 10, Data: pack("0003 'a/b' 0001 '#'")}},
	{"unsubscribe 5.0", 5, "a2 0d 000a 07 26 0001'k' 0001'v' 0001 'a'", false,
		mqtt.Message{ID: 10, Props: pack("26 0001'k' 0001'v'"), Data: pack("0001 'a'")}},
}

func TestParseSubscribe(t *testing.T) { testParse(t, goodSubscribe) }

var malformedSubscribe = []malformedPacket{
	// 3.1.1
	{"MQTT-2.3.1-1", 4, protocol, "82 06 0000 0001 'a' 00", "SUBSCRIBE"},
	{"MQTT-2.3.1-1", 4, protocol, "a2 05 0000 0001 'a'", "UNSUBSCRIBE"},
	{"MQTT-3.8.3-1", 4, malformed, "82 05 0001 0002 'a'", "cut filter"},
	{"section 3.8.3", 4, malformed, "82 05 0001 0001 'a'", "no QoS"},
	{"MQTT-3.8.3-3", 4, protocol, "82 02 0001", "no filter"},
	{"MQTT-3-8.3-4", 4, malformed, "82 06 0001 0001 'a' 03", "QoS 3"},
	{"MQTT-3-8.3-4", 4, malformed, "82 06 0001 0001 'a' 04", "reserved bits"},
	{"MQTT-4.7.1-2", 4, malformed, "82 08 0001 0003 '#/a' 00", "# not last"},
	{"MQTT-4.7.1-2", 4, malformed, "82 07 0001 0002 'a#' 00", "# within a level"},
	{"MQTT-4.7.1-3", 4, malformed, "82 07 0001 0002 'a+' 00", "+ within a level"},
	{"MQTT-4.7.3-1", 4, malformed, "82 05 0001 0000 00", "empty filter"},
	{"MQTT-3.10.3-1", 4, malformed, "a2 04 0001 0001", "cut filter"},
	{"MQTT-3.10.3-2", 4, protocol, "a2 02 0001", "no filter"},
	// 5.0
	{"MQTT-2.2.1-3", 5, protocol, "82 07 0000 00 0001 'a' 00", "SUBSCRIBE identifier 0"},
	{"MQTT-2.2.1-3", 5, protocol, "a2 06 0000 00 0001 'a'", "UNSUBSCRIBE identifier 0"},
	{"MQTT-3.8.3-2", 5, protocol, "82 03 0001 00", "no filter"},
	{"MQTT-3.8.3-4", 5, protocol, "82 10 0001 00 000a '$share/g/a' 04", "No Local on a shared subscription"},
	{"MQTT-3.8.3-5", 5, malformed, "82 07 0001 00 0001 'a' 40", "reserved bits"},
	{"section 3.8.3.1", 5, protocol, "82 07 0001 00 0001 'a' 03", "QoS 3"},
	{"section 3.8.3.1", 5, protocol, "82 07 0001 00 0001 'a' 30", "Retain Handling 3"},
	{"section 3.8.3.1", 5, malformed, "82 06 0001 00 0001 'a'", "no options"},
	{"MQTT-4.7.1-1", 5, malformed, "82 09 0001 00 0003 'a#/' 00", "# within a level"},
	{"MQTT-4.7.1-2", 5, malformed, "82 08 0001 00 0002 '+a' 00", "+ within a level"},
	{"MQTT-4.8.2-2", 5, malformed, "82 0e 0001 00 0008 '$share/g' 00", "no filter behind the share name"},
	{"MQTT-4.8.2-1", 5, malformed, "82 0f 0001 00 0009 '$share//a' 00", "empty share name"},
	{"MQTT-4.8.2-2", 5, malformed, "82 10 0001 00 000a '$share/+/a' 00", "wildcard in the share name"},
	{"MQTT-3.10.3-2", 5, protocol, "a2 03 0001 00", "no filter"},
}

func TestMalformedSubscribe(t *testing.T) { testMalformed(t, malformedSubscribe) }

var refusedSubscribe = []refusedPacket{
	{"maximum QoS 4", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "a", QoS: 4})},
	{"Retain Handling 4", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "a", RetainHandling: 4})},
	{"no filters", mqtt.CmdSubscribe, subscribe(4, 1)},
	{"QoS 3", mqtt.CmdSubscribe, subscribe(4, 1, mqtt.Filter{Topic: "a", QoS: 3})},
	{"No Local in 3.1.1", mqtt.CmdSubscribe, subscribe(4, 1, mqtt.Filter{Topic: "a", NoLocal: true})},
	{"No Local, shared", mqtt.CmdSubscribe, subscribe(5, 1, mqtt.Filter{Topic: "$share/g/a", NoLocal: true})},
	{"no filters", mqtt.CmdUnsubscribe, func(dst []byte) ([]byte, error) { return mqtt.AppendUnsubscribe(dst, 5, 1, nil, nil) }},
}

func TestAppendRefusesInvalidSubscribe(t *testing.T) { testRefused(t, refusedSubscribe) }

func TestNextFilter(t *testing.T) {
	m := mustParse(t, pack("82 0e 000a 0003 'a/b' 01 0003 'c/#' 02"), 4)
	want := []mqtt.Filter{{Topic: "a/b", QoS: 1}, {Topic: "c/#", QoS: 2}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	m = mustParse(t, pack("82 0b 000a 00 0001 'a' 2e 0001 'b' 11"), 5)
	want = []mqtt.Filter{
		{Topic: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
		{Topic: "b", QoS: 1, RetainHandling: 1}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	m = mustParse(t, pack("a2 0a 000a 0003 'a/b' 0001 '#'"), 4)
	want = []mqtt.Filter{{Topic: "a/b"}, {Topic: "#"}}
	if got := filters(&m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	m = mustParse(t, pack("30 03 0001 't'"), 4)
	if got := filters(&m); got != nil {
		t.Errorf("filters of a PUBLISH: %+v, want none", got)
	}
}
