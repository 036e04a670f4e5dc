package reactor

import (
	"math"
	"testing"
	"time"
)

func TestMillisecondsRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		math.MinInt64: -1, -time.Millisecond: -1, -1: -1, 0: 0, 1: 1, time.Millisecond - 1: 1, time.Millisecond: 1,
		time.Millisecond + 1: 2, 24 * time.Hour: 86400000, (math.MaxInt32 + 1) * time.Millisecond: math.MaxInt32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%d ns are %d ms, want %d", d, got, want)
		}
	}
}

// What Poll makes of any time-out is one to epoll too: it does not block where
// it must not, and does where it may.
func TestMillisecondsOfPatience(t *testing.T) {
	m := quiet(t)
	for _, timeout := range extremes {
		got := milliseconds(m.patience(timeout))
		if got < 0 != (timeout < 0) || got == 0 != (timeout == 0) || got > math.MaxInt32 {
			t.Errorf("Poll(%d) makes epoll wait %d ms", timeout, got)
		}
	}
}
