package reactor_test

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Reset arms a timer again, whatever its state is. Each step advances the clock by a second, calls
// Reset with the duration unless it is negative, and then wants a number of calls so far.
func TestTimerReset(t *testing.T) {
	const no = -1
	tests := []struct {
		name   string
		period time.Duration
		flags  reactor.TimerFlags
		stop   bool
		resets []time.Duration
		fired  []int
	}{
		{"earlier", time.Hour, 0, false, []time.Duration{time.Second, no, no}, []int{0, 1, 1}},
		{"later", time.Second, 0, false, []time.Duration{2 * time.Second, no, no}, []int{0, 0, 1}},
		{"fired", 0, 0, false, []time.Duration{no, time.Second, no, no}, []int{1, 1, 2, 2}},
		{"at once", time.Hour, 0, false, []time.Duration{0, no}, []int{1, 1}},
		{"stopped", time.Hour, 0, true, []time.Duration{time.Second, no, no}, []int{0, 1, 1}},
		{"repeating", time.Hour, reactor.TimerRepeat, false, []time.Duration{2 * time.Second, no, no, no, no}, []int{0, 0, 1, 1, 2}},
		{"repeating and stopped", time.Hour, reactor.TimerRepeat, true, []time.Duration{time.Second, no, no}, []int{0, 1, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, k := timed(t)
			n := 0
			timer := m.AddTimer(test.period, test.flags, func() { n++ })
			if test.stop {
				timer.Stop()
			}
			for i, d := range test.resets {
				k.Advance(time.Second)
				if d >= 0 {
					timer.Reset(d)
				}
				if spin(t, m, 2); n != test.fired[i] {
					t.Errorf("after %d s: %d calls, want %d", i+1, n, test.fired[i])
				}
			}
		})
	}
}

// A timer may reset itself. Reset does not allocate. After Close the timer never fires.
func TestTimerResetByItself(t *testing.T) {
	m, _ := timed(t)
	n := 0
	var timer *reactor.Timer
	timer = m.AddTimer(0, 0, func() {
		n++
		timer.Reset(-5)
	})
	if spin(t, m, 3); n != 3 {
		t.Errorf("%d calls in 3 turns", n)
	}
	looptest.WantNoAllocs(t, "Reset", func() { timer.Reset(time.Hour) })
	looptest.Must(t, m.Close())
	timer.Reset(0)
	repeating := m.AddTimer(time.Second, reactor.TimerRepeat, func() {})
	wantPanic(t, "Reset", func() { repeating.Reset(0) })
	if n != 3 {
		t.Error("the timer of a closed manager fired")
	}
}
