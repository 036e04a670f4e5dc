//go:build linux

package main

import (
	"testing"
)

// A server process gets its settings as arguments.
func TestServing(t *testing.T) {
	want := serving{loops: 2, heap: 100}
	if got, err := parseServing(want.args()); err != nil || got.loops != 2 || got.heap != 100 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, args := range [][]string{nil, {"1"}, {"x", "1"}, {"1", "x"}, {"1", "1", "1"}} {
		if _, err := parseServing(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// The child processes find a server by its kind and name.
func TestKinds(t *testing.T) {
	known := map[string]bool{}
	for _, s := range kinds() {
		id := s.kind + " " + s.name
		if s.kind == "" || s.serve == nil || s.about == "" || known[id] {
			t.Errorf("%q: no kind, no function, no text, or twice", id)
		}
		known[id] = true
	}
}

// A heap of live objects has about the size that was asked for, and replacing objects does not let
// it grow.
func TestLive(t *testing.T) {
	s := newLiveState(2)
	if n := len(s.all) * liveSize; n != 2<<20 {
		t.Errorf("%d bytes", n)
	}
	before := s.all[0]
	for range 3 * len(s.all) {
		s.touch()
	}
	if s.all[0] == before || len(s.topic) > 1024 {
		t.Error("nothing was replaced, or too much is alive")
	}
	(*liveState)(nil).touch()
}

func TestBusiest(t *testing.T) {
	if got := busiest([]float64{1, 3}); got != 75 {
		t.Errorf("%v, want 75", got)
	}
}
