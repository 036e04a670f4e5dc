//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
	paho "github.com/eclipse/paho.mqtt.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// These benchmarks parse and append a PUBLISH of QoS 1 and a PUBACK. Each library is used as its
// own client or server uses it: paho and paho.golang read from an io.Reader and write to an
// io.Writer, mochi reads the fixed header and copies the rest. paho and rikki use 3.1.1,
// paho.golang 5.0.

const packetTopic = "sensors/kitchen/temperature"

// packetLibrary parses and appends. Parse returns the payload.
type packetLibrary struct {
	name    string
	version uint8
	parse   func() func(packet []byte) (payload []byte, err error)
	publish func() func(payload []byte) (int, error)
}

var packetLibraries = []packetLibrary{
	{"rikki", 4, func() func([]byte) ([]byte, error) { return parseRikki(4) }, func() func([]byte) (int, error) { return publishRikki(4) }},
	{"rikki-v5", 5, func() func([]byte) ([]byte, error) { return parseRikki(5) }, func() func([]byte) (int, error) { return publishRikki(5) }},
	{"mochi", 4, parseMochi, publishMochi},
	{"paho", 4, parsePaho, publishPaho},
	{"paho.golang", 5, parsePaho5, publishPaho5},
}

func publishPacket(version uint8, size int) []byte {
	p := mqtt.PublishPacket{Topic: packetTopic, QoS: 1, ID: 10, Data: make([]byte, size)}
	packet, err := mqtt.AppendPublish(nil, version, &p)
	if err != nil {
		panic(err)
	}
	return packet
}

// TestPacketLibraries verifies that all libraries parse and append the same packet.
func TestPacketLibraries(t *testing.T) {
	for _, lib := range packetLibraries {
		for _, size := range []int{64, 16 << 10} {
			packet := publishPacket(lib.version, size)
			payload, err := lib.parse()(packet)
			if err != nil || !bytes.Equal(payload, make([]byte, size)) {
				t.Errorf("%s: parse: %d bytes, %v", lib.name, len(payload), err)
			}
			if n, err := lib.publish()(make([]byte, size)); err != nil || n != len(packet) {
				t.Errorf("%s: append: %d bytes, %v, want %d", lib.name, n, err, len(packet))
			}
		}
	}
}

func BenchmarkParsePublish(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		for _, lib := range packetLibraries {
			b.Run(fmt.Sprintf("%d/%s", size, lib.name), func(b *testing.B) {
				packet, parse := publishPacket(lib.version, size), lib.parse()
				b.ReportAllocs()
				for b.Loop() {
					if p, err := parse(packet); err != nil || len(p) != size {
						b.Fatal(len(p), err)
					}
				}
			})
		}
	}
}

func BenchmarkAppendPublish(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		for _, lib := range packetLibraries {
			b.Run(fmt.Sprintf("%d/%s", size, lib.name), func(b *testing.B) {
				payload, publish := make([]byte, size), lib.publish()
				b.ReportAllocs()
				for b.Loop() {
					if n, err := publish(payload); err != nil || n < size {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}

func parseRikki(version uint8) func([]byte) ([]byte, error) {
	var m mqtt.Message
	return func(packet []byte) ([]byte, error) {
		_, err := mqtt.Parse(packet, version, &m)
		return m.Data, err
	}
}

func publishRikki(version uint8) func([]byte) (int, error) {
	p := mqtt.PublishPacket{Topic: packetTopic, QoS: 1, ID: 10}
	var dst []byte
	return func(payload []byte) (n int, err error) {
		p.Data = payload
		dst, err = mqtt.AppendPublish(dst[:0], version, &p)
		return len(dst), err
	}
}

func parseMochi() func([]byte) ([]byte, error) {
	in := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(in, 2048) // as ClientNetReadBufferSize
	return func(packet []byte) ([]byte, error) {
		in.Reset(packet)
		buffered.Reset(in)
		pk := mochi.Packet{ProtocolVersion: 4}
		first, err := buffered.ReadByte()
		if err != nil {
			return nil, err
		}
		if err := pk.FixedHeader.Decode(first); err != nil {
			return nil, err
		}
		if pk.FixedHeader.Remaining, _, err = mochi.DecodeLength(buffered); err != nil {
			return nil, err
		}
		body := make([]byte, pk.FixedHeader.Remaining)
		if _, err := io.ReadFull(buffered, body); err != nil {
			return nil, err
		}
		err = pk.PublishDecode(append([]byte{}, body...)) // Client.ReadPacket copies too
		return pk.Payload, err
	}
}

func publishMochi() func([]byte) (int, error) {
	var out bytes.Buffer
	return func(payload []byte) (int, error) {
		pk := mochi.Packet{
			ProtocolVersion: 4, TopicName: packetTopic, PacketID: 10, Payload: payload,
			FixedHeader: mochi.FixedHeader{Type: mochi.Publish, Qos: 1},
		}
		out.Reset()
		err := pk.PublishEncode(&out)
		return out.Len(), err
	}
}

func parsePaho() func([]byte) ([]byte, error) {
	in := bytes.NewReader(nil)
	return func(packet []byte) ([]byte, error) {
		in.Reset(packet)
		p, err := paho.ReadPacket(in)
		if err != nil {
			return nil, err
		}
		return p.(*paho.PublishPacket).Payload, nil
	}
}

func publishPaho() func([]byte) (int, error) {
	var out bytes.Buffer
	return func(payload []byte) (int, error) {
		p := paho.NewControlPacket(paho.Publish).(*paho.PublishPacket)
		p.TopicName, p.Qos, p.MessageID, p.Payload = packetTopic, 1, 10, payload
		out.Reset()
		err := p.Write(&out)
		return out.Len(), err
	}
}

func parsePaho5() func([]byte) ([]byte, error) {
	in := bytes.NewReader(nil)
	return func(packet []byte) ([]byte, error) {
		in.Reset(packet)
		p, err := paho5.ReadPacket(in)
		if err != nil {
			return nil, err
		}
		return p.Content.(*paho5.Publish).Payload, nil
	}
}

func publishPaho5() func([]byte) (int, error) {
	var out bytes.Buffer
	return func(payload []byte) (int, error) {
		p := paho5.Publish{Topic: packetTopic, QoS: 1, PacketID: 10, Payload: payload, Properties: &paho5.Properties{}}
		out.Reset()
		n, err := p.WriteTo(&out)
		return int(n), err
	}
}
