package session

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Hour: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 2*time.Second - 1: 2,
		maxExpiry - 1: math.MaxUint32, maxExpiry: math.MaxUint32, math.MaxInt64: math.MaxUint32,
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) is %d, want %d", d, got, want)
		}
	}
}

// The offsets are right for each length of the Remaining Length and of the properties.
func TestSenderOffsets(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		for qos := range uint8(3) {
			for _, size := range []int{0, 1, 100, 127, 128, 16000, 20000, 2 << 20, 3 << 20} {
				for _, topic := range []string{"a", string(make([]byte, 0)) + "abc/def", longTopic} {
					for _, user := range []int{0, 100, 120, 17000} {
						checkOffsets(t, version, qos, size, topic, user)
					}
				}
			}
		}
	}
}

var longTopic = func() string {
	b := make([]byte, 65535)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}()

func checkOffsets(t *testing.T, version, qos uint8, size int, topic string, user int) {
	t.Helper()
	m := &Message{Topic: topic, Data: make([]byte, size), QoS: qos, Retain: size%2 > 0, Expiry: 100 * time.Second}
	if version == 5 && user > 0 {
		m.Props = []mqtt.Property{{ID: mqtt.PropUserProperty, Key: make([]byte, 0), Value: []byte(longTopic[:user])}}
	} else if user > 0 {
		return
	}
	s := newSenderBench(t, version, Queue{}, 0, nil)
	s.run("up")
	if _, err := s.s.publish(s.now, m); err != nil {
		t.Fatal(err)
	}
	checkMessage(t, s.s, m)
	s.now = s.now.Add(90 * time.Second)
	out := s.s.append(s.now, nil, 1)
	var got mqtt.Message
	if n, err := mqtt.Parse(out, version, &got); err != nil || n != len(out) {
		t.Fatalf("version %d, QoS %d, %d bytes, topic %d, user %d: %v", version, qos, size, len(topic), user, err)
	}
	if string(got.Topic) != topic || len(got.Data) != size || (got.ID != 0) != (qos > 0) || got.ID > 1 {
		t.Fatalf("version %d, QoS %d, %d bytes, topic %d: topic or identifier %d is wrong", version, qos, size, len(topic), got.ID)
	}
	var p mqtt.Property
	if ofs := got.NextProp(&p, 0); version == 5 && (ofs == 0 || p.ID != mqtt.PropMessageExpiryInterval || p.Int != 10) {
		t.Fatalf("the first property is %+v", p)
	}
	if ofs := got.NextProp(&p, got.NextProp(&p, 0)); (user > 0) != (ofs > 0 && len(p.Value) == user) {
		t.Fatalf("the second property is %+v", p)
	}
}

// checkMessage checks that an outcome has the same Message as mqtt.Parse of the packet.
func checkMessage(t *testing.T, s *sender, m *Message) {
	t.Helper()
	r := s.queue.oldest()
	if m.QoS > 0 {
		r = s.inflight.first
	}
	var got, want mqtt.Message
	if _, err := mqtt.Parse(r.packet, s.version, &want); err != nil {
		t.Fatal(err)
	}
	r.message(s.version, &got)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("version %d, QoS %d, %d bytes, topic %d: the message differs", s.version, m.QoS, len(m.Data), len(m.Topic))
	}
	if cap(got.Dgram) != len(got.Dgram) || cap(got.Topic) != len(got.Topic) || cap(got.Props) != len(got.Props) {
		t.Fatal("a slice of the message has spare capacity")
	}
}

// Expiry has limits: 0 and very large values do not expire.
func TestSenderExpiryRange(t *testing.T) {
	for d, want := range map[time.Duration]bool{0: false, 1: true, maxExpiry: true, maxExpiry + 1: false, Forever: false} {
		b := newSenderBench(t, 5, Queue{}, 0, newSenderStore())
		if _, err := b.s.publish(b.now, &Message{Topic: "a", QoS: 1, Expiry: d}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if next := b.s.next(); !next.IsZero() != want || want && !next.Equal(b.now.Add(d)) {
				t.Errorf("Expiry %v: next is %v", d, next)
			}
			b.run("restart")
		}
	}
}
