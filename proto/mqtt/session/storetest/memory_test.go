package storetest_test

import (
	"errors"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt/session/storetest"
)

func contents(t *testing.T, s storetest.Store) (all string) {
	t.Helper()
	err := s.Load(func(key, value []byte) error {
		all += string(key) + "=" + string(value) + " "
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// A crash loses what was not committed, and makes the old store unusable.
func TestMemoryCrash(t *testing.T) {
	var m storetest.Memory
	old, err := m.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	old.Put([]byte("a"), []byte("1"))
	if err := old.Commit(); err != nil || old.Commits() != 1 {
		t.Errorf("Commit: %v, %d commits", err, old.Commits())
	}
	old.Put([]byte("b"), []byte("2"))
	m.Crash("x")
	if old.Commit() == nil || old.Commits() != 1 {
		t.Error("the old store commits after the crash")
	}
	m.Crash("never opened")
	s, err := m.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	old.Close() // harmless
	if _, err := m.Open("x"); err == nil {
		t.Error("opened twice")
	}
	if got := contents(t, s); got != "a=1 " {
		t.Errorf("contents %q", got)
	}
}

// A failed Commit changes nothing, and is the error of all later calls.
func TestMemoryFail(t *testing.T) {
	broken := errors.New("no space left")
	var m storetest.Memory
	s, err := m.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	m.Fail = func() error { return broken }
	if err := s.Put([]byte("a"), nil); err != nil {
		t.Error(err)
	}
	if err := s.Commit(); err != broken {
		t.Errorf("Commit: %v", err)
	}
	m.Fail = nil
	for call, err := range map[string]error{
		"Put": s.Put([]byte("a"), nil), "Delete": s.Delete([]byte("a")), "Commit": s.Commit(),
		"Load": s.Load(func(_, _ []byte) error { return nil }),
	} {
		if err != broken {
			t.Errorf("%s after the failed Commit: %v", call, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = m.Open("x"); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, s); got != "" {
		t.Errorf("contents %q", got)
	}
}
