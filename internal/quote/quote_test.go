package quote_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rikki-go/rikki/internal/quote"
)

func TestCut(t *testing.T) {
	at := strings.Repeat("a", quote.MaxCut)
	for _, tt := range []struct{ text, want string }{
		{"", `""`},
		{"a b", `"a b"`},
		{"\x1b[2J\r\n\x00\xff\"", `"\x1b[2J\r\n\x00\xff\""`},
		{"é\u202e", `"é\u202e"`},
		{at, `"` + at + `"`},
		{at + "b", `"` + at + `"... (65 bytes)`},
		{at[1:] + "é", `"` + at[1:] + `"... (65 bytes)`},          // é ends one byte beyond
		{at[2:] + "€x", `"` + at[2:] + `"... (66 bytes)`},         // two of its three bytes fit
		{at[3:] + "\U0001f600", `"` + at[3:] + `"... (65 bytes)`}, // three of its four bytes fit
		{at[2:] + "éb", `"` + at[2:] + `é"... (65 bytes)`},        // é ends at the limit
		{at[1:] + "\xff\xff", `"` + at[1:] + `\xff"... (65 bytes)`},
	} {
		if got := quote.Cut(tt.text); got != tt.want {
			t.Errorf("Cut(%q) is %s, want %s", tt.text, got, tt.want)
		}
		if got := quote.Cut([]byte(tt.text)); got != tt.want {
			t.Errorf("Cut of the bytes %q is %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"a b €", "a b €"},
		{"a\n\x1b[\xff\u202e", `a\n\x1b[\xff\u202e`},
		{"\uFFFD", "\uFFFD"}, // the character itself is valid UTF-8
		{"say \"x\"", `say "x"`},
		{strings.Repeat("a", 32), strings.Repeat("a", 32)},
		{strings.Repeat("a", 33), strings.Repeat("a", 32) + "... (33 bytes)"},
		{strings.Repeat("\x1b", 8), strings.Repeat(`\x1b`, 8)},
		{strings.Repeat("\x1b", 9), strings.Repeat(`\x1b`, 8) + "... (9 bytes)"},
		{strings.Repeat("a", 31) + "€", strings.Repeat("a", 31) + "... (34 bytes)"},
	} {
		if got := quote.Text(tt.text, 32); got != tt.want {
			t.Errorf("Text(%q) is %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestError(t *testing.T) {
	if quote.Error(nil) != nil {
		t.Error("Error(nil) is not nil")
	}
	if err := quote.Error(io.EOF); err != io.EOF {
		t.Errorf("a harmless error becomes %#v", err)
	}
	for _, tt := range []struct{ text, want string }{
		{strings.Repeat("a", quote.MaxText), strings.Repeat("a", quote.MaxText)},
		{strings.Repeat("a", quote.MaxText+1), strings.Repeat("a", quote.MaxText) + "... (513 bytes)"},
		{"a\nb", `a\nb`},
		{"a\xffb", `a\xffb`},
	} {
		cause := errors.New(tt.text)
		err := quote.Error(cause)
		if err.Error() != tt.want {
			t.Errorf("Error(%q) is %q, want %q", tt.text, err, tt.want)
		}
		if !errors.Is(err, cause) {
			t.Errorf("Error(%q) does not wrap its cause", tt.text)
		}
	}
}

// Whatever the text is, the result has a bounded length and no control character.
func FuzzCut(f *testing.F) {
	f.Add("", 0)
	f.Add(strings.Repeat("\xf0\x9f\x98", 40), 64)
	f.Add("\x1b]0;title\a\r\n", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit &= 1023
		for _, tt := range []struct {
			got string
			max int
		}{{quote.Cut(s), 4*quote.MaxCut + 40}, {quote.Text(s, limit), limit + 30}} {
			if len(tt.got) > tt.max || !utf8.ValidString(tt.got) ||
				strings.ContainsFunc(tt.got, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q becomes %q", s, tt.got)
			}
		}
		if len(s) <= quote.MaxCut && quote.Cut(s) != strconv.Quote(s) {
			t.Errorf("Cut(%q) is %s", s, quote.Cut(s))
		}
	})
}
