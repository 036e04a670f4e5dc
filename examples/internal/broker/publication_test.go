package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// A message that needs several turns reaches all subscribers, in order with the publisher's next
// messages. The publisher waits meanwhile.
func TestPublicationInSeveralTurns(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := newFixture(t)
			h.b.SetLimits(Limits{Send: 1 << 30, Client: 1 << 30})
			names := []string{"a", "c", "d", "e"}
			for _, name := range names {
				play(h, transport, []step{
					{name, connect(4, name), name + ": CONNACK 0x0"},
					{name, subscribe(4, 1, filter("t", 1), filter("#", 0)), name + ": SUBACK 1 0100"},
				})
			}
			play(h, transport, []step{{"b", connect(4, "b"), "b: CONNACK 0x0"}})
			big := strings.Repeat("x", 2<<20) // more than the work of a turn
			if workOf(len(big)) < turnWork {
				t.Fatal("the message is too small for the test")
			}
			h.peers["b"].send(publish(4, 0, "t", big))
			h.peers["b"].send(publish(4, 0, "t", "second"))
			h.peers["b"].send(publish(4, 0, "u", "third"))
			waited := false
			h.until("the messages", func() bool {
				waited = waited || len(h.b.work.queue) > 0
				for _, name := range names {
					if len(h.peers[name].got) < 3 {
						return false
					}
				}
				return true
			})
			for _, name := range names {
				got := h.peers[name].got
				if len(got) != 3 || !strings.HasPrefix(got[0], "PUBLISH q0 t=xxx") || got[1] != "PUBLISH q0 t=second" || got[2] != "PUBLISH q0 u=third" {
					t.Errorf("%s got %d packets, %.40q", name, len(got), got)
				}
			}
			if !waited {
				t.Error("the message was delivered in one turn")
			}
		})
	}
}

// The publisher and a subscriber may leave while a message is being delivered.
func TestPublicationWhileClientsLeave(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(4, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(4, 1, filter("t", 0)), "a: SUBACK 1 00"},
		{"c", connect(4, "c"), "c: CONNACK 0x0"},
		{"c", subscribe(4, 1, filter("t", 0)), "c: SUBACK 1 00"},
		{"b", connect(4, "b", func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "t", Data: []byte("bye")} }), "b: CONNACK 0x0"},
	})
	h.b.work.left = 0 // everything waits for the next turn
	h.b.publish(&message{topic: "t", data: []byte("1")}, h.b.sessions["b"].client)
	h.b.sessions["b"].client.conn.Close()
	h.b.sessions["a"].client.conn.Close()
	h.until("both ends", func() bool { return h.peers["a"].closed && h.peers["b"].closed })
	h.expect("a: closed; b: closed; c: PUBLISH q0 t=1, PUBLISH q0 t=bye")
}

// A publisher gets its own message, is disconnected by that, and its session ends. So its will is
// published while the message is being delivered. It comes after the message, and both are counted.
func TestWillWhilePublishing(t *testing.T) {
	for left := range 60 { // the work of the first turn: it ends at any point
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			h := newFixture(t)
			will := func(p *mqtt.ConnectPacket) {
				p.Will = &mqtt.Will{Topic: "w", Data: []byte("bye"), Props: []mqtt.Property{{ID: mqtt.PropWillDelayInterval, Int: 10}}}
				p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
			}
			msg := &message{topic: "t", data: []byte("1"), qos: 1}
			h.b.SetLimits(Limits{Kept: 1, Client: 10 * msg.size()})
			play(h, "tcp", []step{
				{"mute", keep(5, "a", will), "mute: CONNACK 0x0"},
				{"mute", subscribe(5, 1, filter("t", 1)), "mute: SUBACK 1 01"},
				{"b", connect(5, "b"), "b: CONNACK 0x0"},
				{"b", subscribe(5, 1, filter("t", 0), filter("w", 0)), "b: SUBACK 1 0000"},
			})
			c := h.b.sessions["a"].client
			h.b.limits.Client = c.session.stored
			h.b.work.left = left
			h.b.publish(msg, c)
			h.checkAccounts()
			h.until("the end of a", func() bool { return h.peers["mute"].closed })
			h.expect("b: PUBLISH q0 t=1, PUBLISH q0 w=bye; mute: DISCONNECT 0x97, closed")
			if h.b.underway != 0 || len(h.b.lanes) != 0 {
				t.Errorf("%d bytes in %d lanes are left", h.b.underway, len(h.b.lanes))
			}
		})
	}
}

// The will of a publisher, and what the connection that takes over publishes, come after the
// message that was being delivered. The other jobs of the turns do not change that.
func TestTakeoverWhilePublishing(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Send: 1 << 30, Client: 1 << 30})
	names := []string{"a", "c", "d", "e"}
	for _, name := range names {
		play(h, "tcp", []step{
			{name, connect(4, name), name + ": CONNACK 0x0"},
			{name, subscribe(4, 1, filter("t", 0)), name + ": SUBACK 1 00"},
		})
	}
	play(h, "tcp", []step{
		{"b", connect(4, "b", func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "t", Data: []byte("bye")} }), "b: CONNACK 0x0"},
	})
	h.peers["b"].send(publish(4, 0, "t", strings.Repeat("x", 2<<20)))
	h.until("the message", func() bool { return len(h.b.work.queue) > 0 })
	for range 20 { // small jobs of others end early, and leave work to the turn
		h.b.work.add(&task{size: 10, log: new([]string)})
	}
	second := h.dial("second", "tcp")
	second.send(connect(4, "b"))
	second.send(publish(4, 0, "t", "second"))
	h.until("the messages", func() bool {
		for _, name := range names {
			if len(h.peers[name].got) < 3 {
				return false
			}
		}
		return true
	})
	for _, name := range names {
		got := h.peers[name].got
		if len(got) != 3 || !strings.HasPrefix(got[0], "PUBLISH q0 t=xxx") {
			t.Errorf("%s got %d packets, %.40q", name, len(got), got)
		}
	}
	h.settle()
	if len(h.b.lanes) != 0 || h.b.underway != 0 {
		t.Errorf("%d lanes and %d bytes are left", len(h.b.lanes), h.b.underway)
	}
}

// Messages that wait for later turns are bounded together: at the limit they are delivered, beyond
// it the publisher is disconnected.
func TestUnderwayIsLimited(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"a", connect(5, "a"), "a: CONNACK 0x0"},
		{"a", subscribe(5, 1, filter("#", 0)), "a: SUBACK 1 00"},
		{"b", connect(5, "b"), "b: CONNACK 0x0"},
		{"c", connect(5, "c"), "c: CONNACK 0x0"},
	})
	msg := &message{topic: "t", data: []byte("1")}
	h.b.SetLimits(Limits{Total: max(2*msg.size(), h.b.used+1000)})
	h.b.underway = h.b.limits.Total - msg.size()
	h.b.work.left = 0
	h.b.publish(msg, h.b.sessions["b"].client)
	h.b.publish(msg, h.b.sessions["c"].client)
	h.until("the end of c", func() bool { return h.peers["c"].closed })
	h.expect("a: PUBLISH q0 t=1; c: DISCONNECT 0x97, closed")
	h.logged(errUnderway)
	if h.b.underway -= h.b.limits.Total - msg.size(); h.b.underway != 0 {
		t.Errorf("%d bytes are left", h.b.underway)
	}
}

// Few of the publications that are being delivered hold lists of sessions. The others wait.
func TestFewPublicationsHoldTargets(t *testing.T) {
	h := newFixture(t)
	for i := range fewTargets + 1 {
		s := h.b.newSession(fmt.Sprint("s", i))
		s.expiry = time.Hour
		h.b.keep(s)
		f := filter("t", 0)
		h.b.charge(s, filterSize(f.Topic))
		h.b.subs.add(s, f, "", nil)
	}
	play(h, "tcp", []step{{"a", connect(4, "a"), "a: CONNACK 0x0"}, {"a", subscribe(4, 1, filter("u", 0)), "a: SUBACK 1 00"}})
	data := make([]byte, 1<<13) // a few targets per turn
	for i := range 4 * maxSpread {
		h.b.publishWill(fmt.Sprint("p", i), &message{topic: "t", data: data})
	}
	h.b.publishWill("q", &message{topic: "u", data: []byte("1")}) // it does not wait for the others
	most := 0
	h.until("the deliveries", func() bool {
		if h.peers["a"].got != nil && len(h.b.work.queue) < 3*maxSpread {
			t.Fatal("it waits")
		}
		n := 0
		for _, j := range h.b.work.queue {
			if p := j.(*publication); len(p.targets) > 0 {
				n++
			}
		}
		most = max(most, n)
		return len(h.peers["a"].got) > 0
	})
	h.until("the other deliveries", func() bool { return len(h.b.work.queue) == 0 })
	if most < 2 || most > maxSpread || h.b.spread != 0 || h.b.underway != 0 {
		t.Errorf("at most %d publications held sessions, %d are left with %d bytes", most, h.b.spread, h.b.underway)
	}
}
