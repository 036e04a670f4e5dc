package reactor

import (
	"testing"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// reporter is a source that counts what it hears.
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

// A batch is about the descriptors as they were when the kernel was asked: who
// has got the number of one that was closed since hears nothing of it, nor
// does anyone else, and hears of the next batch.
func TestBatchIsNotForSuccessors(t *testing.T) {
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
	for fd, src := range map[int]source{a.FD(): first, b.FD(): old} {
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
		t.Errorf("heard: the first %d, the one that went %d, its successor %d; want 1, 0, 0", first.heard, old.heard, successor.heard)
	}
	m.deliver(batch)
	if first.heard != 2 || old.heard != 0 || successor.heard != 1 {
		t.Errorf("heard: the first %d, the one that went %d, its successor %d; want 2, 0, 1", first.heard, old.heard, successor.heard)
	}
	m.unregister(a.FD())
	m.unregister(b.FD())
	m.deliver(batch) // about descriptors that nobody has
	if first.heard+successor.heard != 3 {
		t.Error("heard of a descriptor that is not watched")
	}
}
