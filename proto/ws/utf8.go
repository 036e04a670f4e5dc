package ws

import "unicode/utf8"

// utf8State is the state of a UTF-8 check for text that arrives in pieces. The zero value is the
// state at the beginning of a text. Valid text consists of the byte sequences in table 3-7 of
// the Unicode standard [RFC 3629 4]. The check refuses an invalid byte as soon as it arrives.
type utf8State struct {
	missing uint8 // number of continuation bytes that the last rune still needs
	lo, hi  uint8 // range of the next continuation byte, both inclusive
}

// complete reports whether the text may end here. It must not end inside a rune.
func (s *utf8State) complete() bool { return s.missing == 0 }

// next checks the next piece p. It returns false if the text is not UTF-8.
func (s *utf8State) next(p []byte) bool {
	for len(p) > 0 && s.missing > 0 {
		if !s.step(p[0]) {
			return false
		}
		p = p[1:]
	}
	// The rest of p begins with a new rune. Its last rune may be incomplete.
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

// step checks one byte. It returns false if the text is not UTF-8.
func (s *utf8State) step(b byte) bool {
	if s.missing > 0 {
		if b < s.lo || b > s.hi {
			return false
		}
		s.missing--
		s.lo, s.hi = 0x80, 0xbf
		return true
	}
	s.lo, s.hi = 0x80, 0xbf
	switch {
	case b < 0x80:
		return true
	case b < 0xc2: // a continuation byte without a rune, or an overlong form
		return false
	case b < 0xe0:
		s.missing = 1
	case b < 0xf0:
		s.missing = 2
	case b < 0xf5:
		s.missing = 3
	default: // beyond U+10FFFF
		return false
	}
	switch b {
	case 0xe0: // lower values are overlong forms
		s.lo = 0xa0
	case 0xed: // higher values are surrogates
		s.hi = 0x9f
	case 0xf0: // lower values are overlong forms
		s.lo = 0x90
	case 0xf4: // higher values are beyond U+10FFFF
		s.hi = 0x8f
	}
	return true
}
