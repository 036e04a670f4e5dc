package session

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// senderEntry makes an entry with its checksum.
func senderEntry(seq uint64, state, version byte, id uint16, deadline time.Time, order uint64, packet []byte) (key, value []byte) {
	key = binary.BigEndian.AppendUint64([]byte{'o'}, seq)
	value = binary.BigEndian.AppendUint16([]byte{1, state, version}, id)
	nanos := uint64(0)
	if !deadline.IsZero() {
		nanos = uint64(deadline.UnixNano())
	}
	value = binary.BigEndian.AppendUint64(value, nanos)
	value = binary.BigEndian.AppendUint64(value, order)
	return key, senderSum(key, append(value, packet...))
}

func senderSum(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, checksum(key, value))
}

func senderPublish(version uint8, p mqtt.PublishPacket) []byte {
	packet, err := mqtt.AppendPublish(nil, version, &p)
	if err != nil {
		panic(err)
	}
	return packet
}

// The format is fixed: a later version reads the entries of this one.
func TestSenderEntryFormat(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, 0, newSenderStore())
	b.run("pub a=1 q1 exp=9s\nup lost\n> 1 a=1 q1 exp=9\npub b=2 q2\n> 2 b=2 q2\n< PUBREC 2\n> PUBREL 2\npub c=0")
	want := map[string]string{}
	add := func(key, value []byte) { want[string(key)] = string(value) }
	add([]byte("o"), senderSum([]byte("o"), []byte{1, 0, 0, 0, 0, 0, 0, 4, 0, 1}))
	add(senderEntry(1, 1, 5, 1, senderTime.Add(9*time.Second), 0, []byte("\x32\x0c\x00\x01a\x00\x01\x05\x02\x00\x00\x00\x091")))
	add(senderEntry(2, 2, 5, 2, time.Time{}, 1, []byte("\x34\x07\x00\x01b\x00\x02\x002")))
	if !maps.Equal(b.store.pending, want) {
		t.Errorf("the store has %q, want %q", b.store.pending, want)
	}
}

// An entry that was changed in any byte, cut or extended is refused with its key.
func TestSenderLoadDamaged(t *testing.T) {
	b := newSenderBench(t, 5, Queue{}, 0, newSenderStore())
	b.run("pub a=1 q1 exp=9s\nup\n> 1 a=1 q1 exp=9")
	for key, value := range b.store.pending {
		refused := func(key, value []byte) {
			t.Helper()
			s := newSender(5, &packetid.Pool{}, &journal{}, Queue{}, 0)
			err := s.load(senderTime, key, value)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("session: store: entry %q: ", key)) {
				t.Fatalf("load of %q, %q returns error %v", key, value, err)
			}
			if s.pending() != 0 || s.ids.Len() != 0 {
				t.Fatalf("load of %q, %q keeps something", key, value)
			}
		}
		for i := range len(value) {
			for bit := range 8 {
				damaged := []byte(value)
				damaged[i] ^= 1 << bit
				refused([]byte(key), damaged)
			}
			refused([]byte(key), []byte(value[:i]))
		}
		for i := range len(key) {
			damaged := []byte(key)
			damaged[i] ^= 4
			refused(damaged, []byte(value))
		}
		refused([]byte(key), []byte(value+"x"))
		refused([]byte(key+"x"), []byte(value))
		refused([]byte("o1234"), []byte(value))
		refused(nil, []byte(value))
		refused([]byte(key), nil)
	}
}

// Entries with a right checksum that make no sense.
func TestSenderLoadForeign(t *testing.T) {
	q1 := senderPublish(5, mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1})
	q2 := senderPublish(5, mqtt.PublishPacket{Topic: "a", QoS: 2, ID: 1})
	props := senderPublish(5, mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1, Props: []mqtt.Property{{ID: mqtt.PropContentType, Value: []byte("x")}}})
	alias := senderPublish(5, mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1, Props: []mqtt.Property{{ID: mqtt.PropTopicAlias, Int: 1}}})
	for _, tc := range []struct {
		name           string
		seq            uint64
		state, version byte
		id             uint16
		packet         []byte
		sender         uint8
		want           string
	}{
		{"handle 0", 0, 0, 5, 0, q1, 5, "the handle is 0"},
		{"handle", maxHandle + 1, 0, 5, 0, q1, 5, "the handle is 4611686018427387905, want 1 to 4611686018427387904"},
		{"state", 1, 4, 5, 1, q1, 5, "the state is 4"},
		{"version", 1, 0, 3, 0, q1, 5, "the version of MQTT is 3"},
		{"queued with an identifier", 1, 0, 5, 7, q1, 5, "the packet identifier is 7 in state 0"},
		{"in flight without an identifier", 1, 1, 5, 0, q1, 5, "the packet identifier is 0 in state 1"},
		{"released QoS 1", 1, 2, 5, 1, q1, 5, "has QoS 1, want 2"},
		{"burnt with a message", 1, 3, 5, 1, q2, 5, "has a message"},
		{"no packet", 1, 0, 5, 0, nil, 5, "incomplete packet"},
		{"half a packet", 1, 0, 5, 0, q1[:4], 5, "incomplete packet"},
		{"two packets", 1, 0, 5, 0, slices.Concat(q1, q1), 5, "bytes follow the message"},
		{"QoS 0", 1, 0, 5, 0, senderPublish(5, mqtt.PublishPacket{Topic: "a"}), 5, "want a PUBLISH of QoS 1 or 2"},
		{"DUP", 1, 0, 5, 0, senderPublish(5, mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1, Dup: true}), 5, "without DUP"},
		{"PUBACK", 1, 0, 5, 0, []byte{0x40, 2, 0, 1}, 5, "it has PUBACK"},
		{"alias", 1, 0, 5, 0, alias, 5, "Topic Alias"},
		{"malformed", 1, 0, 5, 0, []byte{0x32, 1, 0}, 5, "Malformed"},
		{"properties for 3.1.1", 1, 0, 5, 0, props, 4, "3.1.1 has no properties"},
		{"packet of 5.0 as one of 3.1.1 in 5.0", 1, 0, 5, 0, senderPublish(4, mqtt.PublishPacket{Topic: "a", QoS: 1, ID: 1}), 5, "PUBLISH"},
	} {
		key, value := senderEntry(tc.seq, tc.state, tc.version, tc.id, time.Time{}, 0, tc.packet)
		s := newSender(tc.sender, &packetid.Pool{}, &journal{}, Queue{}, 0)
		err := s.load(senderTime, key, value)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), fmt.Sprintf("entry %q", key)) {
			t.Errorf("%s: error %v", tc.name, err)
		}
		if s.pending() != 0 || s.ids.Len() != 0 {
			t.Errorf("%s: something is kept", tc.name)
		}
	}
	s := newSender(5, &packetid.Pool{}, &journal{}, Queue{}, 0)
	for i, want := range []string{"", "its packet identifier is used by another entry"} {
		err := s.load(senderTime, first(senderEntry(uint64(i+1), 1, 5, 7, time.Time{}, 0, q1)), second(senderEntry(uint64(i+1), 1, 5, 7, time.Time{}, 0, q1)))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("entry %d with identifier 7: error %v", i+1, err)
		}
	}
}

func first(a, _ []byte) []byte  { return a }
func second(_, b []byte) []byte { return b }

// A store can be opened with another version of MQTT, if that can express the messages.
func TestSenderLoadOtherVersion(t *testing.T) {
	for _, versions := range [][2]uint8{{4, 5}, {5, 4}} {
		b := newSenderBench(t, versions[0], Queue{}, 0, newSenderStore())
		b.run("pub a=1 q1 retain\nup\npub a=2 q2")
		b.append(20)
		b.run("pub a=3 q1 exp=9s")
		b.version = versions[1]
		b.run("restart\nafter 1s\nup")
		want := "1 a=1 q1 dup retain | 2 a=2 q2 dup | 3 a=3 q1 dup"
		if b.version == 5 {
			want += " exp=8"
		}
		if got := strings.Join(b.append(1<<20), " | "); got != want {
			t.Errorf("from %d to %d: %s, want %s", versions[0], versions[1], got, want)
		}
	}
}

// No handle is used twice in a store, whatever is deleted, and however the process ends.
func TestSenderHandles(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 0, newSenderStore())
	committed := map[Handle]bool{}
	last := Handle(0)
	for i := range 5000 {
		h, err := b.s.publish(b.now, &Message{Topic: "a", QoS: uint8(i % 3), Expiry: 1})
		if err != nil {
			t.Fatal(err)
		}
		if committed[h] || h == 0 || i%700 != 0 && h != last+1 {
			t.Fatalf("handle %d after %d", h, last)
		}
		if last = h; i%3 == 0 {
			b.s.j.commit()
			committed[h] = true
		}
		b.run("after 1ns") // it expires, and the store deletes it
		if n := len(b.outcomes()); n != 1 {
			t.Fatalf("%d outcomes", n)
		}
		if i%700 == 699 {
			b.run("crash")
		}
	}
	if b.store.puts > 5000 {
		t.Errorf("%d puts", b.store.puts)
	}
}

// A message that can be sent at once is put once, and one of QoS 2 once more when it is released.
func TestSenderPuts(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 1, newSenderStore())
	for i, step := range []struct {
		script        string
		puts, deletes int
	}{
		{"up\npub a=1 q2\n> 1 a=1 q2", 2, 0}, // one is the block of handles
		{"pub a=2 q1\n> -", 3, 0},
		{"< PUBREC 1\n> PUBREL 1", 4, 0},
		{"< PUBCOMP 1", 4, 1},
		{"> 2 a=2 q1", 5, 1},
		{"< PUBACK 2", 5, 2},
		{"pub a=3\n> a=3 q0\ndown", 5, 2},
		{"pub a=4\nclose", 5, 2},
	} {
		b.run(step.script)
		if b.store.puts != step.puts || b.store.deletes != step.deletes {
			t.Errorf("step %d: %d puts, %d deletes, want %d, %d", i, b.store.puts, b.store.deletes, step.puts, step.deletes)
		}
	}
}

// The released state is put before PUBREL leaves, and an identifier before PUBLISH leaves: append
// changes the store only in ways that the commit after it makes durable.
func TestSenderPutsBeforePackets(t *testing.T) {
	b := newSenderBench(t, 4, Queue{}, 0, newSenderStore())
	b.run("pub a=1 q2\nup")
	out := b.s.append(b.now, nil, 1)
	if len(out) == 0 || !b.s.j.dirty || b.stored(1) != storedInflight {
		t.Errorf("PUBLISH leaves; the state in the store is %d", b.stored(1))
	}
	b.s.j.commit()
	b.receive("PUBREC 1")
	if !b.s.j.dirty || b.stored(1) != storedReleased {
		t.Errorf("after PUBREC the state in the store is %d", b.stored(1))
	}
}

func (b *senderBench) stored(seq uint64) byte {
	return b.store.pending[string(binary.BigEndian.AppendUint64([]byte{'o'}, seq))][1]
}
