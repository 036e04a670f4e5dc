package reactor

import (
	"container/heap"
	"math"
	"time"
)

// TimerFlags say how a timer runs; they may be combined.
type TimerFlags uint8

const (
	TimerOnce   TimerFlags = 0      // fire once, after period
	TimerRepeat TimerFlags = 1 << 0 // fire every period until stopped
	TimerRunNow TimerFlags = 1 << 1 // fire the first time at the next Poll, without waiting for period
)

// Timer is a function that Poll calls when its time has come. Timers belong
// to the goroutine that owns the manager.
type Timer struct {
	m      *Manager
	fn     func()
	when   int64  // nanoseconds on the manager's clock
	seq    uint64 // arming order: equal times fire in it, and new timers wait for the next turn
	period time.Duration
	flags  TimerFlags
	pos    int // in the heap; -1 when not armed
}

// AddTimer arranges that Poll calls fn after period, as flags say. A repeating timer keeps
// its rhythm; periods that passed while the loop was busy are skipped, and it fires at most
// once per Poll. A negative period counts as 0. Stop may be called from anywhere in the
// loop, from within fn too. AddTimer panics if fn is nil, or if the timer is to repeat with
// a period of 0 or less: it would keep the loop busy for ever.
func (m *Manager) AddTimer(period time.Duration, flags TimerFlags, fn func()) *Timer {
	m.own()
	if fn == nil {
		panic("reactor: AddTimer with a nil function")
	}
	if flags&TimerRepeat != 0 && period <= 0 {
		panic("reactor: AddTimer with TimerRepeat and a period of " + period.String() + ", want more than 0")
	}
	t := &Timer{m: m, fn: fn, period: max(period, 0), flags: flags, pos: -1}
	if !m.closed {
		t.arm(t.firstDelay())
	}
	return t
}

func (t *Timer) firstDelay() time.Duration {
	if t.flags&TimerRunNow != 0 {
		return 0
	}
	return t.period
}

// Stop makes sure that the timer does not fire any more. Stopping twice, or
// after the timer has fired, does nothing.
func (t *Timer) Stop() {
	t.m.own()
	t.flags &^= TimerRepeat
	if t.pos >= 0 {
		heap.Remove(&t.m.timers, t.pos)
	}
}

// arm puts the timer into the heap, d from now.
func (t *Timer) arm(d time.Duration) { t.armAt(add(t.m.ticks(), d)) }

func (t *Timer) armAt(when int64) {
	t.m.timerSeq++
	t.when, t.seq = when, t.m.timerSeq
	heap.Push(&t.m.timers, t)
}

// add saturates: a timer that is due after 292 years is never due.
func add(at int64, d time.Duration) int64 {
	if sum := at + int64(d); sum >= at {
		return sum
	}
	return math.MaxInt64
}

// runTimers fires what is due. What is armed meanwhile waits for the next
// turn, even if it is due at once: a timer that re-arms itself cannot keep
// the loop.
func (m *Manager) runTimers() {
	now, last := m.ticks(), m.timerSeq
	for len(m.timers) > 0 && !m.ending {
		t := m.timers[0]
		if t.when > now || t.seq > last {
			return
		}
		heap.Pop(&m.timers)
		m.stats.late(time.Duration(now - t.when))
		if t.flags&TimerRepeat != 0 { // armed before the call, so that Stop finds it
			t.armAt(t.next(now))
		}
		m.run(t.fn)
	}
}

// next returns the first time of the timer's rhythm that is after now.
func (t *Timer) next(now int64) int64 {
	missed := (now - t.when) / int64(t.period)
	return add(t.when+missed*int64(t.period), t.period)
}

// timerHeap orders timers by time, then by the order of arming.
type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].when != h[j].when {
		return h[i].when < h[j].when
	}
	return h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	t.pos = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.pos = -1
	return t
}
