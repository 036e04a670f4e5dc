package mqtt

import (
	"bytes"
	"unicode/utf8"
)

// maxField is the largest size of a field with a two-byte length.
const maxField = 1<<16 - 1

// validUTF8 reports whether b is UTF-8 without encodings of U+D800 to U+DFFF
// [MQTT-1.5.3-1] [MQTT-1.5.4-1]. A byte order mark has no special meaning [MQTT-1.5.4-3].
// Control characters and non-characters are accepted: the standards only discourage them.
func validUTF8(b []byte) bool { return utf8.Valid(b) }

// hasNUL reports whether b contains U+0000, which text must not [MQTT-1.5.3-2] [MQTT-1.5.4-2].
func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }

// hasWildcard reports whether b contains # or +, which a topic name must not.
func hasWildcard(b []byte) bool {
	return bytes.IndexByte(b, '#') >= 0 || bytes.IndexByte(b, '+') >= 0
}

// isPlainTopic reports whether b has only ASCII characters, and no U+0000 and no wildcards. Most
// topics are so. One loop over such a topic takes less time than a search for each rule.
func isPlainTopic[T string | []byte](b T) bool {
	for i := range len(b) {
		if c := b[i]; c == 0 || c >= 0x80 || c == '#' || c == '+' {
			return false
		}
	}
	return true
}
