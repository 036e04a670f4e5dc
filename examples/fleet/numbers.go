package main

import "math/bits"

// numbers is a set of the numbers from 1 on. If they come in order, it is one number. Otherwise it
// has a bit for each number after the first that is missing.
type numbers struct {
	below uint64   // contains all numbers up to this one
	bits  []uint64 // bit i of word w is the number from+64w+i
	from  uint64
}

// has reports whether the set contains n.
func (s *numbers) has(n uint64) bool {
	if n <= s.below {
		return true
	}
	i := n - s.from
	return i/64 < uint64(len(s.bits)) && s.bits[i/64]&(1<<(i%64)) != 0
}

// add adds n. It reports whether the set did not contain it.
func (s *numbers) add(n uint64) bool {
	switch {
	case s.has(n):
		return false
	case n == s.below+1 && len(s.bits) == 0:
		s.below = n
		return true
	case len(s.bits) == 0:
		s.from = s.below + 1
	}
	i := n - s.from
	for i/64 >= uint64(len(s.bits)) {
		s.bits = append(s.bits, 0)
	}
	s.bits[i/64] |= 1 << (i % 64)
	s.trim()
	return true
}

// trim moves the full beginning of bits to below.
func (s *numbers) trim() {
	for len(s.bits) > 0 && s.bits[0] == ^uint64(0) {
		s.bits, s.from = s.bits[1:], s.from+64
	}
	s.below = s.from - 1
	if len(s.bits) > 0 {
		s.below += uint64(bits.TrailingZeros64(^s.bits[0]))
		if len(s.bits) == 1 && s.bits[0]>>(s.below+1-s.from) == 0 {
			s.bits = nil // nothing is missing
		}
	} else {
		s.bits = nil
	}
}
