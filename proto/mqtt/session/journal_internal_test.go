package session

import (
	"errors"
	"strings"
	"testing"
)

func TestJournalWithoutStore(t *testing.T) {
	var j journal
	if j.durable() || j.put([]byte("k"), nil) != nil || j.delete([]byte("k")) != nil || j.commit() != nil || j.dirty {
		t.Errorf("a journal without a store does something: %+v", j)
	}
}

// commit reaches the store also if the session has made no change: the program may have made some.
func TestJournalCommit(t *testing.T) {
	st := newSenderStore()
	j := journal{store: st}
	st.fail = errors.New("the store was called")
	if err := j.commit(); !errors.Is(err, st.fail) {
		t.Errorf("commit without changes: %v", err)
	}
	st.fail, j.err = nil, nil
	for _, change := range []func() error{
		func() error { return j.put([]byte("k"), []byte("v")) },
		func() error { return j.delete([]byte("k")) },
	} {
		if err := change(); err != nil || !j.dirty {
			t.Fatalf("dirty %v, error %v", j.dirty, err)
		}
		if err := j.commit(); err != nil || j.dirty || len(st.pending) != len(st.committed) {
			t.Errorf("dirty %v, error %v", j.dirty, err)
		}
	}
}

// The first error stays. The store is not called again.
func TestJournalError(t *testing.T) {
	for name, call := range map[string]func(j *journal) error{
		`put of entry "k\x01"`:    func(j *journal) error { return j.put([]byte("k\x01"), nil) },
		`delete of entry "k\x01"`: func(j *journal) error { return j.delete([]byte("k\x01")) },
		`commit`:                  func(j *journal) error { j.dirty = true; return j.commit() },
	} {
		st := newSenderStore()
		j := journal{store: st}
		disk := errors.New("the disk is full")
		st.fail = disk
		err := call(&j)
		if want := "session: store: " + name + ": the disk is full"; !errors.Is(err, disk) || err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		puts, deletes := st.puts, st.deletes
		st.fail = nil
		if j.put([]byte("x"), nil) != err || j.delete([]byte("x")) != err || j.commit() != err {
			t.Error("the journal forgets its error")
		}
		if st.puts != puts || st.deletes != deletes || len(st.committed) != 0 {
			t.Error("the store is called after an error")
		}
	}
}

// After an error of the store the sender accepts no message and gives out no packet. It keeps
// nothing of a message that Publish has refused.
func TestSenderStoreFails(t *testing.T) {
	start := func(script string) *senderBench {
		b := newSenderBench(t, 4, Queue{}, 0, newSenderStore())
		b.run(script)
		b.store.fail = errors.New("the disk is full")
		return b
	}
	refused := func(b *senderBench) {
		t.Helper()
		for range 2 {
			for _, m := range []string{"a=9 q1", "a=9"} {
				if h, err := b.s.publish(b.now, senderMessage(m)); h != 0 || err == nil || !strings.Contains(err.Error(), "the disk is full") {
					t.Errorf("Publish returns %d and error %v", h, err)
				}
			}
		}
		if out := b.s.append(b.now, []byte("x"), 1<<20); string(out) != "x" {
			t.Errorf("append gives out %q", out)
		}
		senderCheck(t, b.s)
	}
	b := start("up")
	refused(b)
	if b.s.pending() != 0 || b.ids.Len() != 0 {
		t.Errorf("%d messages and %d identifiers are left", b.s.pending(), b.ids.Len())
	}

	b = start("up\npub a=0\n> a=0 q0") // the next handle needs no put, the entry does
	refused(b)
	if b.s.pending() != 1 || b.ids.Len() != 0 {
		t.Errorf("%d messages and %d identifiers are left", b.s.pending(), b.ids.Len())
	}

	b = start("pub a=1 q1\npub a=2 q1\nup")
	if out := b.s.append(b.now, []byte("x"), 1<<20); string(out) != "x" {
		t.Errorf("append gives out %q", out)
	}
	refused(b)

	b = start("up\npub a=1 q2\n> 1 a=1 q2")
	b.receive("PUBREC 1")
	refused(b)

	b = start("up\npub a=1 q1\n> 1 a=1 q1")
	b.receive("PUBACK 1")
	refused(b)

	b = start("up\npub a=1\n> a=1 q0")
	b.s.j.put([]byte("x"), nil) // of another machine
	refused(b)
	if out, h, ok, err := b.s.direct([]byte("x"), 1, senderMessage("a=1")); string(out) != "x" || h != 0 || !ok || err == nil {
		t.Errorf("direct returns %q, %d, %v, error %v", out, h, ok, err)
	}
	b.run("close") // every message has its outcome even so
	if n := len(b.outcomes()); n != 1 {
		t.Errorf("%d outcomes, want 1", n)
	}
}
