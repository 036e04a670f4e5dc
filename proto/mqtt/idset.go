package mqtt

import "math/bits"

// idSet is a set of packet identifiers. It has one bit per identifier, in words of 64, and only
// the words that are not zero. So all 65,535 identifiers need about 20 KiB.
type idSet struct {
	words map[uint16]uint64 // by the upper ten bits of the identifier
	size  int
}

// has reports whether the set contains id.
func (s *idSet) has(id uint16) bool { return s.words[id>>6]&(1<<(id&63)) != 0 }

// add adds an identifier that the set does not contain.
func (s *idSet) add(id uint16) {
	if s.words == nil {
		s.words = make(map[uint16]uint64)
	}
	s.words[id>>6] |= 1 << (id & 63)
	s.size++
}

// remove removes an identifier. It reports whether the set contained it.
func (s *idSet) remove(id uint16) bool {
	word := s.words[id>>6]
	rest := word &^ (1 << (id & 63))
	s.size -= bits.OnesCount64(word ^ rest)
	if rest == 0 {
		delete(s.words, id>>6)
	} else {
		s.words[id>>6] = rest
	}
	return rest != word
}
