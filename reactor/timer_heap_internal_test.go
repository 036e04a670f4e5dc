package reactor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// checkTimers checks that the slots are in order, and that each knows its timer.
func checkTimers(t *testing.T, h timerHeap) {
	t.Helper()
	for i, s := range h {
		if int(s.t.pos) != i || s.when > s.t.when || s.t.settled() && s.when != s.t.when {
			t.Fatalf("slot %d: tick %d, its timer has place %d and tick %d", i, s.when, s.t.pos, s.t.when)
		}
		if i > 0 && s.before(h[(i-1)/4]) {
			t.Fatalf("slot %d is before the one above it", i)
		}
	}
}

// The heap is in order after each operation, for all sizes up to some levels. In the end it has
// the timers in the order of their due times.
func TestTimerHeap(t *testing.T) {
	m, _ := newWithDeadlines(t, Deadlines{})
	r := rand.New(rand.NewPCG(3, 4))
	var timers []*Timer
	for n := range 120 {
		timers = append(timers, m.AddTimer(time.Duration(r.IntN(50)), TimerOnce, func() {}))
		checkTimers(t, m.timers)
		for range 20 {
			x := timers[r.IntN(len(timers))]
			if r.IntN(4) == 0 {
				x.Stop()
				checkTimers(t, m.timers)
			}
			x.Reset(time.Duration(r.IntN(50)))
			checkTimers(t, m.timers)
		}
		m.timers.settleFirst(n)
		checkTimers(t, m.timers)
	}
	var due []int64
	for len(m.timers) > 0 {
		m.timers.settleFirst(len(m.timers))
		first := m.timers[0].t
		due = append(due, first.when)
		first.Stop()
		checkTimers(t, m.timers)
	}
	if len(due) != len(timers) || !slices.IsSorted(due) {
		t.Errorf("%d of %d timers, in the order %d", len(due), len(timers), due)
	}
}

// A reset to a later time does not move a slot. When the old time has passed, nothing fires, and
// the slot moves.
func TestResetToALaterTimeMovesNoSlot(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{})
	fired := 0
	var timers []*Timer
	for range 100 {
		timers = append(timers, m.AddTimer(time.Second, TimerOnce, func() { fired++ }))
	}
	before := slices.Clone(m.timers)
	for range 10 {
		*now = now.Add(time.Millisecond)
		for _, x := range timers {
			x.Reset(time.Second)
		}
	}
	if !slices.Equal(m.timers, before) {
		t.Error("slots have moved")
	}
	*now = now.Add(time.Second - 1)
	turns(t, m, 1)
	if d := m.timers[0].t.when - m.ticks(); fired != 0 || !m.timers[0].t.settled() || d != 1 {
		t.Errorf("%d timers fired; the first slot is settled: %v, due in %d ns", fired, m.timers[0].t.settled(), d)
	}
	*now = now.Add(1)
	if turns(t, m, 1); fired != len(timers) {
		t.Errorf("%d of %d timers fired", fired, len(timers))
	}
}

// NextTimeout moves a bounded number of slots. If more timers were reset it may return an earlier
// time, and the next calls come closer.
func TestNextTimeoutIsBounded(t *testing.T) {
	m, _ := newWithDeadlines(t, Deadlines{})
	for _, n := range []int{maxSettled - 1, maxSettled, maxSettled + 1, 3 * maxSettled} {
		timers := make([]*Timer, n)
		for i := range timers {
			timers[i] = m.AddTimer(time.Minute, TimerOnce, func() {})
		}
		for _, x := range timers {
			x.Reset(time.Hour)
		}
		calls, d := 1, m.NextTimeout()
		for ; d != time.Hour && calls < 10; calls++ {
			if d != time.Minute {
				t.Fatalf("NextTimeout %v, want a minute or an hour", d)
			}
			d = m.NextTimeout()
		}
		if want := (n + maxSettled - 1) / maxSettled; calls != want {
			t.Errorf("%d timers reset: call %d of NextTimeout is exact, want call %d", n, calls, want)
		}
		for _, x := range timers {
			x.Stop()
		}
	}
}

// When the earlier times of many timers have passed, slots move as long as the phase may take. The
// rest waits for the next turn, which does not block.
func TestSettledSlotsAreBounded(t *testing.T) {
	m, now := newWithDeadlines(t, Deadlines{})
	const n = 4000
	fired, timers := 0, make([]*Timer, n)
	for i := range timers {
		timers[i] = m.AddTimer(time.Second, TimerOnce, func() { fired++ })
	}
	for _, x := range timers {
		x.Reset(time.Minute)
	}
	waiting := func() (k int) {
		for _, s := range m.timers {
			if !s.t.settled() {
				k++
			}
		}
		return k
	}
	*now = now.Add(time.Second)
	m.clock = func() time.Time { *now = now.Add(maxPhaseTime / 4); return *now }
	looks, left := 0, n
	for ; left > 0 && looks < 1000; looks++ {
		turns(t, m, 1)
		if k := waiting(); k >= left || k > 0 && left-k > n/4 {
			t.Fatalf("a turn has moved %d of %d slots", left-k, left)
		} else {
			left = k
		}
	}
	if fired > 0 || looks < 4 {
		t.Errorf("%d timers fired; %d turns, want some", fired, looks)
	}
}
