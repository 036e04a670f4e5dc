package reactor_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

func TestTimersFireInOrderOfTime(t *testing.T) {
	m, k := timed(t)
	r := rand.New(rand.NewPCG(1, 2))
	var fired []time.Duration
	for range 500 {
		d := time.Duration(r.IntN(100)) * time.Millisecond
		timer := m.AddTimer(d, reactor.TimerOnce, func() { fired = append(fired, d) })
		if r.IntN(4) == 0 {
			timer.Stop()
			m.AddTimer(d, reactor.TimerOnce, func() { fired = append(fired, d) })
		}
	}
	k.Advance(time.Second)
	spin(t, m, 1)
	if len(fired) != 500 || !slices.IsSorted(fired) {
		t.Errorf("%d of 500 timers fired, in the order %v", len(fired), fired)
	}
}

func TestTimersOfEqualTimeFireInTheOrderOfAddTimer(t *testing.T) {
	m, k := timed(t)
	var fired []int
	for i := range 100 {
		m.AddTimer(time.Second, reactor.TimerRepeat, func() { fired = append(fired, i) })
	}
	for turn := range 3 {
		fired = fired[:0]
		k.Advance(time.Second)
		spin(t, m, 1)
		if len(fired) != 100 || !slices.IsSorted(fired) {
			t.Fatalf("turn %d: fired in the order %v", turn, fired)
		}
	}
}

// A timer function adds timers that are due at once. They fire in the next turn, after
// sockets, posted functions and other timers.
func TestTimerAddedByATimerWaitsForTheNextTurn(t *testing.T) {
	m, _ := timed(t)
	n, other := 0, 0
	var again func()
	again = func() {
		n++
		m.AddTimer(0, reactor.TimerOnce, again)
		m.AddTimer(0, reactor.TimerRunNow, func() { other++ })
	}
	m.AddTimer(0, reactor.TimerOnce, again)
	r := &recorder{}
	_, p := wrap(t, m, r.Handle)
	p.WriteString("x")
	for turn := 1; turn <= 5; turn++ {
		spin(t, m, 1)
		if n != turn || other != turn-1 {
			t.Fatalf("after %d turns: the timers have fired %d and %d times", turn, n, other)
		}
	}
	if r.Count(reactor.EvRead) != 1 {
		t.Error("the connection was not read")
	}
}

// One turn fires all timers that are due.
func TestTimersAllDueFireInOneTurn(t *testing.T) {
	m, k := timed(t)
	n := 0
	for i := range 1000 {
		m.AddTimer(time.Duration(i)*time.Millisecond, reactor.TimerOnce, func() { n++ })
	}
	k.Advance(time.Minute)
	spin(t, m, 1)
	if n != 1000 {
		t.Errorf("%d of 1000 timers fired", n)
	}
}
