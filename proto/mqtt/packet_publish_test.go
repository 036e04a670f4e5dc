package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var goodPublish = []goodPacket{
	{"publish 3.1.1", 4, "30 0a 0003 'a/b' 'hello'", false,
		mqtt.Message{Topic: []byte("a/b"), Data: []byte("hello")}},
	{"publish 3.1.1 qos 1", 4, "3b 0a 0003 'a/b' 000a 'abc'", false,
		mqtt.Message{Dup: true, QoS: 1, Retain: true, ID: 10, Topic: []byte("a/b"), Data: []byte("abc")}},
	{"publish 3.1.1 empty", 4, "31 03 0001 't'", false, mqtt.Message{Retain: true, Topic: []byte("t")}},
	{"publish 5.0 qos 2", 5, "34 08 0001 't' ffff 00 'xy'", false,
		mqtt.Message{QoS: 2, ID: 0xffff, Topic: []byte("t"), Data: []byte("xy")}},
	// One byte of payload looks like a property length, which must not be left out.
	{"publish 5.0 empty", 5, "30 04 0001 't' 00", false, mqtt.Message{Topic: []byte("t")}},
	{"publish 5.0 one zero byte", 5, "30 05 0001 't' 00 00", false, mqtt.Message{Topic: []byte("t"), Data: pack("00")}},
	{"publish 5.0 one byte", 5, "30 05 0001 't' 00 05", false, mqtt.Message{Topic: []byte("t"), Data: pack("05")}},
	{"publish 5.0 qos 1 empty", 5, "32 06 0001 't' 0007 00", false, mqtt.Message{QoS: 1, ID: 7, Topic: []byte("t")}},
	{"publish 5.0 qos 1 one zero byte", 5, "32 07 0001 't' 0007 00 00", false,
		mqtt.Message{QoS: 1, ID: 7, Topic: []byte("t"), Data: pack("00")}},
	{"publish 5.0 alias", 5, "30 07 0000 03 230001 'z'", false,
		mqtt.Message{Props: pack("230001"), Data: []byte("z")}},
	{"publish 5.0 properties", 5, "30 20 0001 't' 1c 0101 0200000001 080001'r' 09000100 0b01 0bffffff7f 26 0000 0001'v'", false,
		mqtt.Message{Topic: []byte("t"), Props: pack("0101 0200000001 080001'r' 09000100 0b01 0bffffff7f 26 0000 0001'v'")}},
}

func TestParsePublish(t *testing.T) { testParse(t, goodPublish) }

var malformedPublish = []malformedPacket{
	// 3.1.1
	{"MQTT-2.3.1-1", 4, protocol, "32 05 0001 't' 0000", "PUBLISH"},
	{"MQTT-4.8.0-1", 4, malformed, "32 04 0001 't' 00", "cut identifier"},
	{"MQTT-3.3.1-2", 4, malformed, "38 03 0001 't'", "DUP at QoS 0"},
	{"MQTT-3.3.1-4", 4, malformed, "36 05 0001 't' 0001", "QoS 3"},
	{"MQTT-3.3.2-1", 4, malformed, "30 00", "no topic"},
	{"MQTT-3.3.2-1", 4, malformed, "30 03 0002 't'", "cut topic"},
	{"MQTT-3.3.2-2", 4, malformed, "30 05 0003 'a/#'", "#"},
	{"MQTT-3.3.2-2", 4, malformed, "30 05 0003 '+/a'", "+"},
	{"MQTT-4.7.3-1", 4, malformed, "30 02 0000", "empty topic"},
	// 5.0
	{"MQTT-2.2.1-3", 5, protocol, "32 06 0001 't' 0000 00", "PUBLISH identifier 0"},
	{"MQTT-3.3.1-2", 5, malformed, "38 04 0001 't' 00", "DUP at QoS 0"},
	{"MQTT-3.3.1-4", 5, malformed, "36 06 0001 't' 0001 00", "QoS 3"},
	{"MQTT-3.3.2-2", 5, malformed, "30 04 0001 '#' 00", "wildcard"},
	{"MQTT-2.2.2-1", 5, malformed, "30 03 0001 't'", "no property length at QoS 0"},
	{"MQTT-2.2.2-1", 5, malformed, "32 05 0001 't' 0007", "no property length at QoS 1"},
	{"section 2.2.2.1", 5, malformed, "30 04 0001 't' 05", "the payload of 3.1.1 as property length"},
	{"section 3.3.2.1", 5, protocol, "30 03 0000 00", "neither topic nor alias"},
}

func TestMalformedPublish(t *testing.T) { testMalformed(t, malformedPublish) }

var refusedPublish = []refusedPacket{
	{"QoS 3", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: "t", QoS: 3, ID: 1})},
	{"QoS 8", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: "t", QoS: 8, ID: 1})},
	{"wildcard", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: "a/#"})},
	{"empty topic", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{})},
	{"ill-formed topic", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "\xff"})},
	{"DUP at QoS 0", mqtt.CmdPublish, publish(5, mqtt.PublishPacket{Topic: "t", Dup: true})},
	{"no identifier", mqtt.CmdPublish, publish(4, mqtt.PublishPacket{Topic: "t", QoS: 1})},
}

func TestAppendRefusesInvalidPublish(t *testing.T) { testRefused(t, refusedPublish) }

// PublishSize is the size of the packet that AppendPublish appends. The sizes cover all lengths
// of the Remaining Length.
func TestPublishSize(t *testing.T) {
	ps := []mqtt.Property{{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")}, {ID: mqtt.PropTopicAlias, Int: 7}}
	for _, n := range []int{0, 1, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16370, 16379, 16380, 16384, 2097140, 2097150} {
		for _, p := range []mqtt.PublishPacket{
			{Topic: "t", Data: make([]byte, n)},
			{Topic: "t", Data: make([]byte, n), QoS: 1, ID: 9},
		} {
			for _, version := range []uint8{0, 4, 5} {
				if version == 5 {
					p.Props = ps
				}
				buf, err := mqtt.AppendPublish(nil, version, &p)
				if err != nil {
					t.Fatal(err)
				}
				if size := mqtt.PublishSize(version, &p); size != len(buf) {
					t.Errorf("version %d, %d bytes of data: PublishSize is %d, the packet has %d bytes", version, n, size, len(buf))
				}
				if m := mustParse(t, buf, version); len(m.Data) != n || m.QoS != p.QoS || m.ID != p.ID {
					t.Errorf("version %d, %d bytes of data: parsed with %d bytes", version, n, len(m.Data))
				}
			}
		}
	}
}
