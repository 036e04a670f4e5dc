//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values series
		want   float64
	}{{series{3}, 3}, {series{9, 1, 4}, 4}, {series{8, 2}, 5}, {series{4, 1, 3, 2}, 2.5}} {
		before := slices.Clone(tc.values)
		if got := tc.values.median(); got != tc.want || !slices.Equal(before, tc.values) {
			t.Errorf("%v: %v, want %v", before, got, tc.want)
		}
	}
}

func TestGrid(t *testing.T) {
	g := newGrid(1)
	for j := range servers {
		g[0][j] = series{float64(j + 1), float64(j + 1)}
	}
	var out strings.Builder
	writeGrid(&out, works[:1], g, func(s series) string { return strings.Repeat("x", int(s.median())) })
	lines := strings.Split(out.String(), "\n")
	if got := strings.Fields(lines[0]); !slices.Equal(got, []string{"rikki", "gnet", "gws", "plain", "rikki/gnet", "rikki/gws", "rikki/plain"}) {
		t.Errorf("head %q", got)
	}
	if want := "64 B, 1 in flight   x       xx *   xxx   xxxx    0.50         0.33        0.25"; lines[1] != want {
		t.Errorf("row %q, want %q", lines[1], want)
	}
}
