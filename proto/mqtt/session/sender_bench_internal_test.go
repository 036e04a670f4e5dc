package session

import (
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// BenchmarkSender publishes one message and takes it through its exchange to its outcome.
func BenchmarkSender(b *testing.B) {
	for qos := range uint8(3) {
		for _, durable := range []bool{false, true} {
			b.Run(fmt.Sprintf("QoS%d/64B/durable=%v", qos, durable), func(b *testing.B) {
				l := newSenderLoop(5, qos, 64, durable)
				b.ReportAllocs()
				for b.Loop() {
					l.turn(b)
				}
			})
		}
	}
	b.Run("QoS0/64B/direct", func(b *testing.B) {
		l := newSenderLoop(5, 0, 64, false)
		b.ReportAllocs()
		for b.Loop() {
			l.direct(b)
		}
	})
}

// BenchmarkSenderWindow keeps 64 messages of QoS 1 in flight, and acknowledges them in their order
// or the newest first.
func BenchmarkSenderWindow(b *testing.B) {
	for _, order := range []string{"in order", "newest first"} {
		b.Run(order, func(b *testing.B) {
			s := newSender(4, &packetid.Pool{}, &journal{}, Queue{}, 64)
			caps := mqtt.NewCapabilities(4)
			s.up(senderTime, false, &caps)
			m := Message{Topic: "sensors/7/temperature", Data: make([]byte, 64), QoS: 1}
			buf := make([]byte, 0, 1<<16)
			answer := mqtt.Message{Cmd: mqtt.CmdPuback, Version: 4}
			b.ReportAllocs()
			for b.Loop() {
				for s.pending() < 64 {
					s.publish(senderTime, &m)
				}
				s.append(senderTime, buf, 1<<16)
				r := s.inflight.first
				if order == "newest first" {
					r = s.inflight.last
				}
				answer.ID = r.id
				s.receive(senderTime, &answer)
				s.outcome()
			}
		})
	}
}

// BenchmarkSenderQueued publishes into a queue that is full and drops the oldest message.
func BenchmarkSenderQueued(b *testing.B) {
	s := newSender(4, &packetid.Pool{}, &journal{}, Queue{Full: DropOldest}, 0)
	m := Message{Topic: "sensors/7/temperature", Data: make([]byte, 64), QoS: 1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.publish(senderTime, &m); err != nil {
			b.Fatal(err)
		}
		s.outcome()
	}
}
