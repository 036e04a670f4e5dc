package broker

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestExpiry(t *testing.T) {
	h := newFixture(t)
	expires := func(p *mqtt.PublishPacket) {
		p.Props = []mqtt.Property{{ID: mqtt.PropMessageExpiryInterval, Int: 10}}
	}
	one := withProps(mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
	play(h, "tcp", []step{
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
		{"b", publish(5, 1, "t", "x", retain, expires), "b: PUBACK"},
		{"mute", connect(5, "m", one), "mute: CONNACK 0x0"},
		{"mute", subscribe(5, 1, filter("t", 1)), "mute: SUBACK 1 01, PUBLISH q1 retain t=x"},
		{"b", publish(5, 1, "t", "late", expires), "b: PUBACK"}, // in the queue: the window is full
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
	})
	h.clock.Advance(4 * time.Second)
	play(h, "tcp", []step{{"a", subscribe(5, 1, filter("t", 0)), "a: SUBACK 1 00, PUBLISH q0 retain t=x"}})
	var p mqtt.Property
	if m := &h.peers["a"].lastPublish; m.NextProp(&p, 0) == 0 || p.ID != mqtt.PropMessageExpiryInterval || p.Int != 6 {
		t.Errorf("after 4 of 10 seconds: %v %d", p.ID, p.Int)
	}
	h.clock.Advance(6 * time.Second)
	play(h, "tcp", []step{
		{"a", subscribe(5, 2, filter("t", 0)), "a: SUBACK 2 00"},
		{"mute", ack(5, mqtt.CmdPuback, 1, 0), ""},
		{"b", publish(5, 1, "t", "y"), "a: PUBLISH q0 t=y; b: PUBACK; mute: PUBLISH q1 t=y"}, // the window is free
	})
}

// TestConnackProperties reads the properties of the CONNACK in 5.0.
func TestConnackProperties(t *testing.T) {
	const keepAlive = "Server Keep Alive=3600 "
	always := fmt.Sprintf("Receive Maximum=1000 Topic Alias Maximum=16 Maximum Packet Size=%d ", MaxPacket)
	for _, tc := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"plain", connect(5, "a"), keepAlive + always},
		{"no identifier", connect(5, ""), keepAlive + "Assigned Client Identifier=0 " + always},
		{"session expiry 0", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval})), keepAlive + always},
		{"session expiry", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: 60})), keepAlive + always},
		{"session expiry of the limit", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: 86400})), keepAlive + always},
		{"longer session expiry", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: 86401})),
			"Session Expiry Interval=86400 " + keepAlive + always},
		{"no session expiry", connect(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: math.MaxUint32})),
			"Session Expiry Interval=86400 " + keepAlive + always},
		{"3.1.1", connect(4, ""), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newFixture(t)
			play(h, "tcp", []step{{"a", tc.packet, "a: CONNACK 0x0"}})
			got := ""
			var p mqtt.Property
			m := &h.peers["a"].connack
			for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
				got += fmt.Sprintf("%v=%d ", p.ID, p.Int)
				if p.ID == mqtt.PropAssignedClientIdentifier && h.b.sessions[string(p.Value)] == nil {
					t.Errorf("no client has the identifier %q", p.Value)
				}
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestPropertiesArrive publishes a message with properties to a client with 5.0.
func TestPropertiesArrive(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter("t", 0)), "a: SUBACK 1 00"},
		{"a", publish(5, 0, "t", "x", func(p *mqtt.PublishPacket) {
			p.Props = []mqtt.Property{
				{ID: mqtt.PropUserProperty, Key: []byte("k"), Value: []byte("v")},
				{ID: mqtt.PropResponseTopic, Value: []byte("re")},
			}
		}), "a: PUBLISH q0 t=x"},
	})
	want := []byte("\x26\x00\x01k\x00\x01v\x08\x00\x02re")
	if got := h.peers["a"].lastPublish.Props; !bytes.Equal(got, want) {
		t.Errorf("got properties %x, want %x", got, want)
	}
}
