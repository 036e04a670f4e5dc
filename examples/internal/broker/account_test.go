package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// Subscriptions count with their levels, and are free again when they end.
func TestFiltersAreCharged(t *testing.T) {
	for v, refused := range map[uint8]string{4: "80", 5: "97"} {
		h := newFixture(t)
		long := strings.Repeat("x", 1000) + "/y/z"
		h.b.SetLimits(Limits{Client: sessionSize("a") + filterSize(long) + filterSize("t")})
		play(h, "tcp", []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"a", subscribe(v, 1, filter(long, 0), filter("t", 1)), "a: SUBACK 1 0001"}, // the limit
			{"a", subscribe(v, 2, filter("u", 0), filter("t", 2)), "a: SUBACK 2 " + refused + "02"},
			{"a", unsubscribe(v, 3, "t"), map[uint8]string{4: "a: UNSUBACK 3 ", 5: "a: UNSUBACK 3 00"}[v]},
			{"a", subscribe(v, 4, filter("u", 0)), "a: SUBACK 4 00"},
		})
		if s := h.b.sessions["a"]; s.stored != h.b.limits.Client || h.b.used != s.stored+s.client.unsent {
			t.Errorf("%d of %d bytes are stored, %d are used", s.stored, h.b.limits.Client, h.b.used)
		}
	}
}

// A will counts with all its properties. A client with a will beyond the limit is refused.
func TestWillIsCharged(t *testing.T) {
	for v, refused := range map[uint8]string{4: "0x3", 5: "0x97"} {
		will := &mqtt.Will{Topic: "w", Data: make([]byte, 500)}
		size := newWill(will).size()
		if v == 5 {
			for range 100 {
				will.Props = append(will.Props, mqtt.Property{ID: mqtt.PropUserProperty})
			}
			if size = newWill(will).size(); size < 100*overhead {
				t.Fatalf("100 properties count %d bytes", size)
			}
		}
		packet := connect(v, "a", func(p *mqtt.ConnectPacket) { p.Will = will })
		h := newFixture(t)
		h.b.SetLimits(Limits{Client: sessionSize("a") + size})
		play(h, "tcp", []step{{"a", packet, "a: CONNACK 0x0"}})
		h.b.SetLimits(Limits{Client: sessionSize("a") + size - 1})
		play(h, "tcp", []step{{"b", bytes.Replace(packet, []byte("\x00\x01a"), []byte("\x00\x01b"), 1), "b: CONNACK " + refused + ", closed"}})
	}
}

// If all clients together use too much, the one that uses most is disconnected.
func TestTotal(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"mute", connect(5, "m", withProps(mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})), "mute: CONNACK 0x0"},
		{"mute", subscribe(5, 1, filter("t", 1)), "mute: SUBACK 1 01"},
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
		{"a", publish(5, 1, "t", strings.Repeat("x", 3000)), "a: PUBACK; mute: PUBLISH q1 t=" + strings.Repeat("x", 3000)},
		{"a", publish(5, 1, "t", strings.Repeat("x", 3000)), "a: PUBACK"}, // in the queue
	})
	const answers = 100 // unsent acknowledgements count too
	h.b.SetLimits(Limits{Total: h.b.used + filterSize("u") + answers})
	play(h, "tcp", []step{
		{"a", subscribe(5, 2, filter("u", 0)), "a: SUBACK 2 00"},
		{"a", subscribe(5, 3, filter("v", 0)), "a: SUBACK 3 00; mute: DISCONNECT 0x97, closed"},
	})
	h.logged(errMemory)
	h.b.SetLimits(Limits{Total: h.b.used + answers})
	play(h, "tcp", []step{{"a", subscribe(5, 4, filter("w", 0)), "a: SUBACK 4 97"}}) // it uses most itself
}

// Unsent bytes count while they wait.
func TestUnsentBytesCount(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter("t", 0)), "a: SUBACK 1 00"},
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
	})
	a, s, before := h.peers["a"], h.b.sessions["a"], h.b.used
	a.conn.Pause()
	for range 20 {
		h.peers["b"].send(publish(5, 0, "t", strings.Repeat("x", 1<<20)))
	}
	h.until("unsent bytes", func() bool { return s.client.unsent > SendLimit && len(h.b.work.queue) == 0 })
	if h.b.used != before+s.client.unsent {
		t.Errorf("%d bytes are used, want %d", h.b.used, before+s.client.unsent)
	}
	a.conn.Resume()
	h.settle()
	if h.b.used != before {
		t.Errorf("%d bytes are used after all were read, want %d", h.b.used, before)
	}
}

// Answers that wait in Send count too, as soon as they are there.
func TestUnsentAnswersCount(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{{"a", connect(5, "a"), "a: CONNACK 0x0"}})
	c := h.b.sessions["a"].client
	h.b.command(c, &mqtt.Message{Cmd: mqtt.CmdPingreq})
	if n := c.conn.Send.Len(); n == 0 || c.unsent != n {
		t.Errorf("%d bytes are unsent, %d are counted", n, c.unsent)
	}
	h.until("the answer", func() bool { return c.unsent == 0 })
}

// checkAccounts recomputes what the accounts count.
func (h *fixture) checkAccounts() {
	h.t.Helper()
	used, underway, away, n := 0, 0, 0, 0
	for id, s := range h.b.sessions {
		stored := sessionSize(id) + s.counted
		if s.will != nil {
			stored += s.will.size()
		}
		for topic := range s.subs {
			stored += filterSize(topic)
		}
		for _, d := range s.queue {
			stored += d.msg.size()
		}
		for _, f := range s.flights {
			if f.msg != nil {
				stored += f.msg.size()
			}
		}
		if s.client != nil {
			stored += s.client.aliases.stored
			used += s.client.unsent
			if n := s.client.conn.Send.Len(); s.client.unsent > n {
				h.t.Errorf("client %q: %d bytes are unsent and %d counted", id, n, s.client.unsent)
			}
		} else {
			away += s.stored
			n++
		}
		ids := unreleasedSize(s.unreleased.Len()) // that of the last PUBREL may still count
		if s.stored != stored || s.counted < ids || s.counted > ids && s.client == nil {
			h.t.Errorf("session %q: %d bytes are stored and %d counted", id, stored, s.stored)
		}
		used += s.stored
	}
	for _, lane := range h.b.lanes {
		for _, p := range lane {
			underway += p.msg.size()
		}
	}
	for _, j := range h.b.work.queue {
		if o, ok := j.(*handover); ok {
			for _, d := range o.list {
				underway += d.msg.size()
			}
		}
	}
	if h.b.used != used || h.b.underway != underway {
		h.t.Errorf("%d bytes are used and %d counted; %d are underway and %d counted", used, h.b.used, underway, h.b.underway)
	}
	if h.b.away.bytes != away || h.b.away.list.Len() != n {
		h.t.Errorf("%d sessions with %d bytes are away, %d with %d counted", n, away, h.b.away.list.Len(), h.b.away.bytes)
	}
}

// However the clients leave, nothing of them is left: not when the manager has closed, but when
// they are gone.
func TestNothingIsLeftOfClients(t *testing.T) {
	will := func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "t", Data: []byte("bye"), QoS: 1} }
	for name, leave := range map[string]func(h *fixture, v uint8){
		"close":      func(h *fixture, _ uint8) { h.peers["mute"].conn.Close() },
		"disconnect": func(h *fixture, v uint8) { h.peers["mute"].send(disconnect(v, 0)) },
		"expelled":   func(h *fixture, v uint8) { h.peers["mute"].send([]byte{0, 0}) },
		"silent":     func(h *fixture, v uint8) { h.wait(24 * 3600e9) },
		"taken over": func(h *fixture, v uint8) {
			p := h.dial("next", "tcp")
			p.send(connect(v, "m"))
			h.until("the takeover", func() bool { return p.open && h.peers["mute"].closed })
		},
	} {
		for _, v := range []uint8{4, 5} {
			h := newFixture(t)
			h.retainMany(20, "x")
			play(h, "tcp", []step{
				{"mute", connect(v, "m", will, func(p *mqtt.ConnectPacket) { p.KeepAlive = 60 }), "mute: CONNACK 0x0"},
				{"b", connect(v, "", will), "b: CONNACK 0x0"},
			})
			h.b.sessions["m"].window = 3
			h.peers["mute"].send(subscribe(v, 1, filter("t", 2), filter("+/a/b", 1), filter("$x/#", 0), filter("t", 1)))
			h.peers["mute"].send(subscribe(v, 2, filter("r/+", 1), filter("#", 0), filter("r/7", 1)))
			h.peers["mute"].send(unsubscribe(v, 3, "#", "none", "+/a/b"))
			h.peers["b"].send(subscribe(v, 1, filter("t", 1)))
			h.settle()
			for i := range 10 {
				h.peers["b"].send(publish(v, uint8(i%3), "t", strings.Repeat("x", 100*i)))
				h.settle()
				h.checkAccounts()
			}
			if h.b.sessions["m"].queue == nil {
				t.Error("nothing is in the queue")
			}
			leave(h, v)
			h.until("the end of the client", func() bool { return h.peers["mute"].closed })
			h.settle()
			h.checkAccounts()
			for _, p := range h.peers {
				p.conn.Close()
			}
			h.until("the end of all", func() bool { return len(h.b.clients) == 0 && len(h.b.work.queue) == 0 })
			if h.b.used != 0 || h.b.underway != 0 || len(h.b.sessions)+len(h.b.lanes)+h.b.subs.Len() != 0 {
				t.Errorf("%s, version %d: %d bytes used, %d underway, %d clients, %d lanes, %d filters", name, v,
					h.b.used, h.b.underway, len(h.b.sessions), len(h.b.lanes), h.b.subs.Len())
			}
		}
	}
}
