package session

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// senderLoop publishes a message and takes it through its exchange to its outcome.
type senderLoop struct {
	s     *sender
	store *discardStore
	m     Message
	buf   []byte
	ended uint64
	now   time.Time
}

// discardStore forgets everything.
type discardStore struct{ puts, deletes, commits int }

func (d *discardStore) Load(func(key, value []byte) error) error { return nil }
func (d *discardStore) Put(key, value []byte) error              { d.puts++; return nil }
func (d *discardStore) Delete(key []byte) error                  { d.deletes++; return nil }
func (d *discardStore) Commit() error                            { d.commits++; return nil }
func (d *discardStore) Close() error                             { return nil }

func newSenderLoop(version, qos uint8, size int, durable bool) *senderLoop {
	j, d := &journal{}, &discardStore{}
	if durable {
		j.store = d
	}
	l := &senderLoop{s: newSender(version, &packetid.Pool{}, j, Queue{}, 0), store: d, now: senderTime, buf: make([]byte, 0, size+100)}
	l.m = Message{Topic: "sensors/7/temperature", Data: make([]byte, size), QoS: qos, Done: func(*Outcome) {}}
	caps := mqtt.NewCapabilities(version)
	l.s.up(l.now, false, &caps)
	return l
}

// turn gives out what can be sent, and answers as the server does, until the message has its
// outcome.
func (l *senderLoop) turn(b testing.TB) {
	if _, err := l.s.publish(l.now, &l.m); err != nil {
		b.Fatal(err)
	}
	l.finish(b, l.s.append(l.now, l.buf[:0], 1<<16))
}

func (l *senderLoop) finish(b testing.TB, out []byte) {
	answer := mqtt.Message{Cmd: mqtt.CmdPuback, Version: l.s.version, ID: uint16(0)}
	switch l.m.QoS {
	case 0:
		l.ended += uint64(len(out))
		l.s.appended(l.ended)
		l.s.written(l.ended)
	case 1:
		answer.ID = l.s.inflight.first.id
		l.s.receive(l.now, &answer)
	case 2:
		answer.ID, answer.Cmd = l.s.inflight.first.id, mqtt.CmdPubrec
		l.s.receive(l.now, &answer)
		l.s.append(l.now, out[:0], 1<<16)
		answer.Cmd = mqtt.CmdPubcomp
		l.s.receive(l.now, &answer)
	}
	l.s.j.commit()
	o, done := l.s.outcome()
	if o == nil || o.Err != nil {
		b.Fatal("no outcome, or an error")
	}
	done(o)
}

func (l *senderLoop) direct(b testing.TB) {
	out, _, ok, err := l.s.direct(l.buf[:0], 1<<16, &l.m)
	if !ok || err != nil {
		b.Fatal(ok, err)
	}
	l.finish(b, out)
}

// After a warm-up a message that goes through its exchange allocates nothing: records and their
// buffers are used again. So do entries of the store, apart from what the store itself allocates.
func TestSenderDoesNotAllocate(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		for qos := range uint8(3) {
			for _, durable := range []bool{false, true} {
				l := newSenderLoop(version, qos, 100, durable)
				l.m.Expiry = time.Minute
				l.turn(t)
				if n := testing.AllocsPerRun(1000, func() { l.turn(t) }); n != 0 && !senderRace() {
					t.Errorf("version %d, QoS %d, durable %v: %v allocations per message, want 0", version, qos, durable, n)
				}
			}
		}
		l := newSenderLoop(version, 0, 100, false)
		l.m.Expiry = time.Minute
		l.direct(t)
		if n := testing.AllocsPerRun(1000, func() { l.direct(t) }); n != 0 && !senderRace() {
			t.Errorf("version %d: direct: %v allocations per message, want 0", version, n)
		}
	}
}

// A message that waits allocates its record and its packet: two allocations at most, if no record
// can be used again.
func TestSenderAllocationsPerMessage(t *testing.T) {
	for _, version := range []uint8{4, 5} {
		for qos := range uint8(3) {
			s := newSender(version, &packetid.Pool{}, &journal{}, Queue{Messages: -1, Bytes: -1}, 0)
			m := Message{Topic: "sensors/7/temperature", Data: make([]byte, 100), QoS: qos}
			if n := testing.AllocsPerRun(5000, func() {
				if _, err := s.publish(senderTime, &m); err != nil {
					t.Fatal(err)
				}
			}); n > 2 {
				t.Errorf("version %d, QoS %d: %v allocations per message, want at most 2", version, qos, n)
			}
		}
	}
}

// senderRace reports whether the race detector is on: then sync.Pool drops records at random.
func senderRace() bool {
	for range 100 {
		r := new(record)
		records.Put(r)
		if records.Get() != r {
			return true
		}
	}
	return false
}
