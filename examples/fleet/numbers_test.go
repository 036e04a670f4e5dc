package main

import (
	"math/rand/v2"
	"testing"
)

// The set agrees with a map, for numbers that come nearly in order, with gaps that are filled later
// or never.
func TestNumbers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var s numbers
		model := map[uint64]bool{}
		next := uint64(1)
		gap, back := r.IntN(4) == 0, 1+r.Uint64N(200)
		for range 1000 {
			n := next
			switch {
			case r.IntN(10) == 0: // one that was before
				n = max(1, next-min(next-1, r.Uint64N(back)))
			case gap && r.IntN(20) == 0:
				n = next + r.Uint64N(150)
			}
			next = max(next, n+1)
			if s.add(n) == model[n] {
				t.Fatalf("add(%d) with model %v: %+v", n, model[n], s)
			}
			model[n] = true
			for _, n := range []uint64{n, next, 1 + r.Uint64N(next)} {
				if s.has(n) != model[n] {
					t.Fatalf("has(%d), model %v: %+v", n, model[n], s)
				}
			}
		}
		for n := range next + 300 {
			if n > 0 && s.has(n) != model[n] {
				t.Fatalf("has(%d), model %v: %+v", n, model[n], s)
			}
		}
	}
}

// If no number is missing, the set owns no memory.
func TestNumbersMemory(t *testing.T) {
	var s numbers
	for _, n := range []uint64{1, 2, 4, 3, 70, 5, 200} {
		s.add(n)
	}
	for n := range uint64(200) {
		s.add(n + 1)
	}
	if s.bits != nil || s.below != 200 {
		t.Errorf("%+v", s)
	}
	for n := uint64(202); n < 1000; n++ {
		s.add(n)
	}
	if len(s.bits) > 800/64+1 {
		t.Errorf("%d words for 800 numbers", len(s.bits))
	}
}
