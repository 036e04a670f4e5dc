package nethttp

import (
	stdhttp "net/http"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

// Control bytes become blanks. All others stay, also if they are not UTF-8.
func TestBlankControls(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"plain", "plain"},
		{"a\tb", "a\tb"},
		{"a\r\nb\x00\x7f", "a  b  "},
		{"caf\xe9 caf\u00e9", "caf\xe9 caf\u00e9"},
		{"caf\xe9\n", "caf\xe9 "},
	} {
		if got := blankControls(test.value); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.value, got, test.want)
		}
	}
}

// Whatever a handler puts into a header, the lines are valid: none is injected.
func FuzzHeaderLines(f *testing.F) {
	for _, s := range [][2]string{{"A", "b"}, {"", ""}, {"A b", "c"}, {"A", "b\r\nC: d"}, {"A\r\nB", "c"}, {"Ä", "ö"}, {"A", "\x00\x7f\t "}, {"Trailer:X", "y"}, {"A", "\xff"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		h := stdhttp.Header{name: {value, "second"}, "Excluded": {"x"}}
		lines := 0
		err := http.EachHeader(headerLines(h, "Excluded"), func(got, _ string) error {
			if lines++; got != name {
				t.Errorf("line of %q, want %q", got, name)
			}
			return nil
		})
		if err != nil || lines != 0 && lines != 2 {
			t.Errorf("%q: %q gives %d lines, %v", name, value, lines, err)
		}
	})
}
