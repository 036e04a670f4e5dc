package reactor_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// modelTimer is a timer, and what a plain list of timers says about it.
type modelTimer struct {
	*reactor.Timer
	id     int
	due    time.Duration // since the beginning
	order  int           // of arming
	period time.Duration // of a repeating one, else 0
	armed  bool
}

// timerModel compares the timers of a manager with a list that is sorted again for each question.
type timerModel struct {
	t      *testing.T
	m      *reactor.Manager
	r      *rand.Rand
	timers []*modelTimer
	now    time.Duration
	arming int
	fired  int
}

func (w *timerModel) arm(x *modelTimer, d time.Duration) {
	w.arming++
	x.due, x.order, x.armed = w.now+d, w.arming, true
}

// add adds a timer. Some of them repeat, and some reset themselves or another one when they fire.
func (w *timerModel) add() {
	x := &modelTimer{id: len(w.timers)}
	d, flags := w.delay(), reactor.TimerOnce
	if w.r.IntN(4) == 0 {
		flags, x.period = reactor.TimerRepeat, d
	}
	kind := w.r.IntN(4)
	x.Timer = w.m.AddTimer(d, flags, func() {
		if first := w.next(); first != x {
			w.t.Fatalf("timer %d, due at %v, fires, want %+v", x.id, x.due, first)
		}
		w.fired++
		if x.armed = false; x.period > 0 {
			w.arm(x, x.period-(w.now-x.due)%x.period)
		}
		switch kind {
		case 0:
			w.reset(x)
		case 1:
			w.reset(w.timers[w.r.IntN(len(w.timers))])
		}
	})
	w.arm(x, d)
	w.timers = append(w.timers, x)
}

// delay returns one of few delays, so that many timers are due at the same time.
func (w *timerModel) delay() time.Duration {
	return time.Duration(1+w.r.IntN(20)) * time.Millisecond
}

func (w *timerModel) reset(x *modelTimer) {
	d := w.delay()
	x.Reset(d)
	if w.arm(x, d); x.period > 0 {
		x.period = d
	}
}

func (w *timerModel) stop(x *modelTimer) {
	x.Stop()
	x.armed, x.period = false, 0
}

// next returns the armed timer that is due next, or nil.
func (w *timerModel) next() *modelTimer {
	var first *modelTimer
	for _, x := range w.timers {
		if x.armed && (first == nil || cmp.Or(cmp.Compare(x.due, first.due), cmp.Compare(x.order, first.order)) < 0) {
			first = x
		}
	}
	return first
}

// turn polls. Each function checks that its timer is the next one. Afterwards no timer is left that
// was due when the turn began.
func (w *timerModel) turn() {
	last := w.arming
	spin(w.t, w.m, 1)
	if x := w.next(); x != nil && x.due <= w.now && x.order <= last {
		w.t.Fatalf("timer %d, due at %v, has not fired at %v", x.id, x.due, w.now)
	}
}

// Whatever is added, stopped and reset, timers fire by due time, and with equal due times in the
// order of their arming. NextTimeout is exact.
func TestTimersBesideAModel(t *testing.T) {
	for seed := range uint64(20) {
		m, k := timed(t)
		w := &timerModel{t: t, m: m, r: rand.New(rand.NewPCG(seed, 1))}
		for range 2000 {
			switch n := w.r.IntN(10); {
			case n < 2 && len(w.timers) < 100 || len(w.timers) == 0:
				w.add()
			case n < 6:
				w.reset(w.timers[w.r.IntN(len(w.timers))])
			case n < 7:
				w.stop(w.timers[w.r.IntN(len(w.timers))])
			default:
				d := time.Duration(w.r.IntN(3)) * time.Millisecond
				k.Advance(d)
				w.now += d
				w.turn()
			}
			want := time.Duration(math.MaxInt64)
			if x := w.next(); x != nil {
				want = max(0, x.due-w.now)
			}
			if w.r.IntN(3) == 0 && m.NextTimeout() != want {
				t.Fatalf("seed %d: NextTimeout %v, want %v", seed, m.NextTimeout(), want)
			}
		}
		if w.fired < 500 {
			t.Errorf("seed %d: only %d timers fired", seed, w.fired)
		}
	}
}
