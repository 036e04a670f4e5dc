// Package packetid has sets of MQTT packet identifiers, and the choice of an identifier that is
// not in use.
package packetid

import "math/bits"

// Set is a set of packet identifiers. It has one bit per identifier, in words of 64, and only the
// words that are not zero. So all 65,535 identifiers need about 20 KiB. Few identifiers that follow
// each other need no memory besides the Set. The zero value is an empty set.
type Set struct {
	word  uint64            // the word of the identifiers whose upper ten bits are at
	words map[uint16]uint64 // the other words, by the upper ten bits of the identifier
	at    uint16
	size  uint16 // identifiers; 0 is no identifier, so there are at most 65,535
}

// get returns a word.
func (s *Set) get(at uint16) uint64 {
	if at == s.at {
		return s.word
	}
	return s.words[at]
}

// set changes a word.
func (s *Set) set(at uint16, word uint64) {
	switch {
	case at == s.at:
		s.word = word
	case s.word == 0 && s.words[at] == 0:
		s.at, s.word = at, word
	case word == 0:
		delete(s.words, at)
	default:
		if s.words == nil {
			s.words = make(map[uint16]uint64)
		}
		s.words[at] = word
	}
}

// Len returns the number of identifiers in the set.
func (s *Set) Len() int { return int(s.size) }

// Has reports whether the set contains id.
func (s *Set) Has(id uint16) bool { return s.get(id>>6)&(1<<(id&63)) != 0 }

// Add adds an identifier. It reports whether the set did not contain it.
func (s *Set) Add(id uint16) bool {
	word, bit := s.get(id>>6), uint64(1)<<(id&63)
	if word&bit != 0 {
		return false
	}
	s.set(id>>6, word|bit)
	s.size++
	return true
}

// Remove removes an identifier. It reports whether the set contained it.
func (s *Set) Remove(id uint16) bool {
	word, bit := s.get(id>>6), uint64(1)<<(id&63)
	if word&bit == 0 {
		return false
	}
	s.size--
	s.set(id>>6, word&^bit)
	return true
}

// Clear removes all identifiers.
func (s *Set) Clear() { *s = Set{} }

// Pool gives out packet identifiers that are not in use. The zero value is a pool in which all are
// free.
type Pool struct {
	inUse Set
	last  uint16 // Next searches from the one after it
}

// Next takes a free identifier, from 1 to 65,535 [MQTT-2.3.1-1]. It returns them in turn, so that
// an identifier is used again as late as possible. ok is false if all are in use [MQTT-2.3.1-2].
func (p *Pool) Next() (id uint16, ok bool) {
	if p.inUse.size == 65535 {
		return 0, false
	}
	for id = p.last + 1; ; {
		free := ^p.inUse.get(id>>6) >> (id & 63) // the free ones from id to the end of its word
		if id == 0 {
			free &^= 1 // 0 is no identifier
		}
		if free != 0 {
			id += uint16(bits.TrailingZeros64(free))
			break
		}
		id = (id>>6 + 1) << 6 // the next word; after the last one this is 0
	}
	p.inUse.Add(id)
	p.last = id
	return id, true
}

// Take takes a certain identifier. It returns false if the identifier is 0 or in use.
func (p *Pool) Take(id uint16) bool { return id != 0 && p.inUse.Add(id) }

// Continue makes Next search from the identifier after this one. It is for a pool whose identifiers
// in use were restored with Take.
func (p *Pool) Continue(after uint16) { p.last = after }

// InUse reports whether an identifier is in use.
func (p *Pool) InUse(id uint16) bool { return p.inUse.Has(id) }

// Release makes an identifier free again. It reports whether it was in use.
func (p *Pool) Release(id uint16) bool { return p.inUse.Remove(id) }

// Len returns the number of identifiers in use.
func (p *Pool) Len() int { return p.inUse.Len() }
