package mdns

import (
	"errors"
	"fmt"
	"strings"
)

// Names are strings of labels with dots between them and none at the end, such as "printer.local".
// In a label, a dot or a backslash is written with a backslash before it, because labels of
// services may have dots: "Floor 1\.5._ipp._tcp.local". Names are compared without regard to the
// case of ASCII letters [RFC 6762 16].

const (
	maxName  = 255 // bytes of a name in a message [RFC 1035 3.1]
	maxLabel = 63  // bytes of a label
	maxJumps = 127 // pointers of a name: as many as it can have labels
)

// EqualNames reports whether two names are the same.
func EqualNames(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// A pointer leads to an earlier place of the message, and the name continues there [RFC 1035
// 4.1.4]. Each pointer must lead to a place before all that the name has used, so a name ends. The
// number of pointers is bounded, or each record of a datagram could take thousands of steps.
var (
	errPointer   = errors.New("compression pointer does not point backwards")
	errPointers  = errors.New("name has more than 127 compression pointers")
	errLabel     = errors.New("label type is not supported")
	errNameLong  = errors.New("name has more than 255 bytes")
	errEmpty     = errors.New("name has an empty label")
	errLabelLong = errors.New("label has more than 63 bytes")
	errEscape    = errors.New("name ends with a backslash")
)

// parseName parses the name at offset `at` and returns the offset behind it.
func parseName(msg []byte, at int) (name string, next int, err error) {
	var text strings.Builder
	size, limit := 1, at // the limit is where the bytes that the name has used begin
	for jumps := 0; ; {
		if at >= len(msg) {
			return "", 0, ErrIncomplete
		}
		n := int(msg[at])
		switch {
		case n == 0:
			return text.String(), max(next, at+1), nil
		case n&0xc0 == 0xc0:
			if at+2 > len(msg) {
				return "", 0, ErrIncomplete
			}
			if next == 0 {
				next = at + 2
			}
			target := n&0x3f<<8 | int(msg[at+1])
			if target >= limit {
				return "", 0, errPointer
			}
			if jumps++; jumps > maxJumps {
				return "", 0, errPointers
			}
			at, limit = target, target
			continue
		case n > maxLabel:
			return "", 0, errLabel
		case at+1+n > len(msg):
			return "", 0, ErrIncomplete
		}
		if size += n + 1; size > maxName {
			return "", 0, errNameLong
		}
		if text.Len() > 0 {
			text.WriteByte('.')
		}
		for _, b := range msg[at+1 : at+1+n] {
			if b == '.' || b == '\\' {
				text.WriteByte('\\')
			}
			text.WriteByte(b)
		}
		at += n + 1
	}
}

// appendName appends a name, uncompressed.
func appendName(dst []byte, name string) ([]byte, error) {
	bad := func(err error) ([]byte, error) { return dst, fmt.Errorf("mdns: bad name %q: %w", name, err) }
	begin := len(dst)
	if name == "" {
		return append(dst, 0), nil
	}
	for i, open := 0, true; open; i++ {
		label := len(dst)
		dst = append(dst, 0)
		for open = false; i < len(name); i++ {
			b := name[i]
			if b == '.' {
				open = true
				break
			}
			if b == '\\' {
				if i++; i == len(name) {
					return bad(errEscape)
				}
				b = name[i]
			}
			dst = append(dst, b)
		}
		n := len(dst) - label - 1
		switch {
		case n == 0:
			return bad(errEmpty)
		case n > maxLabel:
			return bad(errLabelLong)
		}
		dst[label] = byte(n)
	}
	if dst = append(dst, 0); len(dst)-begin > maxName {
		return bad(errNameLong)
	}
	return dst, nil
}
