package http

import "testing"

func TestCutETag(t *testing.T) {
	for _, tt := range []struct{ in, tag, rest string }{
		{`"a"`, `"a"`, ""},
		{`""`, `""`, ""},
		{`W/"a", "b"`, `W/"a"`, `, "b"`},
		{"\"\xff!\"x", "\"\xff!\"", "x"},
		{`"a\"b"`, `"a\"`, `b"`}, // a backslash is a byte like others
		{"", "-", ""},
		{"a", "-", ""},
		{`"a`, "-", ""},
		{`"a b"`, "-", ""},
		{`W/`, "-", ""},
		{`W/a`, "-", ""},
		{`w/"a"`, "-", ""},
	} {
		tag, rest, ok := cutETag([]byte(tt.in))
		if !ok {
			tag, rest = []byte("-"), nil
		}
		if string(tag) != tt.tag || string(rest) != tt.rest {
			t.Errorf("%q: %q, %q, want %q, %q", tt.in, tag, rest, tt.tag, tt.rest)
		}
	}
}

// FuzzConditional checks that lists of tags are read to their end.
func FuzzConditional(f *testing.F) {
	f.Add(`"a", W/"b"`, `"b"`)
	f.Add(`*`, ``)
	f.Add(`"a" x`, `W/"a"`)
	f.Fuzz(func(t *testing.T, list, etag string) {
		v := validators{etag: etag}
		hm := &Message{Headers: []Header{{[]byte("If-None-Match"), []byte(list)}, {[]byte("If-Range"), []byte(list)}, {[]byte("If-Match"), []byte(list)}}}
		weak, strong := v.anyMatches(hm, "If-None-Match", false), v.anyMatches(hm, "If-Match", true)
		if strong && !weak || v.allowsRange(hm) && !strong {
			t.Errorf("%q with %q: strong %v, weak %v", list, etag, strong, weak)
		}
		v.check(hm)
	})
}
