package http

import (
	"encoding/binary"
	"math/bits"
)

// What a byte may be part of.
const (
	isTchar   = 1 << iota // token [RFC 9110 5.6.2]
	isTarget              // request target: visible ASCII but '#', which begins a fragment
	isRegName             // host name: unreserved and sub-delims [RFC 3986 3.2.2]
	isHex
	isDigit
)

var class = makeClasses()

func makeClasses() (t [256]uint8) {
	set := func(bit uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= bit
		}
	}
	const digits = "0123456789"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	set(isTchar, "!#$%&'*+-.^_`|~"+digits+letters)
	set(isRegName, "-._~!$&'()*+,;="+digits+letters)
	set(isHex, digits+"abcdefABCDEF")
	set(isDigit, digits)
	for c := '!'; c <= '~'; c++ {
		if c != '#' {
			t[c] |= isTarget
		}
	}
	return t
}

// all reports whether every byte of b is of that class; so it is if b is empty.
func all[T string | []byte](b T, bit uint8) bool {
	for i := range len(b) {
		if class[b[i]]&bit == 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether b is a token [RFC 9110 5.6.2].
func IsToken[T string | []byte](b T) bool { return len(b) > 0 && all(b, isTchar) }

// nextControl returns the index of the first control byte of b[i:], a
// horizontal tab included, or len(b). It looks at eight bytes at a time.
func nextControl(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		y := x ^ 0x7f*ones
		// The borrows of these subtractions can mark bytes wrongly, but
		// only above one that is marked rightly: the lowest mark counts.
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

// lower folds ASCII letters only: header names and tokens have no others.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold compares without regard to the case of ASCII letters.
func equalFold[T string | []byte](b []byte, s T) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// trimBlanks removes optional white space around a value [RFC 9110 5.6.3].
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

// hexValue returns the value of a byte of class isHex.
func hexValue(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c <= 'F':
		return int(c-'A') + 10
	}
	return int(c-'a') + 10
}
