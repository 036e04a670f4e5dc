package broker

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// parse appends p as a packet and parses it.
func parse(t *testing.T, version uint8, p mqtt.PublishPacket) (m mqtt.Message, packet []byte) {
	t.Helper()
	packet, err := mqtt.AppendPublish(nil, version, &p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mqtt.Parse(packet, version, &m); err != nil {
		t.Fatal(err)
	}
	return m, packet
}

func TestMessageIsACopy(t *testing.T) {
	m, packet := parse(t, 5, mqtt.PublishPacket{Topic: "a/b", Data: []byte("data"), QoS: 2, ID: 7, Retain: true, Props: []mqtt.Property{
		{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")},
	}})
	msg := newMessage(&m, noon)
	clear(packet)
	if msg.topic != "a/b" || string(msg.data) != "data" || msg.qos != 2 || !msg.retain {
		t.Errorf("got %+v", msg)
	}
	if n := msg.size(); n != 2*overhead+len("a/b"+"data"+"k"+"v") {
		t.Errorf("it counts %d bytes", n)
	}
	if p := msg.appendProps(nil, noon); len(p) != 1 || string(p[0].Key) != "k" || string(p[0].Value) != "v" {
		t.Errorf("properties %v", p)
	}
}

func TestMessagePassesOnProperties(t *testing.T) {
	kept := []mqtt.Property{
		{ID: mqtt.PropPayloadFormatIndicator, Int: 1},
		{ID: mqtt.PropUserProperty, Key: []byte("b"), Value: []byte("1")},
		{ID: mqtt.PropContentType, Value: []byte("text/plain")},
		{ID: mqtt.PropResponseTopic, Value: []byte("re")},
		{ID: mqtt.PropCorrelationData, Value: []byte{0, 1}},
		{ID: mqtt.PropUserProperty, Key: []byte("a"), Value: []byte("2")},
		{ID: mqtt.PropUserProperty, Key: []byte("b"), Value: []byte("1")},
	}
	m, _ := parse(t, 5, mqtt.PublishPacket{Topic: "a", Props: slices.Concat(kept, []mqtt.Property{
		{ID: mqtt.PropTopicAlias, Int: 3},
		{ID: mqtt.PropMessageExpiryInterval, Int: 10},
	})})
	msg := newMessage(&m, noon)
	same := func(a, b mqtt.Property) bool {
		return a.ID == b.ID && a.Int == b.Int && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
	}
	for range 2 { // the second call must not see changes of the first
		got := msg.appendProps(nil, noon.Add(3500*time.Millisecond))
		want := append(slices.Clip(kept), mqtt.Property{ID: mqtt.PropMessageExpiryInterval, Int: 7})
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	}
}

func TestMessageExpiry(t *testing.T) {
	for _, tc := range []struct {
		interval int64 // -1: none
		after    time.Duration
		expired  bool
		left     uint32
	}{
		{-1, 1000 * time.Hour, false, 0},
		{10, 0, false, 10},
		{10, time.Nanosecond, false, 10},
		{10, time.Second, false, 9},
		{10, 10*time.Second - 1, false, 1},
		{10, 10 * time.Second, true, 0},
		{0, 0, true, 0},
		{math.MaxUint32, time.Second, false, math.MaxUint32 - 1},
	} {
		t.Run(fmt.Sprint(tc.interval, " after ", tc.after), func(t *testing.T) {
			var props []mqtt.Property
			if tc.interval >= 0 {
				props = []mqtt.Property{{ID: mqtt.PropMessageExpiryInterval, Int: uint32(tc.interval)}}
			}
			for kind, msg := range map[string]*message{
				"will": newWill(&mqtt.Will{Topic: "a", Props: props}).published(noon),
				"publish": func() *message {
					m, _ := parse(t, 5, mqtt.PublishPacket{Topic: "a", Props: props})
					return newMessage(&m, noon)
				}(),
			} {
				now := noon.Add(tc.after)
				if got := msg.expired(now); got != tc.expired {
					t.Errorf("%s: expired = %v", kind, got)
				}
				if tc.expired {
					continue
				}
				got := msg.appendProps(nil, now)
				if len(got) != len(props) || len(got) == 1 && got[0].Int != tc.left {
					t.Errorf("%s: properties %v, want %d seconds left", kind, got, tc.left)
				}
			}
		})
	}
}

func TestWillDelayIsNotPassedOn(t *testing.T) {
	will := newWill(&mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: 1, Retain: true, Props: []mqtt.Property{
		{ID: mqtt.PropWillDelayInterval, Int: 5}, {ID: mqtt.PropContentType, Value: []byte("x")},
	}})
	msg := will.published(noon)
	if p := msg.appendProps(nil, noon); len(p) != 1 || p[0].ID != mqtt.PropContentType {
		t.Errorf("properties %v", p)
	}
	if msg.topic != "w" || string(msg.data) != "bye" || msg.qos != 1 || !msg.retain {
		t.Errorf("got %+v", msg)
	}
	if newWill(nil) != nil {
		t.Error("newWill(nil) is not nil")
	}
}
