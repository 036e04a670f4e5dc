package http

import (
	"bytes"
	"time"
)

// validators are what conditional requests are compared with [RFC 9110 8.8].
type validators struct {
	etag     string    // with quotation marks; "" if there is none
	modified time.Time // zero if unknown
}

// check evaluates the preconditions of a GET or HEAD request, in the order of the standard
// [RFC 9110 13.2.2]. It returns 412, 304, or 200 if the request is to be performed.
func (v validators) check(hm *Message) int {
	switch ifMatch, since := hm.Header("If-Match"), hm.Header("If-Unmodified-Since"); {
	case ifMatch != nil:
		if !v.anyMatches(hm, "If-Match", true) {
			return 412
		}
	case since != nil:
		if t, err := ParseTime(since); err == nil && v.modifiedAfter(t) {
			return 412
		}
	}
	switch noneMatch, since := hm.Header("If-None-Match"), hm.Header("If-Modified-Since"); {
	case noneMatch != nil:
		if v.anyMatches(hm, "If-None-Match", false) {
			return 304
		}
	case since != nil && !v.modified.IsZero():
		if t, err := ParseTime(since); err == nil && !v.modifiedAfter(t) {
			return 304
		}
	}
	return 200
}

// allowsRange evaluates If-Range [RFC 9110 13.1.5].
func (v validators) allowsRange(hm *Message) bool {
	value := hm.Header("If-Range")
	if value == nil {
		return true
	}
	if tag, rest, ok := cutETag(value); ok {
		return len(rest) == 0 && v.matches(tag, true)
	}
	t, err := ParseTime(value)
	return err == nil && !v.modified.IsZero() && v.modified.Unix() == t.Unix()
}

// modifiedAfter compares whole seconds, because headers have no parts of seconds.
func (v validators) modifiedAfter(t time.Time) bool {
	return !v.modified.IsZero() && v.modified.Unix() > t.Unix()
}

// anyMatches reports whether one of the entity tags in the header lines with that name matches, or
// "*". A strong comparison never matches weak tags [RFC 9110 8.8.3.2].
func (v validators) anyMatches(hm *Message, name string, strong bool) bool {
	for i := range hm.Headers {
		h := &hm.Headers[i]
		if equalFold(h.Name, name) && v.inList(h.Value, strong) {
			return true
		}
	}
	return false
}

func (v validators) inList(list []byte, strong bool) bool {
	if string(list) == "*" {
		return true // the file exists
	}
	for len(list) > 0 {
		if list[0] == ',' || isBlank(list[0]) {
			list = list[1:]
			continue
		}
		tag, rest, ok := cutETag(list)
		if !ok {
			return false
		}
		if v.matches(tag, strong) {
			return true
		}
		list = rest
	}
	return false
}

func (v validators) matches(tag []byte, strong bool) bool {
	weak := []byte("W/")
	ours := []byte(v.etag)
	if strong {
		return len(ours) > 0 && ours[0] == '"' && bytes.Equal(tag, ours)
	}
	return len(ours) > 0 && bytes.Equal(bytes.TrimPrefix(tag, weak), bytes.TrimPrefix(ours, weak))
}

// cutETag splits b after the entity tag that it begins with [RFC 9110 8.8.3].
func cutETag(b []byte) (tag, rest []byte, ok bool) {
	n := 0
	if len(b) > 2 && b[0] == 'W' && b[1] == '/' {
		n = 2
	}
	if n == len(b) || b[n] != '"' {
		return nil, b, false
	}
	for n++; n < len(b); n++ {
		switch c := b[n]; {
		case c == '"':
			return b[:n+1], b[n+1:], true
		case c <= ' ' || c == 0x7f:
			return nil, b, false
		}
	}
	return nil, b, false
}
