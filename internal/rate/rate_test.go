package rate_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/rate"
)

// passed asks for n records at one time, and returns how many may be written.
func passed(l *rate.Limit, at time.Duration, n int) (k int) {
	for range n {
		if l.Allow(at) {
			k++
		}
	}
	return k
}

func TestLimit(t *testing.T) {
	const start = 5 * time.Hour
	var l rate.Limit
	for _, step := range []struct {
		at      time.Duration
		n, want int
	}{
		{0, 100, 100}, // the burst
		{0, 1, 0},     // one beyond it
		{99 * time.Millisecond, 1, 0},
		{100 * time.Millisecond, 2, 1},
		{1100 * time.Millisecond, 20, 10},
		{6100 * time.Millisecond, 100, 50},
		{time.Hour, 200, 100}, // a quiet hour gives one burst again, not more
	} {
		if got := passed(&l, start+step.at, step.n); got != step.want {
			t.Errorf("after %v, %d of %d records pass, want %d", step.at, got, step.n, step.want)
		}
	}
	const want = 1 + 1 + 1 + 10 + 50 + 100
	if l.Suppressed() != want || l.Take() != want || l.Take() != 0 || l.Suppressed() != 0 {
		t.Errorf("the number of suppressed records is not %d, or Take does not reset it", want)
	}
}

// The zero value has a full burst, at the zero time too.
func TestZeroValue(t *testing.T) {
	var l rate.Limit
	if got := passed(&l, 0, 101); got != rate.Burst {
		t.Errorf("%d records pass, want %d", got, rate.Burst)
	}
}
