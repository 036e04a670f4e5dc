package blocking

import (
	"sync"
	"time"
)

// Deadline is the deadline of calls that wait for a condition. The lock of the condition guards it:
// the caller of each method holds the lock, and a call that waits checks Passed each time it wakes.
// The zero Deadline is off.
type Deadline struct {
	passed bool
	timer  *time.Timer
}

// Passed reports whether the deadline has passed.
func (d *Deadline) Passed() bool { return d.passed }

// Set sets the deadline, and broadcasts changed at once and when it passes. The zero time turns it
// off. The time is that of the system's clock.
func (d *Deadline) Set(t time.Time, changed *sync.Cond) {
	d.Stop()
	left := time.Until(t)
	d.passed = !t.IsZero() && left <= 0
	changed.Broadcast()
	if t.IsZero() || d.passed {
		return
	}
	var own *time.Timer
	own = time.AfterFunc(left, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		if d.timer == own { // no other was set meanwhile
			d.passed = true
			changed.Broadcast()
		}
	})
	d.timer = own
}

// Stop releases the timer. A deadline that has not passed does not pass any more.
func (d *Deadline) Stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
