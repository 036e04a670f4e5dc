package http

import (
	"bytes"
	"math"
)

// byteRange is a part of a file.
type byteRange struct{ start, length int64 }

// rangeResult says what to do with a Range header.
type rangeResult uint8

const (
	rangeIgnored       rangeResult = iota // the whole file is sent
	rangeOK                               // the part is sent, with status 206
	rangeUnsatisfiable                    // the response is 416
)

// chooseRange interprets the value of a Range header for a file of size bytes [RFC 9110 14.2]. It
// ignores headers that are malformed or have another unit, and those that ask for several ranges:
// a server may send the whole file instead. The ranges of an empty file are ignored too.
func chooseRange(value []byte, size int64) (byteRange, rangeResult) {
	unit, set, found := bytes.Cut(value, equals)
	if !found || !equalFold(unit, "bytes") || size == 0 {
		return byteRange{}, rangeIgnored
	}
	set = trimListSeparators(set)
	first, last, found := bytes.Cut(set, []byte{'-'})
	if !found || bytes.IndexByte(set, ',') >= 0 {
		return byteRange{}, rangeIgnored
	}
	from, fromOK := parseOffset(first)
	to, toOK := parseOffset(last)
	switch {
	case len(first) == 0 && toOK: // the last bytes [RFC 9110 14.1.2]
		if to == 0 {
			return byteRange{}, rangeUnsatisfiable
		}
		n := min(to, size)
		return byteRange{size - n, n}, rangeOK
	case !fromOK || len(last) > 0 && (!toOK || to < from):
		return byteRange{}, rangeIgnored
	case from >= size:
		return byteRange{}, rangeUnsatisfiable
	case len(last) == 0:
		to = size - 1
	}
	to = min(to, size-1)
	return byteRange{from, to - from + 1}, rangeOK
}

// trimListSeparators removes the blanks and commas around a list, which mean nothing
// [RFC 9110 5.6.1.2].
func trimListSeparators(b []byte) []byte { return bytes.Trim(b, " \t,") }

// parseOffset parses digits. Numbers that are too large become the largest one.
func parseOffset(b []byte) (n int64, ok bool) {
	if len(b) == 0 || !allOf(b, classDigit) {
		return 0, false
	}
	for _, c := range b {
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return math.MaxInt64, true
		}
		n = n*10 + d
	}
	return n, true
}
