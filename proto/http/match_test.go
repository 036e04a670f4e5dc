package http_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/http"
)

var matches = []struct {
	s, pattern string
	caps       string // what the wildcards stand for, joined by '|'; "-" if there is no match
}{
	{"", "", ""},
	{"a", "", "-"},
	{"", "a", "-"},
	{"", "?", "-"},
	{"", "*", ""},
	{"", "#", ""},
	{"", "##", "|"},
	{"abc", "abc", ""},
	{"ab", "abc", "-"},
	{"abc", "ab", "-"},
	{"ABC", "abc", "-"},
	{"/x/2/foo", "/x/*/foo", "2"},
	{"/x//foo", "/x/*/foo", ""},
	{"/x/2/3/foo", "/x/*/foo", "-"},
	{"/x/2/3/foo", "/x/#/foo", "2/3"},
	{"///", "#", "///"},
	{"/api/foo", "/api/*", "foo"},
	{"/api/log/static", "/api/*", "-"},
	{"/api/log/static", "/api/#", "log/static"},
	{"/ssi/index.shtml", "#.shtml", "/ssi/index"},
	{".c", "#.c", ""},
	{"a.c", "#.c", "a"},
	{"..c", "#.c", "."},
	{"//a.c", "#.c", "//a"},
	{"./a.c", "#.c", "./a"},
	{"caabba", "#aa#bb#", "c||a"},
	{"caabxa", "#aa#bb#", "-"},
	{"a_b_c_", "a*b*c", "-"},
	{"a__b_c", "a*b*c", "__|_"},
	{"a_b_c__c", "a*b*c", "_|_c__"},
	{"a_xb_.c__c", "a*b*c", "_x|_.c__"},
	{"a", "#a", ""},
	{".aa..b...b", "#a#b", ".|a..b..."},
	{"/foo/bar", "/*/*", "foo|bar"},
	{"/foo/", "/*/*", "foo|"},
	{"abc", "?#", "a|bc"},
	{"a#c", "?#", "a|#c"},
	{"/", "?", "/"}, // '?' is any byte
	{"a/c", "a?c", "/"},
	{"ab/bx", "*?b*x", "ab|/|"},
	{"a/ab", "#a*b", "a/|"}, // Mongoose tries only the last wildcard again
	{"xa/b", "*#b", "|xa/"}, // each wildcard has its own capture
	{"xab", "*?b", "x|a"},
	{"a\x00\xff", "a??", "\x00|\xff"},
}

// checkMatch matches with as many captures as the pattern has wildcards, as a string and as
// bytes, and with fewer.
func checkMatch(t *testing.T, s, pattern string, want []string, ok bool) {
	t.Helper()
	n := strings.Count(pattern, "?") + strings.Count(pattern, "*") + strings.Count(pattern, "#")
	texts, bytes := make([]string, n+1), make([][]byte, n+1)
	var textPtrs []*string
	var bytePtrs []*[]byte
	for i := range texts {
		texts[i], bytes[i] = "old", []byte("old")
		textPtrs, bytePtrs = append(textPtrs, &texts[i]), append(bytePtrs, &bytes[i])
	}
	if !ok {
		want = make([]string, n)
	}
	want = append(want, "") // for the pointer without a wildcard
	if got := http.Match(s, pattern, textPtrs...); got != ok || fmt.Sprintf("%q", texts) != fmt.Sprintf("%q", want) {
		t.Errorf("Match(%q, %q) = %v with %q, want %v with %q", s, pattern, got, texts, ok, want)
	}
	if got := http.Match([]byte(s), pattern, bytePtrs...); got != ok || fmt.Sprintf("%q", bytes) != fmt.Sprintf("%q", want) {
		t.Errorf("Match([]byte(%q), %q) = %v with %q, want %v with %q", s, pattern, got, bytes, ok, want)
	}
	if got := http.Match(s, pattern); got != ok {
		t.Errorf("Match(%q, %q) = %v without captures, want %v", s, pattern, got, ok)
	}
	if n > 1 {
		texts[1] = "old"
		if http.Match(s, pattern, nil, &texts[1]); texts[1] != want[1] {
			t.Errorf("Match(%q, %q): second capture alone %q, want %q", s, pattern, texts[1], want[1])
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range matches {
		var want []string
		if strings.ContainsAny(tt.pattern, "?*#") {
			want = strings.Split(tt.caps, "|")
		}
		checkMatch(t, tt.s, tt.pattern, want, tt.caps != "-")
	}
}

// expression returns the regular expression that matches the same as pattern. Its groups are the
// wildcards, as short as possible.
func expression(pattern string) *regexp.Regexp {
	var b strings.Builder
	for i := range len(pattern) {
		switch c := pattern[i]; c {
		case '?':
			b.WriteString(`(.)`)
		case '*':
			b.WriteString(`([^/]*?)`)
		case '#':
			b.WriteString(`(.*?)`)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(`(?s)\A(?:` + b.String() + `)\z`)
}

// FuzzMatch compares Match with the regular expression of the pattern. That works with ASCII, in
// which a byte is a character.
func FuzzMatch(f *testing.F) {
	for _, tt := range matches {
		f.Add(tt.s, tt.pattern)
	}
	f.Fuzz(func(t *testing.T, s, pattern string) {
		ascii := func(r rune) rune { return r & 0x7f }
		s, pattern = strings.Map(ascii, s), strings.Map(ascii, pattern)
		if len(s) > 500 || len(pattern) > 100 {
			return
		}
		groups := expression(pattern).FindStringSubmatch(s)
		if groups == nil {
			checkMatch(t, s, pattern, nil, false)
			return
		}
		checkMatch(t, s, pattern, groups[1:], true)
	})
}
