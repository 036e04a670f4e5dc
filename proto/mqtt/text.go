package mqtt

import (
	"bytes"
	"unicode/utf8"
)

// maxField is the most that a two-byte length can say.
const maxField = 1<<16 - 1

// wellFormed reports whether b is UTF-8 without encodings of U+D800 to U+DFFF
// [MQTT-1.5.3-1] [MQTT-1.5.4-1]. A byte order mark is a character like any other
// [MQTT-1.5.4-3]. Control characters and non-characters, which the standards
// discourage only, pass.
func wellFormed(b []byte) bool { return utf8.Valid(b) }

// hasNUL reports whether b holds U+0000 [MQTT-1.5.3-2] [MQTT-1.5.4-2].
func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }

// hasWildcard reports whether b holds a character that topic names may not.
func hasWildcard(b []byte) bool {
	return bytes.IndexByte(b, '#') >= 0 || bytes.IndexByte(b, '+') >= 0
}
