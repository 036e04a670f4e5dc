//go:build linux

package main

import (
	"testing"
)

// The first exchanges on a connection do not count.
func TestStallTimes(t *testing.T) {
	b := bench{sizes: sizes{stalls: 3, stallWarm: 2}}
	n := 0
	s, err := b.times(func() error { n++; return nil })
	if err != nil || n != 5 || len(s) != 3 {
		t.Errorf("%d exchanges, %d times, %v", n, len(s), err)
	}
}
