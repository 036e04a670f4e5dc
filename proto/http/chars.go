package http

import (
	"encoding/binary"
	"math/bits"
)

// The classes of bytes. A byte may belong to several.
const (
	classToken   = 1 << iota // part of a token [RFC 9110 5.6.2]
	classTarget              // part of a request target: visible ASCII except '#' (fragment)
	classRegName             // part of a host name: unreserved and sub-delims [RFC 3986 3.2.2]
	classHex
	classDigit
)

// charClasses maps each byte to its classes.
var charClasses = makeClasses()

func makeClasses() (t [256]uint8) {
	set := func(bit uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= bit
		}
	}
	const digits = "0123456789"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	set(classToken, "!#$%&'*+-.^_`|~"+digits+letters)
	set(classRegName, "-._~!$&'()*+,;="+digits+letters)
	set(classHex, digits+"abcdefABCDEF")
	set(classDigit, digits)
	for c := '!'; c <= '~'; c++ {
		if c != '#' {
			t[c] |= classTarget
		}
	}
	return t
}

// allOf reports whether every byte of b belongs to the class bit. It is true if b is empty.
func allOf[T string | []byte](b T, bit uint8) bool {
	for i := range len(b) {
		if charClasses[b[i]]&bit == 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether b is a token [RFC 9110 5.6.2].
func IsToken[T string | []byte](b T) bool { return len(b) > 0 && allOf(b, classToken) }

// indexControl returns the index in b of the first control byte at or after i, or len(b) if
// there is none. A horizontal tab counts as a control byte. It tests eight bytes at a time.
func indexControl(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		y := x ^ 0x7f*ones
		// A borrow in these subtractions can mark a wrong byte, but only above a byte
		// that is marked correctly. So the lowest mark is always correct.
		if m := ((x-0x20*ones)&^x | (y-ones)&^y) & high; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] < ' ' || b[i] == 0x7f {
			return i
		}
	}
	return i
}

// toLower converts an ASCII letter to lower case. Header names and tokens contain no other
// letters.
func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold reports whether b and s are equal without regard to the case of ASCII letters.
func equalFold[T string | []byte](b []byte, s T) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i] != s[i] && toLower(b[i]) != toLower(s[i]) {
			return false
		}
	}
	return true
}

// trimBlanks removes leading and trailing spaces and tabs [RFC 9110 5.6.3].
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// hexValue returns the value of the hexadecimal digit c, which must be of class classHex.
func hexValue(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c <= 'F':
		return int(c-'A') + 10
	}
	return int(c-'a') + 10
}
