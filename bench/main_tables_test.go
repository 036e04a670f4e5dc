//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// TestTables runs the whole program with small numbers.
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
