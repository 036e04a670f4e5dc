// Package quote makes text that a peer has sent fit for errors and log records: control
// characters are escaped, and what is long is cut.
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxCut is how many bytes of a peer's text Cut keeps.
	MaxCut = 64
	// MaxText is how many bytes of a whole text Error keeps.
	MaxText = 512
)

// Cut returns s as a quoted Go string. Of a text that is longer than MaxCut bytes it keeps the
// beginning, and appends the length. A character is not cut in two. For shorter texts the
// result is that of the verb %q. It has at most 4*MaxCut+40 bytes.
func Cut[S ~string | ~[]byte](s S) string { return CutAt(s, MaxCut) }

// CutAt is like Cut, with another limit than MaxCut.
func CutAt[S ~string | ~[]byte](s S, limit int) string {
	if len(s) <= limit {
		return strconv.Quote(string(s))
	}
	kept := string(s[:limit])
	return strconv.Quote(kept[:boundary(kept)]) + "... (" + strconv.Itoa(len(s)) + " bytes)"
}

// boundary returns the length of s without a character that is cut off at its end.
func boundary(s string) int {
	for i := 1; i < utf8.UTFMax && i <= len(s); i++ {
		if c := s[len(s)-i]; utf8.RuneStart(c) {
			if !utf8.FullRuneInString(s[len(s)-i:]) {
				return len(s) - i
			}
			break
		}
	}
	return len(s)
}

// Text returns s with escapes in place of characters that are not printable and of bytes that
// are not UTF-8. If the result would be longer than limit bytes, it keeps the beginning and
// appends the length of s. The result then has at most limit+30 bytes.
func Text(s string, limit int) string {
	if len(s) <= limit && !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		next := rest[:n]
		if !unicode.IsPrint(r) || r == utf8.RuneError && n == 1 {
			next = strconv.Quote(next)
			next = next[1 : len(next)-1]
		}
		if b.Len()+len(next) > limit {
			b.WriteString("... (" + strconv.Itoa(len(s)) + " bytes)")
			break
		}
		b.WriteString(next)
		rest = rest[n:]
	}
	return b.String()
}

func needsEscape(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Error returns an error that wraps err. Its text is that of err, as Text returns it with the
// limit MaxText. It is for errors of other packages that contain text of a peer, such as the
// names in a certificate. If nothing is to be escaped or cut, Error returns err itself.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if s := err.Error(); len(s) > MaxText || needsEscape(s) {
		return &textError{err, Text(s, MaxText)}
	}
	return err
}

// textError is an error with another text.
type textError struct {
	err  error
	text string
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.err }
