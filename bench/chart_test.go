//go:build linux

package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A bar that would be too long is marked. A subject without a figure has no bar, and what is not a
// library is not drawn.
func TestChart(t *testing.T) {
	rikki, gws, gnet, plain := &subject{name: "rikki"}, &subject{name: "gws"}, &subject{name: "gnet"}, &subject{name: noLibrary}
	g := &grid{table: &table{title: "Rate", unit: "1/s", more: true}, subjects: []*subject{rikki, gws, gnet, plain},
		lines: []*line{{"a row", map[*subject]series{rikki: {1}, gws: {77}, gnet: {math.NaN()}, plain: {55}}}}}
	path := filepath.Join(t.TempDir(), "chart.svg")
	if err := g.draw(path); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{">» 77<": true, ">1<": true, ">–<": false, ">55<": false, ">plain<": false,
		"relative to rikki; longer is better": true} {
		if got := strings.Contains(string(svg), text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
