package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// How messages begin and end.
func TestSenderLife(t *testing.T) { runSenderFlows(t, senderLife) }

var senderLife = []senderFlow{
	{name: "expiry counts down while queued", only: 5, script: `
		pub a=1 q1 exp=2500ms
		pub a=2 exp=10s
		pub a=3 exp=3s
		pub a=4 q1 exp=1s
		after 999ms
		= -
		after 1ms
		= 4 Expired
		after 1ms
		up
		> 1 a=1 q1 exp=2 | a=2 q0 exp=9 | a=3 q0 exp=2
		after 1h
		= -
		down
		up
		> 1 a=1 q1 dup exp=1`},
	{name: "expiry in 3.1.1", only: 4, script: `
		pub a=1 q1 exp=2500ms
		pub a=2 exp=1s
		after 2s
		= 2 Expired
		up
		> 1 a=1 q1`},
	{name: "up without down", script: `
		up
		pub a=1 q1
		pub a=2
		> 1 a=1 q1 | a=2 q0
		up
		= 2 Dropped
		> 1 a=1 q1 dup
		down
		down
		= -`},
	{name: "close", script: `
		pub a=0 q1
		up
		pub a=1
		pub a=2 q2
		pub a=3 q2
		> 1 a=0 q1 | a=1 q0 | 2 a=2 q2 | 3 a=3 q2
		< PUBREC 2
		< PUBACK 1
		pub a=4 q1
		pub a=5
		close
		= 1 Acknowledged | 2 Abandoned | 3 Abandoned STORED | 4 Abandoned STORED | 5 Abandoned STORED | 6 Abandoned
		pub! a=6 : session: closed
		close
		up
		< PUBACK 3
		> -
		after 1h
		down
		= -`},
	{name: "a restart continues", script: `
		pub a=1 q1
		pub a=2 q2
		pub a=3 q2
		pub a=4
		up
		> 1 a=1 q1 | 2 a=2 q2 | 3 a=3 q2 | a=4 q0
		< PUBREC 3
		< PUBREC 2
		> PUBREL 3 | PUBREL 2
		pub a=5 q1
		restart
		pub a=6 q1
		up
		> PUBREL 3 | PUBREL 2 | 1 a=1 q1 dup | 4 a=5 q1 dup | 5 a=6 q1
		< PUBCOMP 2
		< PUBACK 5
		= 2 Acknowledged | 1025 Acknowledged
		restart
		up lost
		= 3 Dropped
		> 1 a=1 q1 | 4 a=5 q1`},
	{name: "a crash loses what was not committed", script: `
		up
		pub a=1 q1
		> 1 a=1 q1
		pub a=2 q1
		crash
		up
		> 1 a=1 q1 dup
		< PUBACK 1
		crash
		up
		> 1 a=1 q1 dup
		< PUBACK 1
		= 1 Acknowledged
		restart
		up
		> -`},
	{name: "a restart keeps the deadline", only: 5, script: `
		pub a=1 q1 exp=5s
		pub a=2 q1 exp=2s
		restart
		after 2s
		= 2 Expired
		up
		> 1 a=1 q1 exp=3
		restart
		after 1h
		up
		> 1 a=1 q1 dup exp=1`},
	{name: "a restart keeps identifiers from being used, until the session is lost", only: 5, script: `
		up
		pub a=1 q2
		> 1 a=1 q2
		down
		up qos=1
		> -
		= 1 Rejected 0x9B
		restart
		up
		pub a=2 q1
		> 2 a=2 q1
		restart
		up lost
		restart
		up
		pub a=3 q1
		> 2 a=2 q1 dup | 3 a=3 q1`},
}

// Publish returns an error that names what is wrong, and keeps nothing.
func TestSenderPublishErrors(t *testing.T) {
	text := func(id mqtt.PropID, n uint32) []mqtt.Property { return []mqtt.Property{{ID: id, Int: n}} }
	for _, tc := range []struct {
		name    string
		version uint8
		m       *Message
		want    string
	}{
		{"nil", 5, nil, "nil Message"},
		{"no topic", 4, &Message{}, `Publish to "": mqtt: PUBLISH: 0x81 Malformed packet: the topic name is empty [MQTT-4.7.3-1]`},
		{"no topic, 5.0", 5, &Message{}, `Publish to "": mqtt: PUBLISH: 0x82 Protocol error: the topic name is empty`},
		{"wildcard", 4, &Message{Topic: "a/#"}, `"a/#": mqtt: PUBLISH: 0x81 Malformed packet: the topic name contains a wildcard`},
		{"NUL", 5, &Message{Topic: "a\x00"}, `"a\x00": mqtt: PUBLISH`},
		{"QoS", 5, &Message{Topic: "a", QoS: 3}, "QoS"},
		{"QoS 200", 4, &Message{Topic: "a", QoS: 200}, "QoS"},
		{"expiry", 5, &Message{Topic: "a", Expiry: -1}, "Message.Expiry is -1ns"},
		{"expiry property", 5, &Message{Topic: "a", Props: text(mqtt.PropMessageExpiryInterval, 1)}, "Message.Props has Message Expiry Interval: set Message.Expiry"},
		{"alias", 5, &Message{Topic: "a", Props: text(mqtt.PropTopicAlias, 1)}, "Message.Props has Topic Alias"},
		{"subscription identifier", 5, &Message{Topic: "a", Props: text(mqtt.PropSubscriptionIdentifier, 1)}, "Message.Props has Subscription Identifier"},
		{"foreign property", 5, &Message{Topic: "a", Props: text(mqtt.PropReceiveMaximum, 1)}, "Receive Maximum"},
		{"unknown property", 5, &Message{Topic: "a", Props: text(99, 1)}, "property 0x63"},
		{"properties in 3.1.1", 4, &Message{Topic: "a", Props: text(mqtt.PropPayloadFormatIndicator, 1)}, "3.1.1 has no properties"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newSenderBench(t, tc.version, Queue{}, 0, newSenderStore())
			for _, up := range []bool{false, true} {
				if up {
					b.run("up")
				}
				h, err := b.s.publish(b.now, tc.m)
				if err == nil || h != 0 || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("Publish returns %d and error %v", h, err)
				}
				if up && tc.m != nil && tc.m.QoS == 0 {
					if out, h, ok, again := b.s.direct([]byte("x"), 1, tc.m); string(out) != "x" || h != 0 || !ok || again.Error() != err.Error() {
						t.Errorf("direct returns %q, %d, %v, error %v, want error %v", out, h, ok, again, err)
					}
				}
			}
			if b.s.pending() != 0 || b.store.puts != 0 || b.ids.Len() != 0 || b.s.props != nil && b.s.props[:1][0].ID != 0 {
				t.Errorf("%d messages, %d puts, %d identifiers are left", b.s.pending(), b.store.puts, b.ids.Len())
			}
		})
	}
}

func TestSenderPeerLimitError(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, 0, nil)
	b.run("up qos=0")
	_, err := b.s.publish(b.now, &Message{Topic: "a", QoS: 1})
	var limit *mqtt.PeerLimitError
	if !errors.As(err, &limit) || *limit != (mqtt.PeerLimitError{Limit: "Maximum QoS", Value: 0, Got: 1}) {
		t.Errorf("error %v", err)
	}
}

// direct sends only if nothing waits before the message.
func TestSenderDirect(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, 1, nil)
	m := &Message{Topic: "a", Data: []byte("x"), Expiry: 5 * time.Second}
	direct := func(want string) {
		t.Helper()
		out, _, ok, err := b.s.direct(nil, 1, m)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(senderPackets(t, out, 5), " | "); got != want || ok != (want != "") {
			t.Fatalf("direct gives out %q, %v, want %q", got, ok, want)
		}
		b.ended += uint64(len(out))
		b.s.appended(b.ended)
	}
	direct("")
	b.run("up lost")
	direct("a=x q0 exp=5")
	b.run("written\n= 1 Sent")
	b.run("pub b=1 q1")
	direct("") // it waits to be sent
	b.run("> 1 b=1 q1")
	direct("a=x q0 exp=5")
	b.run("pub b=2 q1\n> -")
	direct("") // the window is closed
	b.run("< PUBACK 1\n> 2 b=2 q1\n< PUBREC 7")
	direct("") // PUBREL waits
	b.run("> PUBREL 7 0x92")
	direct("a=x q0 exp=5")
	b.run("down")
	direct("")
	b.run("up")
	direct("") // a message is sent again first
	b.run("close")
	direct("")
	if out, _, ok, _ := b.s.direct(nil, 0, m); ok || out != nil {
		t.Error("direct without room")
	}
}

// pending counts everything until its outcome is taken.
func TestSenderPending(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 0, nil)
	for i, step := range []string{"pub a=1", "pub a=2 q1", "up", "> a=1 q0 | 1 a=2 q1", "< PUBACK 1", "written"} {
		b.run(step)
		if got, want := b.s.pending(), min(i+1, 2); got != want {
			t.Errorf("after %q: pending is %d, want %d", step, got, want)
		}
	}
	b.run("= 2 Acknowledged | 1 Sent")
	if b.s.pending() != 0 {
		t.Errorf("pending is %d", b.s.pending())
	}
}
