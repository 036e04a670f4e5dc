package reactor

import (
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// reporter is a source that counts the reports about its descriptor.
type reporter struct {
	heard int
	then  func()
}

func (r *reporter) ready(poll.Interest) {
	r.heard++
	if r.then != nil {
		r.then()
	}
}

// A batch is about the descriptors that were registered when the poller was asked. A
// source that registers a descriptor of the same number meanwhile gets nothing from this
// batch, and its reports from the next.
func TestBatchIsNotDeliveredToLaterRegistrations(t *testing.T) {
	m := quiet(t)
	a, err := poll.NewWakeup()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := poll.NewWakeup()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	old, successor, first := &reporter{}, &reporter{}, &reporter{}
	first.then = func() {
		first.then = nil
		m.unregister(b.FD())
		if err := m.register(b.FD(), successor, poll.Readable); err != nil {
			t.Fatal(err)
		}
	}
	for fd, src := range map[int]descriptorOwner{a.FD(): first, b.FD(): old} {
		if err := m.register(fd, src, poll.Readable); err != nil {
			t.Fatal(err)
		}
	}
	batch := []poll.Ready{
		{FD: a.FD(), Interest: poll.Readable},
		{FD: b.FD(), Interest: poll.Readable},
	}
	m.deliver(batch)
	if first.heard != 1 || old.heard != 0 || successor.heard != 0 {
		t.Errorf("reports: first %d, old %d, successor %d; want 1, 0, 0", first.heard, old.heard, successor.heard)
	}
	m.deliver(batch)
	if first.heard != 2 || old.heard != 0 || successor.heard != 1 {
		t.Errorf("reports: first %d, old %d, successor %d; want 2, 0, 1", first.heard, old.heard, successor.heard)
	}
	m.unregister(a.FD())
	m.unregister(b.FD())
	m.deliver(batch) // about descriptors that are not registered
	if first.heard+successor.heard != 3 {
		t.Error("a report about a descriptor that is not registered was delivered")
	}
}

// The table finds what was added, also at the ends of its pages, and nothing else. Adding does not
// move what is in the table.
func TestRegistrationTable(t *testing.T) {
	var table registrationTable
	var added []*registration
	fds := []int{0, 1<<pageBits - 1, 1 << pageBits, 1 << 20}
	for i, fd := range fds {
		r := table.add(fd)
		r.sinceBatch = uint32(i + 1)
		added = append(added, r)
	}
	for i, fd := range fds {
		if r := table.find(fd); r != added[i] || r != table.add(fd) || r.sinceBatch != uint32(i+1) {
			t.Errorf("descriptor %d: %+v", fd, r)
		}
	}
	for _, fd := range []int{-1, 2 << pageBits, 1<<20 + 1<<pageBits, 1 << 30} {
		if r := table.find(fd); r != nil {
			t.Errorf("descriptor %d: %+v", fd, r)
		}
	}
	for fd := range 1 << pageBits {
		if r := table.find(fd); r == nil || fd > 0 && fd < 1<<pageBits-1 && *r != (registration{}) {
			t.Errorf("descriptor %d: %+v", fd, r)
		}
	}
}
