package http

import (
	"bytes"
	"strings"
	"testing"
)

// Each byte is part of a token, a target, a host name or a number exactly if the RFCs say
// so.
func TestCharClasses(t *testing.T) {
	letter := func(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	for _, tt := range []struct {
		name  string
		class uint8
		in    func(c byte) bool
	}{
		{"tchar", classToken, func(c byte) bool { // [RFC 9110 5.6.2]: no delimiters
			return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
		}},
		{"target", classTarget, func(c byte) bool { return c > ' ' && c < 0x7f && c != '#' }},
		{"reg-name", classRegName, func(c byte) bool { // [RFC 3986 3.2.2]
			return letter(c) || digit(c) || strings.ContainsRune("-._~!$&'()*+,;=", rune(c)) && c < 0x80
		}},
		{"hexadecimal digit", classHex, func(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }},
		{"digit", classDigit, digit},
	} {
		for c := range 256 {
			if got := allOf([]byte{byte(c)}, tt.class); got != tt.in(byte(c)) {
				t.Errorf("byte %#02x is of the class %s: %v, want %v", c, tt.name, got, !got)
			}
		}
	}
	if IsToken("") || !IsToken("x-1") || IsToken("x y") {
		t.Error("IsToken is wrong")
	}
}

// indexControl finds the same byte as a loop over single bytes, at every offset.
func TestNextControl(t *testing.T) {
	simple := func(b []byte, i int) int {
		for ; i < len(b) && b[i] >= ' ' && b[i] != 0x7f; i++ {
		}
		return i
	}
	for _, c := range []byte{0, 1, '\t', '\n', '\r', 0x1f, ' ', '!', '~', 0x7f, 0x80, 0x81, 0xff} {
		for _, fill := range []byte{' ', 'x', '~', 0x80, 0xa0, 0xff} {
			for at := range 20 {
				b := bytes.Repeat([]byte{fill}, 20)
				b[at] = c
				for i := range 21 {
					if got, want := indexControl(b, i), simple(b, i); got != want {
						t.Fatalf("nextControl(% x, %d) is %d, want %d", b, i, got, want)
					}
				}
			}
		}
	}
}

// equalFold ignores the case of ASCII letters, and of nothing else.
func TestEqualFold(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			lower := func(c int) string { return strings.ToLower(string(rune(c))) }
			want := a == b || a < 0x80 && b < 0x80 && lower(a) == lower(b)
			if got := equalFold([]byte{byte(a)}, []byte{byte(b)}); got != want {
				t.Fatalf("equalFold of %#02x and %#02x: %v, want %v", a, b, got, want)
			}
		}
	}
	for _, tt := range []struct {
		b, s string
		want bool
	}{{"ab", "a", false}, {"", "a", false}, {"", "", true}, {"Host", "hOST", true}} {
		if got := equalFold([]byte(tt.b), tt.s); got != tt.want {
			t.Errorf("equalFold of %q and %q: %v, want %v", tt.b, tt.s, got, tt.want)
		}
	}
}

// trimBlanks removes spaces and tabs at both ends. hexValue reads digits of both cases.
func TestTrimBlanksAndHexValue(t *testing.T) {
	for in, want := range map[string]string{"": "", " \t ": "", "a b": "a b", "\t a\t": "a", " \r": "\r"} {
		if got := trimBlanks([]byte(in)); string(got) != want {
			t.Errorf("trimBlanks(%q) is %q, want %q", in, got, want)
		}
	}
	for i, c := range []byte("0123456789abcdef") {
		if got, upper := hexValue(c), hexValue(bytes.ToUpper([]byte{c})[0]); got != i || upper != i {
			t.Errorf("hexValue of %q is %d, in upper case %d; want %d", c, got, upper, i)
		}
	}
}
