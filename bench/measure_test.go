//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values series
		want   float64
	}{{series{3}, 3}, {series{9, 1, 4}, 4}, {series{8, 2}, 5}, {series{4, 1, 3, 2}, 2.5},
		{series{math.NaN(), 7, math.Inf(1)}, 7}} {
		before := fmt.Sprint(tc.values)
		if got := tc.values.median(); got != tc.want || fmt.Sprint(tc.values) != before {
			t.Errorf("%v: %v, want %v", before, got, tc.want)
		}
	}
	if got := (series{}).median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}

// Ratios are taken round by round, so that what disturbs a whole round does not count.
func TestRatio(t *testing.T) {
	if got := ratio(series{1, 10, 3}, series{2, 20, 4}); got != 0.5 {
		t.Errorf("%v, want 0.5", got)
	}
	if got := ratio(series{1, math.NaN(), 1}, series{math.NaN(), 1, 4}); got != 0.25 {
		t.Errorf("%v, want 0.25", got)
	}
}

// fakeGroup measures three subjects and records the order. The clock of the samples is no part
// of it.
func fakeGroup(order *[]string) *group {
	cost, rate := &table{title: "Cost", unit: "µs"}, &table{title: "Rate", unit: "1/s", more: true}
	return &group{name: "fake", about: "A fake", open: func(b *bench) ([]*measurement, error) {
		subjects := b.compare([]*subject{{name: "rikki"}, {name: "gnet"}, {name: "slow", long: true}})
		var all []*measurement
		for i := range 2 {
			all = append(all, &measurement{
				rows: []row{{cost, fmt.Sprint("row ", i)}, {rate, fmt.Sprint("row ", i)}}, subjects: subjects,
				sample: func(s *subject) ([]float64, error) {
					*order = append(*order, fmt.Sprint(s.name, i))
					return []float64{float64(len(s.name)), 1000 * float64(i+1)}, nil
				},
			})
		}
		return all, nil
	}}
}

// A round has one sample of each subject of each measurement, and begins with another subject.
func TestRounds(t *testing.T) {
	var order []string
	b := &bench{sizes: sizes{rounds: 2, budget: time.Hour}}
	var progress strings.Builder
	results, err := b.measure([]*group{fakeGroup(&order)}, &progress)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"rikki0", "gnet0", "rikki1", "gnet1", "gnet0", "rikki0", "gnet1", "rikki1"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	if b.done != 2 || strings.Count(progress.String(), "\n") != 4 || !strings.HasPrefix(progress.String(), "round 1 of 2, fake, row 0:  rikki 5 µs") {
		t.Errorf("%d rounds, progress %q", b.done, progress.String())
	}
	if g := results[0].grids; len(g) != 2 || len(g[0].lines) != 2 || len(g[0].lines[1].values[g[0].subjects[1]]) != 2 {
		t.Errorf("grids %+v", g)
	}
}

// If the budget is used up, the program stops after a whole round and says so.
func TestBudget(t *testing.T) {
	var order []string
	b := &bench{sizes: sizes{rounds: 5}}
	if _, err := b.measure([]*group{fakeGroup(&order)}, io.Discard); err != nil || b.done != 1 || len(order) != 4 || len(b.notes) != 1 {
		t.Errorf("%d rounds, %q, %q, %v", b.done, order, b.notes, err)
	}
}

// A failure of a sample names the group, the row and the subject. So does a wrong number of values.
func TestSampleFails(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		err    error
		want   string
	}{{nil, errors.New("broken"), "broken"}, {[]float64{1, 2}, nil, "2 values, want 1"}} {
		g := &group{name: "fake", open: func(*bench) ([]*measurement, error) {
			return []*measurement{{rows: []row{{&table{}, "a row"}}, subjects: []*subject{{name: "gnet"}},
				sample: func(*subject) ([]float64, error) { return tc.values, tc.err }}}, nil
		}}
		b := &bench{sizes: sizes{rounds: 1}}
		_, err := b.measure([]*group{g}, io.Discard)
		if err == nil || err.Error() != "fake, a row: gnet: "+tc.want && !strings.HasSuffix(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}

// Long subjects need -full. -before adds a build of the first subject. The child process knows it
// by its plain name.
func TestCompare(t *testing.T) {
	all := []*subject{{name: "rikki", path: rikkiPath}, {name: "gnet"}, {name: "plain", long: true}}
	for _, tc := range []struct {
		b    bench
		want []string
	}{
		{bench{}, []string{"rikki", "gnet"}},
		{bench{full: true}, []string{"rikki", "gnet", "plain"}},
		{bench{before: "/old"}, []string{"rikki", "before-rikki", "gnet"}},
	} {
		var names []string
		for _, s := range tc.b.compare(all) {
			names = append(names, s.name)
			if before := s.name == "before-rikki"; before != (s.build == "/old") || before && (s.plain() != "rikki" || s.moduleVersion() != "of /old") {
				t.Errorf("%+v", s)
			}
		}
		if !slices.Equal(names, tc.want) {
			t.Errorf("%q, want %q", names, tc.want)
		}
		if !slices.Equal(tc.b.compare(all), tc.b.compare(all)) { // each subject is a column of a table
			t.Errorf("%q: other subjects in the second call", names)
		}
	}
}
