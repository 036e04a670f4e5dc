package broker

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// leave makes a session that is away, with a subscription to t.
func (h *fixture) leave(name string) {
	h.t.Helper()
	play(h, "tcp", []step{
		{name, keep(5, name), name + ": CONNACK 0x0"},
		{name, subscribe(5, 1, filter("t", 1)), name + ": SUBACK 1 01"},
		{name, nil, name + ": closed"},
	})
	delete(h.peers, name)
}

// back connects again, with a session or without one.
func (h *fixture) back(name string, present bool, messages ...string) {
	h.t.Helper()
	want := name + ": CONNACK 0x0"
	if present {
		want = name + ": CONNACK present 0x0"
	}
	for _, m := range messages {
		want += ", PUBLISH q1 t=" + m
	}
	play(h, "tcp", []step{{name, keep(5, name), want}})
}

// The sessions that are away are limited: the one that is away longest ends.
func TestSessionLimit(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Sessions: 2})
	play(h, "tcp", []step{{"p", keep(5, "p"), "p: CONNACK 0x0"}}) // it does not count
	h.leave("a")
	h.leave("b")
	h.back("a", true)
	play(h, "tcp", []step{{"a", nil, "a: closed"}}) // after b
	delete(h.peers, "a")
	h.checkAccounts()
	h.leave("c")
	h.checkAccounts()
	h.back("b", false)
	h.back("a", true)
	h.back("c", true)
}

// The bytes of the sessions that are away are limited too. A message does not end a session, but a
// session ends another one.
func TestKeptLimit(t *testing.T) {
	h := newFixture(t)
	size := sessionSize("a") + filterSize("t")
	msg := (&message{topic: "t", data: []byte("1")}).size()
	h.b.SetLimits(Limits{Kept: 2*size + msg})
	h.leave("a")
	play(h, "tcp", []step{
		{"p", connect(5, "p"), "p: CONNACK 0x0"},
		{"p", publish(5, 1, "t", "1"), "p: PUBACK"},
		{"p", publish(5, 1, "t", "22222"), "p: PUBACK"}, // it still fits
		{"p", publish(5, 1, "t", "3"), "p: PUBACK"},
	})
	h.checkAccounts()
	h.leave("b")
	h.checkAccounts()
	h.back("a", false)
	h.back("b", true)
	if !strings.Contains(h.log.String(), "session removed to make room") {
		t.Error("the log does not say so")
	}
}

// The queue of a session that is away is limited in messages, and in bytes by Limits.Client.
func TestQueueLimit(t *testing.T) {
	size := sessionSize("a") + filterSize("t")
	msg := (&message{topic: "t", data: []byte("1")}).size()
	for name, l := range map[string]Limits{
		"messages":              {Queue: 2},
		"bytes":                 {Client: size + 3*msg - 1},
		"bytes of all sessions": {Kept: size + 3*msg - 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFixture(t)
			h.b.SetLimits(l)
			h.leave("a")
			play(h, "tcp", []step{{"p", connect(5, "p"), "p: CONNACK 0x0"}})
			for i := range 4 {
				play(h, "tcp", []step{{"p", publish(5, 1, "t", fmt.Sprint(i)), "p: PUBACK"}})
			}
			h.checkAccounts()
			h.back("a", true, "0", "1")
			if !strings.Contains(h.log.String(), `msg="messages not queued while the client was away" client=a messages=2`) {
				t.Error("the log does not say how many messages were dropped")
			}
			play(h, "tcp", []step{{"p", publish(5, 1, "t", "5"), "a: PUBLISH q1 t=5; p: PUBACK"}})
		})
	}
}

// If all together use too much, sessions that are away end before a client is disconnected.
func TestTotalEndsSessionsFirst(t *testing.T) {
	h := newFixture(t)
	h.leave("a")
	h.leave("b")
	play(h, "tcp", []step{{"c", connect(5, "c"), "c: CONNACK 0x0"}})
	h.b.SetLimits(Limits{Total: h.b.used + filterSize("u") + 100})
	play(h, "tcp", []step{
		{"c", subscribe(5, 1, filter("u", 0)), "c: SUBACK 1 00"},
		{"c", subscribe(5, 1, filter("v", 0)), "c: SUBACK 1 00"}, // ends a
	})
	h.checkAccounts()
	if h.b.sessions["a"] != nil || h.b.sessions["b"] == nil {
		t.Error("not the session that is away longest has ended")
	}
}

// A client that is too slow is disconnected. Its session is kept, with what is in its queue.
func TestTooSlowClientKeepsItsSession(t *testing.T) {
	h := newFixture(t)
	one := func(p *mqtt.ConnectPacket) {
		p.Props = append(p.Props, mqtt.Property{ID: mqtt.PropReceiveMaximum, Int: 1})
	}
	msg := (&message{topic: "t", data: []byte("1")}).size()
	h.b.SetLimits(Limits{Client: sessionSize("a") + filterSize("t") + 2*msg})
	play(h, "tcp", []step{
		{"mute", keep(5, "a", one), "mute: CONNACK 0x0"},
		{"mute", subscribe(5, 1, filter("t", 1)), "mute: SUBACK 1 01"},
		{"p", connect(5, "p"), "p: CONNACK 0x0"},
		{"p", publish(5, 1, "t", "1"), "mute: PUBLISH q1 t=1; p: PUBACK"},
		{"p", publish(5, 1, "t", "2"), "p: PUBACK"},
		{"p", publish(5, 1, "t", "3"), "mute: DISCONNECT 0x97, closed; p: PUBACK"},
		{"b", keep(5, "a"), "b: CONNACK present 0x0, PUBLISH q1 dup t=1, PUBLISH q1 t=2"},
	})
	h.checkAccounts()
}

// A will for which a kept session has no room is refused, and the session stays as it was.
func TestNoRoomForTheWill(t *testing.T) {
	h := newFixture(t)
	will := func(p *mqtt.ConnectPacket) { p.Will = &mqtt.Will{Topic: "w", Data: bytes.Repeat([]byte("x"), 100)} }
	msg := (&message{topic: "t", data: []byte("1")}).size()
	h.b.SetLimits(Limits{Client: sessionSize("a") + filterSize("t") + msg + 10})
	h.leave("a")
	play(h, "tcp", []step{
		{"p", connect(5, "p"), "p: CONNACK 0x0"},
		{"p", publish(5, 1, "t", "1"), "p: PUBACK"},
		{"b", keep(5, "a", will), "b: CONNACK 0x97, closed"},
	})
	h.checkAccounts()
	h.back("a", true, "1")
}

func TestExpiryLimit(t *testing.T) {
	for _, tc := range []struct {
		limit   time.Duration
		seconds uint32
		want    time.Duration
	}{
		{0, 0, 0},
		{0, 86400, MaxExpiry},
		{0, math.MaxUint32, MaxExpiry},
		{90*time.Second + 1, 100, 90 * time.Second},
		{-1, 100, 100 * time.Second},
		{-1, math.MaxUint32 - 1, (math.MaxUint32 - 1) * time.Second},
		{-1, math.MaxUint32, math.MaxInt64},
	} {
		l := Limits{Expiry: tc.limit}.resolved()
		if got := l.expiry(tc.seconds); got != tc.want {
			t.Errorf("limit %v, %d seconds: %v, want %v", tc.limit, tc.seconds, got, tc.want)
		}
	}
}

// Without a limit a session that does not expire is told so.
func TestNoExpiryLimit(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Expiry: -1})
	play(h, "tcp", []step{{"a", keep(5, "a", withProps(mqtt.Property{ID: mqtt.PropSessionExpiryInterval, Int: math.MaxUint32})), "a: CONNACK 0x0"}})
	var p mqtt.Property
	m := &h.peers["a"].connack
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropSessionExpiryInterval {
			t.Errorf("the CONNACK sets the session expiry to %d", p.Int)
		}
	}
	play(h, "tcp", []step{{"a", nil, "a: closed"}})
	h.wait(100 * 365 * 24 * time.Hour)
	delete(h.peers, "a")
	h.back("a", true)
}

// What the limits count is close to the memory that sessions use while they are away, with
// subscriptions and with messages that they share.
func TestKeptSessionsUseWhatIsCounted(t *testing.T) {
	h := newFixture(t)
	h.b.SetLimits(Limits{Sessions: -1, Kept: -1, Total: -1})
	const n = 2000
	msg := &message{topic: "t", qos: 1}
	before, used := looptest.LiveHeap(), 0
	check := func(what string, do func(s *session, i int)) {
		t.Helper()
		for i := range n {
			do(h.b.sessions[fmt.Sprintf("client%05d", i)], i)
		}
		after := looptest.LiveHeap()
		heap, counted := int(after-before)/n, (h.b.used-used)/n
		t.Logf("%s: %d bytes, %d counted", what, heap, counted)
		if heap > counted*5/4 {
			t.Errorf("%s: %d bytes, %d counted", what, heap, counted)
		}
		before, used = after, h.b.used
	}
	subscribe := func(s *session, f mqtt.Filter, share string) {
		if h.b.charge(s, filterSize(f.Topic)) {
			h.b.subs.add(s, f, share, []uint32{1})
		}
	}
	check("session", func(_ *session, i int) {
		s := h.b.newSession(fmt.Sprintf("client%05d", i))
		s.expiry = time.Hour
		h.b.keep(s)
	})
	check("subscription", func(s *session, _ int) { subscribe(s, filter("a/"+s.id, 1), "") })
	check("shared subscription", func(s *session, _ int) { subscribe(s, filter("$share/"+s.id+"/t", 1), s.id) })
	check("message", func(s *session, _ int) { h.b.enqueue(s, delivery{msg: msg, qos: 1}) })
}
