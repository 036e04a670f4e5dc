package reactor

import (
	"math"
	"time"
)

// TimerFlags say how a timer runs. They may be combined with |.
type TimerFlags uint8

const (
	TimerOnce   TimerFlags = 0      // fire once, after period
	TimerRepeat TimerFlags = 1 << 0 // fire after every period until stopped
	TimerRunNow TimerFlags = 1 << 1 // fire the first time in the next Poll, not after period
)

// Timer is a function that Poll calls when it is due. It belongs to the goroutine of its manager.
// Manager.AddTimer makes one.
type Timer struct {
	m       *Manager
	fn      func()
	when    int64  // the tick at which it is due, see Manager.ticks
	seq     uint64 // grows with each arming; orders timers that are due at the same time
	slotSeq uint64 // seq when its slot in the heap was written
	period  time.Duration
	pos     int32 // index in the heap; -1 when not armed
	flags   TimerFlags
}

// AddTimer makes Poll call fn after period. The flags say whether it repeats, and whether the
// first call waits. A negative period counts as 0. On a closed manager the timer never fires.
//
// A repeating timer does not drift: it fires at most once per Poll, and skips the periods that
// passed while the loop was busy. AddTimer panics if fn is nil. It also panics if the timer is
// to repeat with a period of 0 or less, because that would keep the loop busy forever.
func (m *Manager) AddTimer(period time.Duration, flags TimerFlags, fn func()) *Timer {
	m.checkOwner()
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

// firstDelay returns the time until the timer fires first.
func (t *Timer) firstDelay() time.Duration {
	if t.flags&TimerRunNow != 0 {
		return 0
	}
	return t.period
}

// Stop stops the timer: it does not fire any more. Handlers and fn itself may call it. If the
// timer is stopped or has fired for the last time, Stop does nothing.
func (t *Timer) Stop() {
	t.m.checkOwner()
	t.flags &^= TimerRepeat
	t.disarm()
}

// Reset makes the timer fire after d, and, if it repeats, after every d from then on. It does not
// matter whether the timer is armed, has fired or is stopped. A timer that Stop has stopped
// fires once. Handlers and fn itself may call Reset. A negative d counts as 0. On a closed manager
// the timer never fires. Reset does not allocate. It panics as AddTimer does.
func (t *Timer) Reset(d time.Duration) {
	t.m.checkOwner()
	if t.flags&TimerRepeat != 0 && d <= 0 {
		panic("reactor: Reset of a timer with TimerRepeat to a period of " + d.String() + ", want more than 0")
	}
	t.period = max(d, 0)
	if !t.m.closed {
		t.arm(t.period)
	}
}

// arm arms the timer, to fire after d. If it is armed, it fires only then.
func (t *Timer) arm(d time.Duration) { t.armAt(addSaturated(t.m.ticks(), d)) }

// armAt is arm, with the tick at which the timer fires.
func (t *Timer) armAt(when int64) {
	h := &t.m.timers
	t.m.timerSeq++
	t.when, t.seq = when, t.m.timerSeq
	switch {
	case t.pos < 0:
		h.push(t)
	case when < (*h)[t.pos].when:
		h.moveUp(t)
	} // otherwise the slot moves when it comes up, see timerHeap
}

// disarm makes an armed timer not fire.
func (t *Timer) disarm() {
	if t.pos >= 0 {
		t.m.timers.remove(t)
	}
}

// addSaturated returns at + d, or math.MaxInt64 if that overflows. A timer with this tick never
// fires: it would be due in 292 years.
func addSaturated(at int64, d time.Duration) int64 {
	if sum := at + int64(d); sum >= at {
		return sum
	}
	return math.MaxInt64
}

// runTimers calls the timers that are due. A timer that is armed meanwhile waits for the next
// turn, even if it is due at once. Therefore a function that adds such timers cannot keep the
// loop busy. If the budget of the phase is used up, the rest waits for the next turn.
func (m *Manager) runTimers() {
	now, last := m.turnTicks, m.timerSeq
	switch {
	case len(m.timers) == 0:
		return
	case now == 0: // if nothing has read the clock in this turn
		now = m.ticks()
	}
	m.beginPhase()
	for len(m.timers) > 0 && !m.closeCalled {
		t := m.timers[0].t
		if m.timers[0].when > now || m.turn.over {
			return
		}
		if !t.settled() {
			m.timers.settleFirst(1)
			m.worked()
			continue
		}
		if t.seq > last {
			return
		}
		m.stats.noteLag(time.Duration(now - t.when))
		if t.flags&TimerRepeat != 0 { // armed before the call, so that fn may stop it
			t.armAt(t.nextAfter(now))
		} else {
			m.timers.remove(t)
		}
		m.run(t.fn)
		m.worked()
	}
}

// nextAfter returns the first tick after now at which a repeating timer is due.
func (t *Timer) nextAfter(now int64) int64 {
	missed := (now - t.when) / int64(t.period)
	return addSaturated(t.when+missed*int64(t.period), t.period)
}
