package session

import (
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// A server that has kept the session of a dead process may hold identifiers of QoS 2. Each is
// cleared once, before a message of QoS 2 uses it.
func TestSenderClear(t *testing.T) {
	runSenderFlows(t, []senderFlow{
		{name: "once per identifier", window: 1, script: `
			unknown
			up
			> -
			pub a=1 q2
			> PUBREL 1
			> -
			< PUBCOMP 1
			> 1 a=1 q2
			< PUBREC 1
			> PUBREL 1
			< PUBCOMP 1
			= 1 Acknowledged`},
		{name: "an unknown identifier is a success", only: 5, script: `
			unknown
			up
			pub a=1 q2
			> PUBREL 1
			< PUBCOMP 1 0x92
			> 1 a=1 q2`},
		{name: "several at once, at most as many as there are messages", window: 2, script: `
			unknown
			pub a=1 q2
			pub a=2 q2
			pub a=3 q2
			up
			> PUBREL 1 | PUBREL 2
			< PUBCOMP 2
			> 2 a=1 q2
			< PUBCOMP 1
			> 1 a=2 q2
			< PUBREC 2
			> PUBREL 2
			< PUBCOMP 2
			> PUBREL 3
			< PUBCOMP 3
			> 3 a=3 q2`},
		{name: "not beyond room", script: `
			unknown
			pub a=1 q2
			pub a=2 q2
			up
			>1 PUBREL 1
			>4 PUBREL 2`},
		{name: "an answer to nothing clears nothing", script: `
			unknown
			up
			< PUBCOMP 1
			pub a=1 q2
			< PUBCOMP 1
			> PUBREL 1
			< PUBCOMP 2
			> -
			< PUBREC 1 0x92
			< PUBCOMP 1
			> 1 a=1 q2`},
		{name: "QoS 0 and 1 need none, and keep their order", script: `
			unknown
			up
			pub a=1 q1
			> 1 a=1 q1
			pub a=2 q2
			pub a=3 q1
			pub a=4
			> PUBREL 2 | PUBREL 3
			< PUBACK 1
			> -
			< PUBCOMP 2
			> 2 a=2 q2 | 4 a=3 q1 | a=4 q0
			pub a=5 q2
			> -
			< PUBCOMP 3
			> 3 a=5 q2`},
		{name: "a cut sends PUBREL again", script: `
			unknown
			up
			pub a=1 q2
			pub a=2 q2
			> PUBREL 1 | PUBREL 2
			< PUBCOMP 1
			> 1 a=1 q2
			down
			up
			< PUBCOMP 2
			> 1 a=1 q2 dup | PUBREL 2
			< PUBCOMP 2
			> 2 a=2 q2`},
		{name: "a lost session ends it", script: `
			unknown
			up
			pub a=1 q2
			pub a=2 q2
			> PUBREL 1 | PUBREL 2
			< PUBCOMP 1
			down
			up lost
			> 3 a=1 q2 | 4 a=2 q2
			down
			up
			> 3 a=1 q2 dup | 4 a=2 q2 dup
			pub a=3 q2
			> 5 a=3 q2`},
		{name: "a message that waits for it can expire", script: `
			unknown
			up
			pub a=1 q2 exp=1s
			> PUBREL 1
			after 2s
			< PUBCOMP 1
			> -
			= 1 Expired
			pub a=2 q2
			> 1 a=2 q2`},
		{name: "a message in flight keeps its identifier over a crash", script: `
			unknown
			up
			pub a=1 q2
			> PUBREL 1
			< PUBCOMP 1
			> 1 a=1 q2
			restart
			unknown
			up
			> 1 a=1 q2 dup
			pub a=2 q2
			> PUBREL 2`},
		{name: "a message whose identifier is not cleared has none after a crash", script: `
			unknown
			up
			pub a=1 q2
			> PUBREL 1
			restart
			unknown
			up
			> PUBREL 1`},
	})
}

// Each identifier is cleared once in a process.
func TestSenderClearAll(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 1, nil)
	b.run("unknown\nup")
	pubrels := 0
	for n := range 2 * 65535 {
		if _, err := b.s.publish(b.now, &Message{Topic: "a", QoS: 2}); err != nil {
			t.Fatal(err)
		}
		for b.s.finished.n == 0 {
			var m mqtt.Message
			if _, err := mqtt.Parse(b.s.append(b.now, nil, 100), 4, &m); err != nil {
				t.Fatal(err)
			}
			answer := mqtt.CmdPubcomp
			if m.Cmd == mqtt.CmdPublish {
				answer = mqtt.CmdPubrec
			} else {
				pubrels++
			}
			b.s.receive(b.now, &mqtt.Message{Cmd: answer, ID: m.ID, Version: 4})
		}
		b.outcomes()
		if want := n + 1 + min(n+1, 65535); pubrels != want {
			t.Fatalf("%d messages need %d PUBRELs, want %d", n+1, pubrels, want)
		}
	}
}

// Whether the store knows all identifiers of the server's session is part of the store.
func TestSenderClearStored(t *testing.T) {
	store := newSenderStore()
	b := newSenderBench(t, 5, Queue{}, 0, store)
	for _, step := range []struct {
		script string
		known  bool
	}{
		{"unknown\nup\npub a=1 q1", false}, // a new store of a session that the server has kept
		{"up", false},
		{"up lost", true},
		{"up", true},
		{"down\nup lost", true},
	} {
		b.run(step.script)
		b.s.j.commit()
		store.crash()
		b.ids = &packetid.Pool{}
		s := newSender(5, b.ids, &journal{store: store}, Queue{}, 0)
		if err := store.Load(func(k, v []byte) error { return s.load(b.now, k, v) }); err != nil {
			t.Fatal(err)
		}
		if b.s = s; s.known != step.known {
			t.Errorf("after %q the sender of the store says %v, want %v", step.script, s.known, step.known)
		}
	}
}
