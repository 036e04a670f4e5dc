package reactor_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// timed makes a manager whose time is the test's.
func timed(t *testing.T, opts ...reactor.Option) (*reactor.Manager, *clock) {
	k := newClock()
	return newManager(t, append(opts, reactor.WithClock(k.now))...), k
}

func TestTimerFlags(t *testing.T) {
	tests := []struct {
		flags reactor.TimerFlags
		fires []int // after each second of five, before the first at index 0
	}{
		{reactor.TimerOnce, []int{0, 0, 1, 1, 1, 1}},
		{reactor.TimerRepeat, []int{0, 0, 1, 1, 2, 2}},
		{reactor.TimerRunNow, []int{1, 1, 1, 1, 1, 1}},
		{reactor.TimerRunNow | reactor.TimerRepeat, []int{1, 1, 2, 2, 3, 3}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.flags), func(t *testing.T) {
			m, k := timed(t)
			n := 0
			m.AddTimer(2*time.Second, test.flags, func() { n++ })
			if n != 0 {
				t.Fatal("AddTimer called the function")
			}
			for second, want := range test.fires {
				spin(t, m, 3)
				if n != want {
					t.Errorf("fired %d times after %d s, want %d", n, second, want)
				}
				k.advance(time.Second)
			}
		})
	}
}

func TestTimerIsNotEarly(t *testing.T) {
	m, k := timed(t)
	fired := false
	m.AddTimer(time.Second, reactor.TimerOnce, func() { fired = true })
	k.advance(time.Second - 1)
	spin(t, m, 2)
	if fired {
		t.Error("a nanosecond early")
	}
	k.advance(1)
	spin(t, m, 1)
	if !fired {
		t.Error("not at its time")
	}
}

func TestTimerStop(t *testing.T) {
	m, k := timed(t)
	n := 0
	count := func() { n++ }
	once := m.AddTimer(time.Second, reactor.TimerOnce, count)
	m.AddTimer(time.Second, reactor.TimerRepeat, count).Stop()
	now := m.AddTimer(time.Second, reactor.TimerRunNow, count)
	once.Stop()
	once.Stop()
	now.Stop()
	k.advance(time.Minute)
	spin(t, m, 3)
	if n != 0 {
		t.Errorf("fired %d times after Stop", n)
	}
	fired := m.AddTimer(0, reactor.TimerOnce, count)
	spin(t, m, 1)
	fired.Stop()
	if n != 1 {
		t.Errorf("fired %d times, want 1", n)
	}
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("NextTimeout %v without timers", d)
	}
}

func TestTimerStopsItself(t *testing.T) {
	m, k := timed(t)
	n := 0
	var self *reactor.Timer
	self = m.AddTimer(time.Second, reactor.TimerRepeat, func() {
		if n++; n == 3 {
			self.Stop()
		}
	})
	for range 10 {
		k.advance(time.Second)
		spin(t, m, 1)
	}
	if n != 3 {
		t.Errorf("fired %d times, want 3", n)
	}
}

// One timer stops others that are due in the same turn, before and behind it.
func TestTimerStopsOthers(t *testing.T) {
	m, k := timed(t)
	var fired []int
	timers := make([]*reactor.Timer, 5)
	for i := range timers {
		timers[i] = m.AddTimer(time.Second, reactor.TimerRepeat, func() {
			fired = append(fired, i)
			if i == 2 {
				timers[0].Stop()
				timers[3].Stop()
			}
		})
	}
	k.advance(time.Second)
	spin(t, m, 1)
	k.advance(time.Second)
	spin(t, m, 1)
	if want := []int{0, 1, 2, 4, 1, 2, 4}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
}

func TestTimerArmsAnotherInItsCallback(t *testing.T) {
	m, k := timed(t)
	var at []time.Duration
	start := m.Now()
	var again func()
	again = func() {
		at = append(at, m.Now().Sub(start))
		if len(at) < 3 {
			m.AddTimer(time.Second, reactor.TimerOnce, again)
		}
	}
	m.AddTimer(time.Second, reactor.TimerOnce, again)
	for range 8 {
		k.advance(500 * time.Millisecond)
		spin(t, m, 2)
	}
	if want := []time.Duration{1e9, 2e9, 3e9}; !slices.Equal(at, want) {
		t.Errorf("fired at %v, want %v", at, want)
	}
}

// A loop that comes late does not shift the rhythm, and what was missed is
// not made up for.
func TestTimerKeepsItsRhythm(t *testing.T) {
	m, k := timed(t)
	start := m.Now()
	var at []time.Duration
	m.AddTimer(time.Second, reactor.TimerRepeat, func() { at = append(at, m.Now().Sub(start)) })
	for _, step := range []time.Duration{1300e6, 600e6, 200e6, 3400e6, 499e6, 1e6, 1000e6} {
		k.advance(step)
		spin(t, m, 3)
	}
	// at 1.3, 1.9 (nothing), 2.1, 5.5, 5.999 (nothing), 6.0, 7.0
	if want := []time.Duration{1300e6, 2100e6, 5500e6, 6000e6, 7000e6}; !slices.Equal(at, want) {
		t.Errorf("fired at %v, want %v", at, want)
	}
}

func TestTimerAfterManagerClose(t *testing.T) {
	m, k := timed(t)
	n := 0
	armed := m.AddTimer(time.Second, reactor.TimerRepeat, func() { n++ })
	other := m.AddTimer(time.Minute, reactor.TimerOnce, func() { n++ })
	m.Close()
	late := m.AddTimer(0, reactor.TimerOnce, func() { n++ })
	k.advance(time.Hour)
	m.Poll(0)
	harmless(t, "Stop of an armed timer after Close", armed.Stop)
	harmless(t, "Stop of another", other.Stop)
	harmless(t, "Stop of a timer that was never armed", late.Stop)
	if n != 0 {
		t.Errorf("fired %d times after Close", n)
	}
}
