//go:build linux

package main

import (
	"testing"
)

// A crowd fills its holders one after the other.
func TestCrowd(t *testing.T) {
	p, to := launchTest(t, echoServers[0])
	c := &crowd{m: &machine{files: spareFiles + 20}, addr: to.String()}
	defer c.stop()
	for _, n := range []int{15, 10, 0, 20} {
		if err := c.grow(n); err != nil {
			t.Fatalf("%d more: %v", n, err)
		}
	}
	if c.size != 45 || len(c.holders) != 3 {
		t.Errorf("%d connections in %d holders", c.size, len(c.holders))
	}
	if rss, err := p.resident(); err != nil || rss < 256<<10 {
		t.Errorf("RssAnon %d, %v", rss, err)
	}
	if used, err := p.cpu(); err != nil || used <= 0 {
		t.Errorf("CPU %v, %v", used, err)
	}
}

// If a number of connections is not possible, the report says so, and the largest possible
// number is used.
func TestPossible(t *testing.T) {
	for _, tc := range []struct {
		files, want, notes int
	}{{1 << 20, 10000, 0}, {4096, 4096 - 64 - spareFiles, 1}} {
		b := &bench{m: &machine{files: tc.files}}
		for range 2 {
			if n := b.possible(10000, 64); n != tc.want || len(b.notes) != tc.notes {
				t.Errorf("%d files: %d, %q", tc.files, n, b.notes)
			}
		}
	}
}
