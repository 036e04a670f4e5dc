//go:build linux

package main

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0.4567: "0.457", 6.066: "6.07", 99.95: "100", 999.4: "999", 1072.4: "1,072", 999.6: "1,000", 1234567: "1,234,567",
		-1234: "-1,234", 0: "0",
	} {
		if got := figure(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	if got := figure(math.NaN()); got != "–" {
		t.Errorf("no value: %q", got)
	}
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		values series
		want   string
	}{{series{5}, "5"}, {series{3, 1, 2}, "2 (1–3)"}, {series{math.NaN()}, "–"}, {series{math.NaN(), 2}, "2"}} {
		if got := tc.values.spread(); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.values, got, tc.want)
		}
	}
}

// fakeReport has the results of two rounds of fakeGroup.
func fakeReport(t *testing.T) *report {
	t.Helper()
	var order []string
	b := &bench{m: testMachine(t), sizes: sizes{rounds: 2, budget: time.Hour}}
	b.note("A note.")
	results, err := b.measure([]*group{fakeGroup(&order)}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return &report{b: b, results: results, command: "make"}
}

func TestText(t *testing.T) {
	var out strings.Builder
	if err := fakeReport(t).writeText(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for _, want := range []string{
		"A fake (fake)",
		"Cost, µs   rikki     gnet",
		"row 0      5 (5–5)   4 (4–4) ×1.25",
		"row 1       2,000 (2,000–2,000)   2,000 (2,000–2,000) ×1.00",
		"A note.",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, out.String())
		}
	}
}
