package mqtt

import (
	"math/rand/v2"
	"testing"
)

// The set agrees with a map, also when it is full and when it is empty again.
func TestIDSet(t *testing.T) {
	var s idSet
	want := map[uint16]bool{}
	check := func(id uint16) {
		t.Helper()
		if s.has(id) != want[id] || s.size != len(want) {
			t.Fatalf("has(%d) = %v, want %v; size %d, want %d", id, s.has(id), want[id], s.size, len(want))
		}
	}
	if s.remove(7) || s.has(7) {
		t.Error("an empty set contains 7")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		id := uint16(r.IntN(600))
		if want[id] {
			if !s.remove(id) || s.remove(id) {
				t.Fatalf("remove(%d) is wrong", id)
			}
			delete(want, id)
		} else {
			s.add(id)
			want[id] = true
		}
		check(id)
		check(uint16(r.IntN(65536)))
	}
	for id := range want {
		s.remove(id)
	}
	for id := 1; id < 65536; id++ {
		s.add(uint16(id))
	}
	if s.size != 65535 || len(s.words) != 1024 {
		t.Errorf("the full set has size %d and %d words", s.size, len(s.words))
	}
	for id := 1; id < 65536; id++ {
		s.remove(uint16(id))
	}
	if s.size != 0 || len(s.words) != 0 {
		t.Errorf("the empty set has size %d and %d words", s.size, len(s.words))
	}
}
