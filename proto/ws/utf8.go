package ws

import "unicode/utf8"

// textState is where a text that comes in pieces stands: what may follow. The
// zero value is the beginning. Only the encodings of table 3-7 of the Unicode
// standard are text [RFC 3629 4], so the byte that makes another of it is known
// as soon as it is there.
type textState struct {
	need   uint8 // continuation bytes that the last rune lacks
	lo, hi uint8 // what the next of them lies between
}

// complete reports whether the text may end here.
func (s *textState) complete() bool { return s.need == 0 }

// next goes on with p and reports whether it still is UTF-8.
func (s *textState) next(p []byte) bool {
	for len(p) > 0 && s.need > 0 {
		if !s.step(p[0]) {
			return false
		}
		p = p[1:]
	}
	// What is left begins with a rune; its last one may be cut.
	cut := len(p)
	for i := len(p) - 1; i >= max(0, len(p)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				cut = i
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return false
	}
	for _, b := range p[cut:] {
		if !s.step(b) {
			return false
		}
	}
	return true
}

// step goes on with one byte.
func (s *textState) step(b byte) bool {
	if s.need > 0 {
		if b < s.lo || b > s.hi {
			return false
		}
		s.need--
		s.lo, s.hi = 0x80, 0xbf
		return true
	}
	s.lo, s.hi = 0x80, 0xbf
	switch {
	case b < 0x80:
		return true
	case b < 0xc2: // a continuation of nothing, or an overlong form
		return false
	case b < 0xe0:
		s.need = 1
	case b < 0xf0:
		s.need = 2
	case b < 0xf5:
		s.need = 3
	default: // beyond U+10FFFF
		return false
	}
	switch b {
	case 0xe0: // overlong below
		s.lo = 0xa0
	case 0xed: // surrogates above
		s.hi = 0x9f
	case 0xf0: // overlong below
		s.lo = 0x90
	case 0xf4: // beyond U+10FFFF above
		s.hi = 0x8f
	}
	return true
}
