package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// retainMany stores n retained messages of the topics r/0, r/1 and so on.
func (h *fixture) retainMany(n int, data string) {
	for i := range n {
		h.b.retained.put(&message{topic: fmt.Sprint("r/", i), data: []byte(data), qos: 1, retain: true}, RetainedLimit)
	}
}

// A client that does not read gets retained messages until SendLimit is unsent. It gets the others
// when it reads. A message that is published meanwhile comes after them, at each QoS.
func TestRetainedMessagesWaitForTheClient(t *testing.T) {
	const n = 300
	for qos := range uint8(3) {
		t.Run(fmt.Sprint("QoS", qos), func(t *testing.T) {
			h := newFixture(t)
			h.b.SetLimits(Limits{Send: 64 << 10})
			h.retainMany(n, strings.Repeat("x", 10_000))
			play(h, "tcp", []step{
				{"b", connect(4, "b"), "b: CONNACK 0x0"},
				{"a", connect(4, "a"), "a: CONNACK 0x0"},
			})
			a, s := h.peers["a"], h.b.sessions["a"]
			h.b.work.left = 0 // a later turn sends the first
			a.send(subscribe(4, 1, filter("r/#", qos)))
			h.until("the SUBSCRIBE", func() bool { return len(s.subs) == 1 })
			left := 1 << 30
			if s.run(&left); s.client.conn.Send.Len() > 64<<10+11_000 || left == 0 {
				t.Fatalf("%d bytes unsent", s.client.conn.Send.Len())
			}
			h.peers["b"].send(publish(4, qos, "r/new", "live"))
			h.until("all messages", func() bool {
				if unsent := s.client.conn.Send.Len(); unsent > 64<<10+11_000 {
					t.Fatalf("%d bytes unsent", unsent)
				}
				return len(a.got) > n+1
			})
			h.settle()
			var got []string
			for _, p := range a.got {
				if strings.HasPrefix(p, "PUBLISH") {
					got = append(got, strings.TrimRight(p, "x"))
				}
			}
			if len(got) != n+1 || got[n] != fmt.Sprintf("PUBLISH q%d r/new=live", qos) {
				t.Fatalf("%d messages, the last is %q", len(got), got[len(got)-1])
			}
			slices.Sort(got)
			if got = slices.Compact(got); len(got) != n+1 {
				t.Errorf("%d different messages", len(got))
			}
		})
	}
}

// A filter that occurs several times in a packet gets the retained messages once.
func TestRepeatedFilterFetchesOnce(t *testing.T) {
	run(t, []script{{"", 0, func(v uint8) []step {
		return []step{
			{"a", connect(v, "a"), "a: CONNACK 0x0"},
			{"a", publish(v, 0, "t", "1", retain), ""},
			{"a", subscribe(v, 1, filter("t", 0), filter("t", 2), filter("t", 1)), "a: SUBACK 1 000201, PUBLISH q0 retain t=1"},
			{"a", publish(v, 1, "t", "2"), "a: PUBLISH q1 t=2, PUBACK"}, // the last one applies
		}
	}}})
}

// UNSUBSCRIBE ends the delivery of retained messages, and so does the end of the client.
func TestFetchEnds(t *testing.T) {
	h := newFixture(t)
	h.retainMany(50, "x")
	play(h, "tcp", []step{{"mute", connect(4, "m"), "mute: CONNACK 0x0"}})
	s := h.b.sessions["m"]
	s.window = 10
	h.peers["mute"].send(subscribe(4, 1, filter("#", 1)))
	h.settle()
	if got := strings.Count(h.take(), "PUBLISH"); got != 10 || len(s.fetches) != 1 {
		t.Fatalf("%d messages, want 10", got)
	}
	play(h, "tcp", []step{{"mute", unsubscribe(4, 2, "#"), "mute: UNSUBACK 2 "}})
	h.peers["mute"].send(ack(4, mqtt.CmdPuback, 1, 0))
	h.expect("")
	if s.fetches != nil || s.fetching {
		t.Error("the fetch is still there")
	}
	play(h, "tcp", []step{{"mute", subscribe(4, 3, filter("+/#", 1)), "mute: SUBACK 3 01, PUBLISH q1 retain r/49=x"}})
	h.peers["mute"].conn.Close()
	h.until("the end", func() bool { return len(h.b.clients) == 0 })
}

// Filters that come and go while a fetch waits for the client leave nothing behind.
func TestEndedFetchesAreForgotten(t *testing.T) {
	h := newFixture(t)
	h.retainMany(3, "x")
	play(h, "tcp", []step{{"mute", connect(4, "m"), "mute: CONNACK 0x0"}})
	s := h.b.sessions["m"]
	s.window = 1
	play(h, "tcp", []step{{"mute", subscribe(4, 1, filter("#", 1)), "mute: SUBACK 1 01, PUBLISH q1 retain r/2=x"}})
	for range 50 {
		play(h, "tcp", []step{
			{"mute", subscribe(4, 2, filter("r/0", 0), filter("r/1", 0)), "mute: SUBACK 2 0000"},
			{"mute", unsubscribe(4, 3, "r/1", "r/0"), "mute: UNSUBACK 3 "},
		})
	}
	if len(s.fetches) != 1 || cap(s.fetches) > 8 {
		t.Errorf("%d fetches, memory for %d, want the one that waits", len(s.fetches), cap(s.fetches))
	}
}

// The retained messages for a new subscription come after what is in the client's queue, and
// before what is published later. One that is published later comes once.
func TestRetainedMessagesAreInOrder(t *testing.T) {
	h := newFixture(t)
	play(h, "tcp", []step{
		{"mute", connect(4, "m"), "mute: CONNACK 0x0"},
		{"mute", subscribe(4, 1, filter("t", 1)), "mute: SUBACK 1 01"},
		{"b", connect(4, "b"), "b: CONNACK 0x0"},
	})
	h.b.sessions["m"].window = 1
	play(h, "tcp", []step{
		{"b", publish(4, 1, "t", "0"), "b: PUBACK; mute: PUBLISH q1 t=0"},
		{"b", publish(4, 1, "t", "1"), "b: PUBACK"},
		{"b", publish(4, 1, "t", "2", retain), "b: PUBACK"},
		{"b", publish(4, 1, "u", "2", retain), "b: PUBACK"},
		{"mute", subscribe(4, 2, filter("+", 1)), "mute: SUBACK 2 01"},
		{"b", publish(4, 1, "t", "3"), "b: PUBACK"},
		{"b", publish(4, 1, "u", "3", retain), "b: PUBACK"},
		{"mute", ack(4, mqtt.CmdPuback, 1, 0), "mute: PUBLISH q1 t=1"},
		{"mute", ack(4, mqtt.CmdPuback, 2, 0), "mute: PUBLISH q1 t=2"},
		{"mute", ack(4, mqtt.CmdPuback, 3, 0), "mute: PUBLISH q1 retain t=2"},
		{"mute", ack(4, mqtt.CmdPuback, 4, 0), "mute: PUBLISH q1 t=3"},
		{"mute", ack(4, mqtt.CmdPuback, 5, 0), "mute: PUBLISH q1 u=3"},
		{"mute", ack(4, mqtt.CmdPuback, 6, 0), ""},
	})
}
