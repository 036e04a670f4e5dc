//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// The CPU time of this process does not count as that of others.
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
		back usage // subtracted from the present usage
		want bool  // a warning
	}{
		{"all ours", usage{busy: 100 * time.Second, ours: 100 * time.Second}, false},
		{"half theirs", usage{busy: 200 * time.Second, ours: 100 * time.Second}, true},
		{"stolen", usage{busy: 100 * time.Second, ours: 100 * time.Second, stolen: 50 * time.Second}, true},
	} {
		before := usage{now.at.Add(-100 * time.Second), now.busy - tc.back.busy, now.stolen - tc.back.stolen, now.ours - tc.back.ours}
		s, err := m.disturbance(before)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(s, "TOO MUCH"); got != tc.want {
			t.Errorf("%s: %s", tc.name, s)
		}
	}
}
