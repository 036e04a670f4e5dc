//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// TestStallRows measures all rows of -stall with small numbers. The rows of mosquitto need
// mosquitto.
func TestStallRows(t *testing.T) {
	b := bench{m: testMachine(t), stalls: 3, stallWarm: 1, qosRounds: 1, warm: 5 * time.Millisecond, span: 20 * time.Millisecond}
	var out strings.Builder
	if err := b.all(&out, true, []part{b.stall}); err != nil {
		t.Fatal(err)
	}
	want := []string{"not a result", "\nHTTP answer ", "\nHTTP request ", "\nWebSocket frame to the client ", "\nWebSocket frame to the server "}
	if findMosquitto() == "" {
		want = append(want, "mosquitto is not installed")
	} else {
		for _, r := range mosquittoRows {
			want = append(want, "\n"+r.String()+" ")
		}
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("output lacks %q:\n%s", w, out.String())
		}
	}
}

// The first exchanges on a connection do not count.
func TestStallTimes(t *testing.T) {
	b := bench{stalls: 3, stallWarm: 2}
	n := 0
	s, err := b.times(func() error { n++; return nil })
	if err != nil || n != 5 || len(s) != 3 {
		t.Errorf("%d exchanges, %d times, %v", n, len(s), err)
	}
}
