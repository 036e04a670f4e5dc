package mqtt_test

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

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
	p := mqtt.PublishPacket{Topic: "a/b", QoS: 1, ID: 10, Data: []byte("hello")}
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mqtt.AppendPublish(dst, 4, &p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendAck(b *testing.B) {
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mqtt.AppendAck(dst, 4, mqtt.CmdPuback, 10, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
