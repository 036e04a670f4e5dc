//go:build linux

package main

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var times []float64
	for i := range 1000 {
		times = append(times, float64(999-i))
	}
	if got := atQuantiles(times); !slices.Equal(got, []float64{500, 990, 999, 999}) {
		t.Errorf("%v", got)
	}
	if got := atQuantiles([]float64{7}); !slices.Equal(got, []float64{7, 7, 7, 7}) {
		t.Errorf("%v", got)
	}
}

// Every message of the timetable comes back and has a time.
func TestPace(t *testing.T) {
	eachServer(t, func(t *testing.T, _ *process, to netip.AddrPort) {
		l, err := newLoad(work{3, 64, 64}, to)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		for range 2 {
			times, err := l.pace(1000, 50*time.Millisecond)
			if err != nil || len(times) != 50 || slices.Min(times) <= 0 {
				t.Errorf("%d times, %v", len(times), err)
			}
		}
	})
}
