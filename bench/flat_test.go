//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// If a number of connections is not possible, a note says so, and the largest possible
// number is used.
func TestLevels(t *testing.T) {
	for _, tc := range []struct {
		files int
		want  []int
		notes int
	}{
		{1 << 20, []int{0, 1000, 10000, 50000}, 0},
		{20000, []int{0, 1000, 10000, 20000 - 64 - spareFiles}, 1},
		{4096, []int{0, 1000, 4096 - 64 - spareFiles}, 2},
	} {
		b := full
		b.m = &machine{files: tc.files}
		sizes, notes := b.levels(64)
		if !slices.Equal(sizes, tc.want) || len(notes) != tc.notes {
			t.Errorf("%d files: %v, %q", tc.files, sizes, notes)
		}
		for _, n := range notes {
			if !strings.Contains(n, "NOT reached") || !strings.Contains(n, "RLIMIT_NOFILE") {
				t.Errorf("note %q", n)
			}
		}
	}
}
