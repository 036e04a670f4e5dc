package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Every packet is parsed without allocating, and its properties walked.
func TestParseAllocates(t *testing.T) {
	for _, tc := range goodPackets {
		buf := pack(tc.bytes)
		var m mqtt.Message
		var p mqtt.Property
		if n := testing.AllocsPerRun(100, func() {
			if _, err := mqtt.Parse(buf, tc.version, &m); err != nil {
				t.Fatal(err)
			}
			for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
			}
		}); n != 0 {
			t.Errorf("%s: Parse allocates %v times", tc.name, n)
		}
	}
}

// Appending allocates nothing in a buffer with exactly the room, for the packets
// that a busy connection sends.
func TestAppendAllocates(t *testing.T) {
	pub := mqtt.Publish{Topic: "a/b", Data: make([]byte, 64), QoS: 1, ID: 7}
	pub5 := mqtt.Publish{Topic: "a/b", Data: make([]byte, 200), QoS: 2, ID: 7, Props: []mqtt.Property{
		{ID: mqtt.PropTopicAlias, Int: 1}, {ID: mqtt.PropContentType, Value: []byte("text")}}}
	filter := []mqtt.Filter{{Topic: "a/#", QoS: 1}}
	for _, tc := range []struct {
		name string
		size int
		fn   appendFunc
	}{
		{"PUBLISH 3.1.1", mqtt.PublishSize(4, &pub), func(b []byte) ([]byte, error) { return mqtt.AppendPublish(b, 4, &pub) }},
		{"PUBLISH 5.0", mqtt.PublishSize(5, &pub5), func(b []byte) ([]byte, error) { return mqtt.AppendPublish(b, 5, &pub5) }},
		{"PUBACK", 4, ack(4, mqtt.CmdPuback, 1, 0)},
		{"PUBREL 5.0", 5, ack(5, mqtt.CmdPubrel, 1, mqtt.ReasonPacketIDNotFound)},
		{"SUBSCRIBE", 10, func(b []byte) ([]byte, error) { return mqtt.AppendSubscribe(b, 4, 1, filter, nil) }},
		{"PINGREQ", 2, func(b []byte) ([]byte, error) { return mqtt.AppendPingreq(b), nil }},
	} {
		dst := make([]byte, 0, tc.size)
		if n := testing.AllocsPerRun(100, func() {
			got, err := tc.fn(dst)
			if err != nil || len(got) != tc.size {
				t.Fatalf("%s: %d bytes, %v", tc.name, len(got), err)
			}
		}); n != 0 {
			t.Errorf("%s: allocates %v times", tc.name, n)
		}
	}
}

func TestMatchAllocates(t *testing.T) {
	filter, topic := "a/+/c/#", []byte("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q")
	if n := testing.AllocsPerRun(100, func() {
		if !mqtt.Match(filter, topic) || !mqtt.ValidFilter(filter, 5) || !mqtt.ValidTopic(topic) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkParsePublish(b *testing.B) {
	buf := pack("32 0c 0003 'a/b' 000a 'hello'")
	var m mqtt.Message
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mqtt.Parse(buf, 4, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendPublish(b *testing.B) {
	p := mqtt.Publish{Topic: "a/b", QoS: 1, ID: 10, Data: []byte("hello")}
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mqtt.AppendPublish(dst, 4, &p); err != nil {
			b.Fatal(err)
		}
	}
}
