package reactor_test

import (
	"math"
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
	k.advance(time.Second)
	spin(t, m, 1)
	if len(fired) != 500 || !slices.IsSorted(fired) {
		t.Errorf("%d of 500 fired, in the order %v", len(fired), fired)
	}
}

func TestTimersOfEqualTimeFireInOrderOfArming(t *testing.T) {
	m, k := timed(t)
	var fired []int
	for i := range 100 {
		m.AddTimer(time.Second, reactor.TimerRepeat, func() { fired = append(fired, i) })
	}
	for turn := range 3 {
		fired = fired[:0]
		k.advance(time.Second)
		spin(t, m, 1)
		if len(fired) != 100 || !slices.IsSorted(fired) {
			t.Fatalf("turn %d: %v", turn, fired)
		}
	}
}

// What is due at once but was armed by a timer of this turn waits for the
// next one: sockets, posts and other timers come first.
func TestTimersCannotStarveTheLoop(t *testing.T) {
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
	_, p := wrap(t, m, r.handle)
	p.write("x")
	for turn := 1; turn <= 5; turn++ {
		spin(t, m, 1)
		if n != turn || other != turn-1 {
			t.Fatalf("after %d turns: %d and %d firings", turn, n, other)
		}
	}
	if r.count(reactor.EvRead) != 1 {
		t.Error("the connection was not heard")
	}
}

// A turn fires all that was due when it looked.
func TestTimersAllDueFireInOneTurn(t *testing.T) {
	m, k := timed(t)
	n := 0
	for i := range 1000 {
		m.AddTimer(time.Duration(i)*time.Millisecond, reactor.TimerOnce, func() { n++ })
	}
	k.advance(time.Minute)
	spin(t, m, 1)
	if n != 1000 {
		t.Errorf("%d of 1000 fired", n)
	}
}

func TestNextTimeout(t *testing.T) {
	m, k := timed(t)
	spin(t, m, 1)
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("%v without anything to do", d)
	}
	far := m.AddTimer(math.MaxInt64, reactor.TimerRepeat, func() { t.Error("292 years have not passed") })
	k.advance(time.Hour)
	spin(t, m, 1)
	far.Stop()
	m.AddTimer(3*time.Second, reactor.TimerOnce, func() {})
	early := m.AddTimer(2*time.Second, reactor.TimerOnce, func() {})
	if d := m.NextTimeout(); d != 2*time.Second {
		t.Errorf("%v, want 2s", d)
	}
	k.advance(500 * time.Millisecond)
	if d := m.NextTimeout(); d != 1500*time.Millisecond {
		t.Errorf("%v, want 1.5s", d)
	}
	early.Stop()
	if d := m.NextTimeout(); d != 2500*time.Millisecond {
		t.Errorf("%v, want 2.5s", d)
	}
	k.advance(time.Hour)
	if d := m.NextTimeout(); d != 0 {
		t.Errorf("%v, want 0 for what is late", d)
	}
}

// Poll blocks no longer than until the next timer, on the real clock.
func TestPollReturnsForTimers(t *testing.T) {
	m := newManager(t)
	fired := 0
	m.AddTimer(3*time.Millisecond, reactor.TimerRepeat, func() { fired++ })
	for range 3 {
		start := time.Now()
		before := fired
		if err := m.Poll(-1); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); fired != before+1 || d > 5*time.Second {
			t.Errorf("%d firings in a turn of %v, want 1", fired-before, d)
		}
	}
}
