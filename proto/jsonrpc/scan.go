package jsonrpc

import (
	"bytes"
	"encoding/json"
)

// These functions walk over JSON that is valid, as json.Valid says, and valid UTF-8. They allocate
// nothing, except for names with escapes.

// depth returns how deep arrays and objects are nested: 0 for a number. It also works for text
// that is not valid, and then it may be too large.
func depth(p []byte) int {
	now, most := 0, 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			i = skipString(p, i) - 1
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}

// skipString returns the index after the string that begins at i, or len(p).
func skipString(p []byte, i int) int {
	for i++; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(p)
}

// skipSpace returns the index of the first byte from i on that is no white space.
func skipSpace(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(p []byte, i int) int {
	for nested := 0; i < len(p); {
		switch p[i] {
		case '"':
			if i = skipString(p, i); nested == 0 {
				return i
			}
			continue
		case '{', '[':
			nested++
		case '}', ']':
			if nested == 0 { // the end of what a number is in
				return i
			}
			if nested--; nested == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if nested == 0 {
				return i
			}
		}
		i++
	}
	return len(p)
}

// next returns the value that begins at or after i, and the index of the next value of the same
// array or object, or the index of its end.
func next(p []byte, i int) (value []byte, after int) {
	i = skipSpace(p, i)
	end := skipValue(p, i)
	after = skipSpace(p, end)
	if after < len(p) && (p[after] == ',' || p[after] == ':') {
		after = skipSpace(p, after+1)
	}
	return p[i:end], after
}

// elements calls fn with each element of an array.
func elements(array []byte, fn func(value []byte)) {
	p := bytes.TrimSpace(array)
	for i := skipSpace(p, 1); i < len(p)-1; {
		var value []byte
		value, i = next(p, i)
		fn(value)
	}
}

// members calls fn with the name and the value of each member of an object.
func members(object []byte, fn func(name, value []byte)) {
	p := bytes.TrimSpace(object)
	for i := skipSpace(p, 1); i < len(p)-1; {
		var name, value []byte
		name, i = next(p, i)
		value, i = next(p, i)
		fn(unquote(name), value)
	}
}

// unquote returns what a string stands for. It aliases quoted if that has no escapes.
func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	json.Unmarshal(quoted, &s) // a valid string
	return []byte(s)
}

// kind returns the first byte of a value, which says what it is: { [ " t f n, a digit or -.
func kind(value []byte) byte {
	if i := skipSpace(value, 0); i < len(value) {
		return value[i]
	}
	return 0
}
