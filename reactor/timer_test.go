package reactor_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// A timer function that takes long delays the other timers. Each still fires once per turn.
func TestSlowHandlerDelaysTimers(t *testing.T) {
	m, k := timed(t)
	fired := make([]int, 3)
	for i := range fired {
		m.AddTimer(time.Duration(i+1)*time.Second, reactor.TimerRepeat, func() {
			fired[i]++
			k.Advance(10 * time.Second) // all timers are due again
		})
	}
	k.Advance(3 * time.Second)
	for n := 1; n <= 5; n++ {
		spin(t, m, 1)
		for i, f := range fired {
			if f != n {
				t.Fatalf("turn %d: timer %d fired %d times", n, i, f)
			}
		}
	}
}

// AddTimer and Post with arguments that make no sense panic at the call, with its name,
// and not later in the loop. The manager stays usable.
func TestAddTimerAndPostPanicOnBadArguments(t *testing.T) {
	nothing := func() {}
	for name, row := range map[string]struct {
		call  func(m *reactor.Manager)
		words []string
	}{
		"AddTimer nil":                     {func(m *reactor.Manager) { m.AddTimer(time.Second, reactor.TimerOnce, nil) }, []string{"reactor: ", "AddTimer"}},
		"AddTimer nil, repeating":          {func(m *reactor.Manager) { m.AddTimer(time.Second, reactor.TimerRepeat, nil) }, []string{"reactor: ", "AddTimer"}},
		"AddTimer nil, now":                {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRunNow, nil) }, []string{"reactor: ", "AddTimer"}},
		"a period of 0":                    {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a negative period":                {func(m *reactor.Manager) { m.AddTimer(-1, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"the least period":                 {func(m *reactor.Manager) { m.AddTimer(math.MinInt64, reactor.TimerRepeat, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a period of 0, beginning now":     {func(m *reactor.Manager) { m.AddTimer(0, reactor.TimerRepeat|reactor.TimerRunNow, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"a negative period, beginning now": {func(m *reactor.Manager) { m.AddTimer(-time.Second, reactor.TimerRepeat|reactor.TimerRunNow, nothing) }, []string{"reactor: ", "AddTimer", "period"}},
		"Post nil":                         {func(m *reactor.Manager) { m.Post(nil) }, []string{"reactor: ", "Post"}},
	} {
		for _, when := range []string{"between two Polls", "within a handler", "on another goroutine", "closed"} {
			if when == "on another goroutine" && name != "Post nil" {
				continue // other goroutines may only call Post
			}
			t.Run(name+" "+when, func(t *testing.T) {
				m, _ := timed(t)
				r := &recorder{}
				_, p := wrap(t, m, r.Handle)
				spin(t, m, 1)
				try := func() {
					for _, words := range row.words {
						wantPanic(t, words, func() { row.call(m) })
					}
				}
				switch when {
				case "between two Polls":
					try()
				case "on another goroutine":
					elsewhere(try)
				case "within a handler":
					r.On = hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
						c.Recv.Reset()
						try()
					}}
					p.WriteString("x")
					harmless(t, "the loop", func() { await(t, m, "the handler", r.Saw(reactor.EvRead)) })
				case "closed":
					looptest.Must(t, m.Close())
					try()
					return
				}
				if t.Failed() { // the loop may panic now
					return
				}
				spin(t, m, 3)
				if d := m.NextTimeout(); d != math.MaxInt64 {
					t.Errorf("NextTimeout %v: the call has left work for the loop", d)
				}
				r.On = nil
				p.WriteString("more input")
				await(t, m, "input", func() bool { return string(r.Got) == "more input" })
			})
		}
	}
}

// Timers that do not repeat may have a period of zero or less, and fire at once.
func TestAddTimerWithoutAPeriod(t *testing.T) {
	for _, flags := range []reactor.TimerFlags{reactor.TimerOnce, reactor.TimerRunNow} {
		for _, period := range []time.Duration{0, -1, math.MinInt64} {
			m, _ := timed(t)
			n := 0
			harmless(t, fmt.Sprint("AddTimer ", period), func() { m.AddTimer(period, flags, func() { n++ }) })
			if spin(t, m, 5); n != 1 {
				t.Errorf("period %v, flags %d: fired %d times, want once", period, flags, n)
			}
		}
	}
}

// timed makes a manager on a clock of the test.
func timed(t *testing.T, opts ...reactor.Option) (*reactor.Manager, *looptest.Clock) {
	k := looptest.NewClock()
	return newManager(t, append(opts, reactor.WithClock(k.Now))...), k
}

func TestTimerFlags(t *testing.T) {
	tests := []struct {
		flags reactor.TimerFlags
		fires []int // how often it has fired after 0 to 5 seconds
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
				k.Advance(time.Second)
			}
		})
	}
}

// A timer fires at its time, and not a nanosecond earlier.
func TestTimerFiresAtItsTime(t *testing.T) {
	m, k := timed(t)
	fired := false
	m.AddTimer(time.Second, reactor.TimerOnce, func() { fired = true })
	k.Advance(time.Second - 1)
	spin(t, m, 2)
	if fired {
		t.Error("fired a nanosecond early")
	}
	k.Advance(1)
	spin(t, m, 1)
	if !fired {
		t.Error("did not fire at its time")
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
	k.Advance(time.Minute)
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
		k.Advance(time.Second)
		spin(t, m, 1)
	}
	if n != 3 {
		t.Errorf("fired %d times, want 3", n)
	}
}

// A timer stops others that are due in the same turn, one that has fired and one that has
// not.
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
	k.Advance(time.Second)
	spin(t, m, 1)
	k.Advance(time.Second)
	spin(t, m, 1)
	if want := []int{0, 1, 2, 4, 1, 2, 4}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
}

func TestTimerAddsAnotherInItsFunction(t *testing.T) {
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
		k.Advance(500 * time.Millisecond)
		spin(t, m, 2)
	}
	if want := []time.Duration{1e9, 2e9, 3e9}; !slices.Equal(at, want) {
		t.Errorf("fired at %v, want %v", at, want)
	}
}

// A repeating timer that fires late keeps its rhythm. It does not fire for periods that it
// has missed.
func TestRepeatingTimerKeepsItsRhythm(t *testing.T) {
	m, k := timed(t)
	start := m.Now()
	var at []time.Duration
	m.AddTimer(time.Second, reactor.TimerRepeat, func() { at = append(at, m.Now().Sub(start)) })
	for _, step := range []time.Duration{1300e6, 600e6, 200e6, 3400e6, 499e6, 1e6, 1000e6} {
		k.Advance(step)
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
	k.Advance(time.Hour)
	m.Poll(0)
	harmless(t, "Stop of an armed timer after Close", armed.Stop)
	harmless(t, "Stop of another", other.Stop)
	harmless(t, "Stop of a timer that was never armed", late.Stop)
	if n != 0 {
		t.Errorf("fired %d times after Close", n)
	}
}
