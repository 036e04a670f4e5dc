//go:build linux

package main

import (
	"testing"
)

// A crowd fills its holders one after the other.
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
