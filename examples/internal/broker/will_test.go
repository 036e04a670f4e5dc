package broker

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestWill(t *testing.T) {
	will := func(v uint8, qos uint8, retain bool) []byte {
		return connect(v, "b", func(p *mqtt.ConnectPacket) {
			p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: qos, Retain: retain}
		})
	}
	setup := func(v uint8, connect []byte) []step {
		return []step{
			{"a", connect4a, "a: CONNACK 0x0"},
			{"a", subscribe(4, 1, filter("#", 2)), "a: SUBACK 1 02"},
			{"b", connect, "b: CONNACK 0x0"},
		}
	}
	run(t, []script{
		{"cut", 0, func(v uint8) []step {
			return append(setup(v, will(v, 1, false)), step{"b", nil, "a: PUBLISH q1 w=bye; b: closed"})
		}},
		{"retained", 0, func(v uint8) []step {
			return append(setup(v, will(v, 2, true)),
				step{"b", nil, "a: PUBLISH q2 w=bye, PUBREL; b: closed"},
				step{"a", subscribe(4, 2, filter("w", 0)), "a: SUBACK 2 00, PUBLISH q0 retain w=bye"})
		}},
		{"DISCONNECT drops it [MQTT-3.14.4-3]", 0, func(v uint8) []step {
			return append(setup(v, will(v, 0, true)), step{"b", disconnect(v, 0), "b: closed"})
		}},
		{"DISCONNECT with will", 5, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)), step{"b", disconnect(v, 4), "a: PUBLISH q0 w=bye; b: closed"})
		}},
		{"DISCONNECT with an error [MQTT-3.1.2-8]", 5, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)),
				step{"b", disconnect(v, mqtt.ReasonUnspecified), "a: PUBLISH q0 w=bye; b: closed"})
		}},
		{"malformed packet", 4, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)), step{"b", []byte{0xf0, 0}, "a: PUBLISH q0 w=bye; b: closed"})
		}},
		{"malformed packet", 5, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)), step{"b", []byte{0x36, 0}, "a: PUBLISH q0 w=bye; b: DISCONNECT 0x81, closed"})
		}},
		{"take-over", 4, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)), step{"c", connect(v, "b"), "a: PUBLISH q0 w=bye; b: closed; c: CONNACK 0x0"})
		}},
		{"take-over", 5, func(v uint8) []step {
			return append(setup(v, will(v, 0, false)),
				step{"c", connect(v, "b"), "a: PUBLISH q0 w=bye; b: DISCONNECT 0x8e, closed; c: CONNACK 0x0"})
		}},
		{"properties", 5, func(v uint8) []step { // a subscriber with 3.1.1 gets none; the session ends, so there is no delay
			return append(setup(v, connect(v, "b", func(p *mqtt.ConnectPacket) {
				p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), Props: []mqtt.Property{
					{ID: mqtt.PropWillDelayInterval, Int: 100}, {ID: mqtt.PropContentType, Value: []byte("x")}}}
			})), step{"b", nil, "a: PUBLISH q0 w=bye; b: closed"})
		}},
	})
}

// A will waits until its delay has passed or the session ends, whichever is first. A client that
// comes back before that keeps it from being published.
func TestWillDelay(t *testing.T) {
	type event struct {
		after time.Duration // since the event before
		send  []byte        // from a new connection; nil: none
		want  string
	}
	for name, tc := range map[string]struct {
		delay, expiry uint32
		end           []byte // nil: the connection closes
		atEnd         string
		then          []event
	}{
		"none":                     {0, 100, nil, "a: PUBLISH q1 w=bye; ", nil},
		"passes":                   {10, 100, nil, "", []event{{9 * time.Second, nil, ""}, {time.Second, nil, "a: PUBLISH q1 w=bye"}, {time.Hour, nil, ""}}},
		"longer than the session":  {200, 100, nil, "", []event{{99 * time.Second, nil, ""}, {time.Second, nil, "a: PUBLISH q1 w=bye"}, {time.Hour, nil, ""}}},
		"as long as the session":   {100, 100, nil, "", []event{{99 * time.Second, nil, ""}, {time.Second, nil, "a: PUBLISH q1 w=bye"}}},
		"no session":               {200, 0, nil, "a: PUBLISH q1 w=bye; ", nil},
		"DISCONNECT with will":     {10, 100, disconnect(5, 4), "", []event{{10 * time.Second, nil, "a: PUBLISH q1 w=bye"}}},
		"DISCONNECT with an error": {10, 100, disconnect(5, 0x82), "", []event{{10 * time.Second, nil, "a: PUBLISH q1 w=bye"}}},
		"DISCONNECT":               {10, 100, disconnect(5, 0), "", []event{{time.Hour, nil, ""}}},
		"resumed [MQTT-3.1.3-9]":   {10, 100, nil, "", []event{{9 * time.Second, keep(5, "b"), "c: CONNACK present 0x0"}, {time.Minute, nil, ""}}},
		"resumed with 3.1.1":       {10, 100, nil, "", []event{{9 * time.Second, keep(4, "b"), "c: CONNACK present 0x0"}, {time.Minute, nil, ""}}},
		"ended with a clean start": {10, 100, nil, "", []event{{9 * time.Second, connect(5, "b"), "a: PUBLISH q1 w=bye; c: CONNACK 0x0"}, {time.Minute, nil, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFixture(t)
			login := connect(5, "b", func(p *mqtt.ConnectPacket) {
				p.Props = []mqtt.Property{{ID: mqtt.PropSessionExpiryInterval, Int: tc.expiry}}
				p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: 1, Props: []mqtt.Property{{ID: mqtt.PropWillDelayInterval, Int: tc.delay}}}
			})
			play(h, "tcp", []step{
				{"a", connect4a, "a: CONNACK 0x0"},
				{"a", subscribe(4, 1, filter("#", 1)), "a: SUBACK 1 01"},
				{"b", login, "b: CONNACK 0x0"},
				{"b", tc.end, tc.atEnd + "b: closed"},
			})
			for _, e := range tc.then {
				h.wait(e.after)
				if e.send != nil {
					play(h, "tcp", []step{{"c", e.send, e.want}})
				} else {
					h.expect(e.want)
				}
				h.checkAccounts()
			}
		})
	}
}

// The expiry of a will counts from when it is published.
func TestWillExpiry(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", keep(5, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter("#", 1)), "a: SUBACK 1 01"},
		{"a", disconnect(5, 0), "a: closed"},
		{"b", keep(5, "b", func(p *mqtt.ConnectPacket) {
			p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), QoS: 1, Props: []mqtt.Property{
				{ID: mqtt.PropWillDelayInterval, Int: 20}, {ID: mqtt.PropMessageExpiryInterval, Int: 10}}}
		}), "b: CONNACK 0x0"},
		{"b", nil, "b: closed"},
	})
	h.wait(20 * time.Second)
	h.wait(9 * time.Second)
	play(h, "tcp", []step{{"c", keep(5, "a"), "c: CONNACK present 0x0, PUBLISH q1 w=bye"}})
	var p mqtt.Property
	if m := &h.peers["c"].lastPublish; m.NextProp(&p, 0) == 0 || p.ID != mqtt.PropMessageExpiryInterval || p.Int != 1 {
		t.Errorf("the remaining expiry is %v %d, want 1", p.ID, p.Int)
	}
}
