package http

import (
	"strings"
	"testing"
)

// Hostile input takes time in proportion to the length of the input times that of the pattern.
func TestMatchTakesBoundedSteps(t *testing.T) {
	patterns := []string{
		"#a#a#a#a#a#a#b", "*a*a*a*a*a*a*b", "#*#*#*#*#*b", "?*?*?*?*b", "#a*a#a*a#b", "*?a*?a*?a*?b",
		"#aaaaaaaaaaaaaaaaaaaaaaab", strings.Repeat("*", 50) + "b", strings.Repeat("#a?", 50) + "b",
	}
	inputs := []string{
		strings.Repeat("a", 4000), strings.Repeat("a/", 2000), strings.Repeat("/", 4000),
		strings.Repeat("a", 2000) + "/" + strings.Repeat("a", 1999),
	}
	for _, pattern := range patterns {
		for _, s := range inputs {
			m := matcher[string]{s: s, pattern: pattern}
			m.tried = make([]uint64, m.triedWords())
			if m.match(0, 0, 0, 0) {
				t.Fatalf("%q matches", pattern)
			}
			if limit := 3 * (len(s) + 1) * (len(pattern) + 1); m.steps > limit {
				t.Errorf("%q: %d steps for %d bytes, want at most %d", pattern, m.steps, len(s), limit)
			}
		}
	}
}
