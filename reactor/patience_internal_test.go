package reactor

import (
	"math"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

var extremes = []time.Duration{
	math.MinInt64, -1, 0, 1, time.Millisecond, time.Second, 23 * time.Hour, 25 * time.Hour,
	math.MaxInt32 * time.Millisecond, (math.MaxInt32 + 1) * time.Millisecond, math.MaxInt64 - 1, math.MaxInt64,
}

// waiting is a poller that finds nothing. It notes how long it is to wait, and does not.
type waiting struct {
	poll.Poller
	asked []time.Duration
}

func (w *waiting) Look() ([]poll.Ready, error) { return nil, nil }

func (w *waiting) Wait(timeout time.Duration) ([]poll.Ready, error) {
	w.asked = append(w.asked, timeout)
	return nil, nil
}

// Poll waits as long as it may, until the next timer at most, and no longer
// than a day at a time, however large the numbers are. Without limit is
// another matter, for which there must be no timer.
func TestPatienceIsBounded(t *testing.T) {
	const day = 24 * time.Hour
	for _, due := range extremes {
		m := quiet(t)
		now := time.Now()
		m.clock, m.system, m.epoch = func() time.Time { return now }, false, now
		if due >= 0 {
			m.AddTimer(due, TimerOnce, func() {})
		}
		for _, timeout := range extremes {
			want := day
			switch {
			case due < 0 && timeout < 0:
				want = -1
			case due < 0:
				want = min(timeout, day)
			case timeout < 0:
				want = min(due, day)
			default:
				want = min(timeout, due, day)
			}
			if due == math.MaxInt64 && timeout < 0 { // never due: a day and for ever are both right
				continue
			}
			if got := m.waitTime(timeout); got != want {
				t.Errorf("timer in %d, Poll(%d) waits %d, want %d", due, timeout, got, want)
			}
		}
	}
}

// A program that embeds the loop may hand NextTimeout to Poll, without timers too.
func TestPollOfNextTimeout(t *testing.T) {
	m := quiet(t)
	w := &waiting{Poller: m.poller}
	m.poller = w
	if err := m.Poll(m.NextTimeout()); err != nil {
		t.Fatal(err)
	}
	if len(w.asked) != 1 || w.asked[0] < time.Hour || w.asked[0] > 24*time.Hour {
		t.Errorf("waits %v", w.asked)
	}
}
