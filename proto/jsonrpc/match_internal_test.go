package jsonrpc

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "", false}, {"a", "a", true}, {"a", "ab", false},
		{"?", "", false}, {"?", "/", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*", "", true}, {"*", "abc", true}, {"*", "a/b", false}, {"a*", "a", true},
		{"#", "", true}, {"#", "a/b", true}, {"a#z", "a/b/z", true}, {"a#z", "a/b/y", false},
		{"*/*", "a/b", true}, {"*/*", "a/b/c", false}, {"#/*", "a/b/c", true}, {"*#", "a/b", true}, {"#*", "a/b", true},
		{"*a*b", "xaxbxaxb", true}, {"*a*b", "xaxbxaxbx", false}, {"gpio.*", "gpio.set", true},
		{strings.Repeat("#a", 60) + "b", strings.Repeat("a", 250), false}, // exponential if it is searched naively
		{"*", "*", true}, {"a*", "a*#?", true},
	} {
		if got := match(tc.pattern, tc.name); got != tc.want {
			t.Errorf("match(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*?#/", "abc/d")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 100 || len(name) > 200 || strings.ContainsFunc(pattern+name, func(r rune) bool { return r > 126 }) {
			return
		}
		re := strings.NewReplacer(`\?`, `.`, `\*`, `[^/]*`, `#`, `.*`).Replace(regexp.QuoteMeta(pattern))
		if got, want := match(pattern, name), regexp.MustCompile(`(?s)\A`+re+`\z`).MatchString(name); got != want {
			t.Errorf("match(%q, %q) = %v", pattern, name, got)
		}
	})
}
