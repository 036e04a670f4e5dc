package packetid

import (
	"math/rand/v2"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	model := map[uint16]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		id := uint16(r.Uint32())
		if r.IntN(4) == 0 {
			id &= 0xFF
		}
		switch r.IntN(3) {
		case 0:
			if s.Add(id) == model[id] {
				t.Fatalf("Add(%d) with model %v", id, model[id])
			}
			model[id] = true
		case 1:
			if s.Remove(id) != model[id] {
				t.Fatalf("Remove(%d) with model %v", id, model[id])
			}
			delete(model, id)
		}
		if s.Has(id) != model[id] || s.Len() != len(model) {
			t.Fatalf("Has(%d) is %v, Len is %d; want %v and %d", id, s.Has(id), s.Len(), model[id], len(model))
		}
	}
}

// Next returns each free identifier once and never one that is in use, also around the end.
func TestPoolNext(t *testing.T) {
	for _, taken := range [][]uint16{nil, {1}, {65535}, {1, 65535}, {63, 64, 65}, {64, 127, 128, 65472}} {
		var p Pool
		for _, id := range taken {
			if !p.Take(id) {
				t.Fatalf("Take(%d) of a free identifier returned false", id)
			}
		}
		seen := map[uint16]bool{}
		for range 65535 - len(taken) {
			id, ok := p.Next()
			if !ok || id == 0 || seen[id] {
				t.Fatalf("taken %v: Next returned %d, %v after %d", taken, id, ok, len(seen))
			}
			seen[id] = true
		}
		for _, id := range taken {
			if seen[id] {
				t.Errorf("taken %v: Next returned %d", taken, id)
			}
		}
		if id, ok := p.Next(); ok {
			t.Errorf("taken %v: Next returned %d, but all are in use", taken, id)
		}
		p.Release(7)
		if id, ok := p.Next(); !ok || id != 7 {
			t.Errorf("taken %v: Next returned %d, %v, want the only free one, 7", taken, id, ok)
		}
	}
}

func TestPoolTake(t *testing.T) {
	var p Pool
	if p.Take(0) {
		t.Error("Take(0) returned true")
	}
	if !p.Take(2) || p.Take(2) || !p.InUse(2) {
		t.Error("an identifier can be taken once")
	}
	if id, _ := p.Next(); id != 1 {
		t.Errorf("Next returned %d, want 1", id)
	}
	if id, _ := p.Next(); id != 3 {
		t.Errorf("Next returned %d, want 3", id)
	}
	if !p.Release(2) || p.Release(2) || p.Len() != 2 {
		t.Error("an identifier can be released once")
	}
	if id, _ := p.Next(); id != 4 {
		t.Errorf("Next returned %d, want 4: identifiers are used again as late as possible", id)
	}
	p.Continue(65535)
	if id, _ := p.Next(); id != 2 {
		t.Errorf("Next after Continue(65535) returned %d, want 2, the first free one", id)
	}
	p.Release(2)
	p.Continue(9)
	if id, _ := p.Next(); id != 10 {
		t.Errorf("Next after Continue(9) returned %d, want 10", id)
	}
	p.Release(10)
}

func TestPoolAllocs(t *testing.T) {
	var p Pool
	if n := testing.AllocsPerRun(100000, func() {
		id, _ := p.Next()
		p.Release(id)
	}); n != 0 {
		t.Errorf("Next and Release allocate %v times", n)
	}
}
