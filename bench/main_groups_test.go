//go:build linux

package main

import (
	"io"
	"math"
	"strings"
	"testing"
)

// Each group measures all its subjects with small numbers. A wrong answer of a server is an error.
func TestGroups(t *testing.T) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			b := testBench(t)
			r, err := b.all([]*group{g}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.results[0].grids) == 0 && !strings.Contains(strings.Join(b.notes, ""), "not installed") {
				t.Error("no tables, and no reason")
			}
			for _, table := range r.results[0].grids {
				if table.aside && table.unit == "%" { // the clock of these shares may not tick in a short sample
					continue
				}
				for _, l := range table.lines {
					for s, values := range l.values {
						if v := values[0]; len(values) != 1 || math.IsNaN(v) {
							t.Errorf("%s, %s, %s: %v", table.title, l.name, s.name, values)
						}
					}
				}
			}
			var out strings.Builder
			if err := r.writeText(&out); err != nil {
				t.Error(err)
			}
			t.Log(out.String())
		})
	}
}
