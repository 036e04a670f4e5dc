package broker

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestRetained(t *testing.T) {
	run(t, []dialogue{
		{"sent to new subscriptions, with RETAIN [MQTT-3.3.1-8]", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 2, "t", "1", retain), "b: PUBREC, PUBCOMP"},
				{"b", publish(v, 0, "t", "2"), ""}, // is not retained, and replaces nothing
				{"a", connect(9-v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(9-v, 1, filter("t", 1)), "a: SUBACK 1 01, PUBLISH q1 retain t=1"},
				{"a", subscribe(9-v, 2, filter("+", 0)), "a: SUBACK 2 00, PUBLISH q0 retain t=1"},
				{"a", subscribe(9-v, 3, filter("+", 0)), "a: SUBACK 3 00, PUBLISH q0 retain t=1"}, // [MQTT-3.8.4-3]
			}
		}},
		{"not to subscriptions that were there [MQTT-3.3.1-9]", 0, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("#", 0)), "a: SUBACK 1 00"},
				{"a", publish(v, 0, "t", "1", retain), "a: PUBLISH q0 t=1"},
			}
		}},
		{"replaced and deleted", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "1", retain), ""},
				{"b", publish(v, 0, "u", "1", retain), ""},
				{"b", publish(v, 0, "t", "2", retain), ""},
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00, PUBLISH q0 retain t=2"},
				{"b", publish(v, 0, "t", "", retain), "a: PUBLISH q0 t="},
				{"a", subscribe(v, 2, filter("#", 0)), "a: SUBACK 2 00, PUBLISH q0 retain u=1"},
			}
		}},
		{"too much", 0, func(v uint8) []step { // the message before it is not the last any more
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", "1", retain), ""},
				{"a", publish(v, 0, "t", strings.Repeat("x", RetainedLimit-100), retain), ""},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00"},
			}
		}},
		{"outlives its publisher", 0, func(v uint8) []step {
			return []step{
				{"b", connect(v, "b"), "b: CONNACK 0x0"},
				{"b", publish(v, 0, "t", "1", retain), ""},
				{"b", disconnect(v, 0), "b: closed"},
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", subscribe(v, 1, filter("t", 0)), "a: SUBACK 1 00, PUBLISH q0 retain t=1"},
			}
		}},
		{"handling and retain as published", 5, func(v uint8) []step {
			return []step{
				{"a", connect(v, "a"), "a: CONNACK 0x0"},
				{"a", publish(v, 0, "t", "1", retain), ""},
				{"a", subscribe(v, 1, mqtt.Filter{Topic: "t", RetainHandling: 2}), "a: SUBACK 1 00"},
				{"a", subscribe(v, 2, mqtt.Filter{Topic: "t", RetainHandling: 1}), "a: SUBACK 2 00"},
				{"a", subscribe(v, 3, mqtt.Filter{Topic: "+", RetainHandling: 1}), "a: SUBACK 3 00, PUBLISH q0 retain t=1"},
				{"a", publish(v, 0, "t", "2", retain), "a: PUBLISH q0 t=2"},
				{"a", subscribe(v, 4, mqtt.Filter{Topic: "t", RetainAsPublished: true, RetainHandling: 2}), "a: SUBACK 4 00"},
				{"a", publish(v, 0, "t", "3", retain), "a: PUBLISH q0 retain t=3"},
				{"a", publish(v, 0, "t", "4"), "a: PUBLISH q0 t=4"},
			}
		}},
	})
}

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
	run(t, []dialogue{
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
		{"properties", 5, func(v uint8) []step { // to a client of 3.1.1: there they must not be
			return append(setup(v, connect(v, "b", func(p *mqtt.ConnectPacket) {
				p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), Props: []mqtt.Property{
					{ID: mqtt.PropWillDelayInterval, Int: 100}, {ID: mqtt.PropContentType, Value: []byte("x")}}}
			})), step{"b", nil, "a: PUBLISH q0 w=bye; b: closed"})
		}},
	})
}

var connect4a = connect(4, "a")

// TestKeepAlive lets time pass with one client silent and another, which
// subscribed to its will, at peace.
func TestKeepAlive(t *testing.T) {
	for _, v := range []uint8{4, 5} {
		for _, keepAlive := range []uint16{0, 1, 10} {
			t.Run(fmt.Sprintf("v%d/%ds", v, keepAlive), func(t *testing.T) {
				h := newHouse(t)
				play(h, "tcp", []step{
					{"a", connect4a, "a: CONNACK 0x0"},
					{"a", subscribe(4, 1, filter("#", 0)), "a: SUBACK 1 00"},
					{"b", connect(v, "b", func(p *mqtt.ConnectPacket) {
						p.KeepAlive = keepAlive
						p.Will = &mqtt.Will{Topic: "w", Data: []byte("silent")}
					}), "b: CONNACK 0x0"},
				})
				limit := time.Duration(keepAlive) * time.Second * 3 / 2
				h.wait(limit - time.Millisecond)
				h.expect("") // and with this b is heard of again
				if keepAlive == 0 {
					h.wait(1000 * time.Hour)
					h.expect("")
					return
				}
				h.wait(limit - time.Millisecond)
				if got := h.take(); got != "" {
					t.Fatalf("closed too early: %s", got)
				}
				h.wait(time.Second + time.Millisecond)
				b := h.peers["b"]
				h.until("the end of b", func() bool { return b.closed })
				h.expect(map[uint8]string{4: "a: PUBLISH q0 w=silent; b: closed",
					5: "a: PUBLISH q0 w=silent; b: DISCONNECT 0x8d, closed"}[v])
			})
		}
	}
}

// wait lets time pass and the timers see it.
func (h *house) wait(d time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(d)
	for range 3 {
		if err := h.m.Poll(0); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestConnectWait(t *testing.T) {
	for transport, begin := range map[string]byte{"tcp": 0x10, "ws": 0x82} {
		t.Run(transport, func(t *testing.T) {
			h := newHouse(t)
			a, b := h.dial("a", transport), h.dial("b", transport)
			h.until("both", func() bool { return len(h.b.sessions) == 2 })
			a.conn.Write([]byte{begin}) // the beginning of a packet, or of a frame, is not enough
			h.wait(ConnectWait - time.Millisecond)
			if a.closed || b.closed {
				t.Fatal("closed too early")
			}
			h.wait(time.Second + time.Millisecond)
			h.until("the end of both", func() bool { return a.closed && b.closed })
			h.expect("a: closed; b: closed")
			if d := h.m.NextTimeout(); d < math.MaxInt64 {
				t.Errorf("a timer is due in %v, without sessions", d)
			}
		})
	}
}

func TestClose(t *testing.T) {
	h := newHouse(t)
	play(h, "tcp", []step{
		{"a", connect(4, "a"), "a: CONNACK 0x0"},
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
	})
	h.dial("c", "tcp")
	if n := h.b.Clients(); n != 2 {
		t.Errorf("%d clients, want 2", n)
	}
	h.b.Close()
	h.until("the end of all", func() bool { return h.alive() == 0 })
	h.expect("a: closed; b: DISCONNECT 0x8b, closed; c: closed")
	for c := range h.m.Conns() {
		t.Errorf("connection %d is left", c.ID())
	}
}
