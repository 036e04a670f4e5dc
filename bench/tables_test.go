//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"
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

// What cannot be reached is said, and the most that can be is measured instead.
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

// What this process itself uses is not what others use.
func TestDisturbance(t *testing.T) {
	m := testMachine(t)
	now, err := m.usage()
	if err != nil {
		t.Fatal(err)
	}
	if now.busy <= 0 || now.ours <= 0 {
		t.Errorf("usage %+v", now)
	}
	for _, tc := range []struct {
		name string
		back usage // what is taken off the present
		want bool  // warned
	}{
		{"all ours", usage{busy: 100 * time.Second, ours: 100 * time.Second}, false},
		{"half theirs", usage{busy: 200 * time.Second, ours: 100 * time.Second}, true},
		{"stolen", usage{busy: 100 * time.Second, ours: 100 * time.Second, stolen: 50 * time.Second}, true},
	} {
		before := usage{now.at.Add(-100 * time.Second), now.busy - tc.back.busy, now.stolen - tc.back.stolen, now.ours - tc.back.ours}
		var out strings.Builder
		if err := m.disturbance(&out, before); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "TOO MUCH"); got != tc.want {
			t.Errorf("%s: %s", tc.name, out.String())
		}
	}
}

// Holders take turns, each with an address of its own.
func TestCrowd(t *testing.T) {
	p, to := launchTest(t, servers[0])
	c := &crowd{m: &machine{files: spareFiles + 20}, addr: to.String()}
	defer c.stop()
	for _, n := range []int{15, 10, 0, 20} {
		if d, err := c.grow(n); err != nil || n > 0 && d <= 0 {
			t.Fatalf("%d more: %v, %v", n, d, err)
		}
	}
	if c.size != 45 || len(c.holders) != 3 {
		t.Errorf("%d connections in %d holders", c.size, len(c.holders))
	}
	if rss, err := p.resident(); err != nil || rss < 1<<20 {
		t.Errorf("VmRSS %d, %v", rss, err)
	}
	if used, err := p.cpu(); err != nil || used <= 0 {
		t.Errorf("CPU %v, %v", used, err)
	}
}

// The whole program, in small.
func TestTables(t *testing.T) {
	b := bench{
		m: testMachine(t), rounds: 1, warm: 5 * time.Millisecond, span: 20 * time.Millisecond,
		idleConns: 2 * thousand, idleRounds: 1, idleLevels: []int{0, 50}, flatRounds: 1,
	}
	if b.m.files < b.idleConns+spareFiles {
		t.Fatalf("%d descriptors are too few for this test", b.m.files)
	}
	var out strings.Builder
	if err := b.all(&out, true, b.echoes()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not a result", "\n64 B, 1 in flight ", "\n64 B, 16 in flight ", "\n16 KiB, 1 in flight ", "\nresident bytes each", "\n50 ", "\nMeanwhile others used "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}
