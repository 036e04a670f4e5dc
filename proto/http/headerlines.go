package http

import (
	"fmt"
	"strings"
)

// EachHeader calls fn for each line of headers. Each line must be "Name: value\r\n". Programs
// pass headers to Reply and to the handshakes of other protocols in this form. fn gets the
// value without leading and trailing blanks.
//
// EachHeader returns the first error: the error of fn, or an error for a line that is not a
// valid header line. So nobody can inject CR or LF. It panics if fn is nil.
func EachHeader(headers string, fn func(name, value string) error) error {
	if fn == nil {
		panic("http: EachHeader with a nil function")
	}
	for rest := headers; rest != ""; {
		line, after, found := strings.Cut(rest, "\r\n")
		rest = after
		name, value, colon := strings.Cut(line, ":")
		switch {
		case !found:
			return fmt.Errorf("http: header line %q does not end with CRLF", line)
		case !colon || !IsToken(name):
			return fmt.Errorf("http: header line %q is not of the form Name: value", line)
		case !isFieldValue(value):
			return fmt.Errorf("http: value of header %q contains a control byte", name)
		}
		if err := fn(name, strings.Trim(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// isFieldValue reports whether s has no control bytes except tabs [RFC 9110 5.5].
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasToken reports whether token is a member of the comma-separated list, without regard to
// case.
func hasToken(list, token string) bool {
	for more := true; more; {
		var item string
		item, list, more = strings.Cut(list, ",")
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
