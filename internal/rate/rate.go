// Package rate bounds how many log records peers can cause.
package rate

import "time"

const (
	// Burst is how many records are let through at once.
	Burst = 100
	// PerSecond is how many records are let through in each second after that.
	PerSecond = 10

	interval = time.Second / PerSecond
)

// Limit lets Burst records through at once and PerSecond in each second after that. It counts
// the others. The zero value is ready for use. One goroutine may use it at a time.
type Limit struct {
	full       time.Duration // when all records of a burst may pass again
	suppressed uint64
}

// Allow reports whether a record may be written at the time now, which counts from any fixed
// time. If not, the record counts as suppressed.
func (l *Limit) Allow(now time.Duration) bool {
	if full := max(l.full, now) + interval; full-now <= Burst*interval {
		l.full = full
		return true
	}
	l.suppressed++
	return false
}

// Suppressed returns how many records were suppressed since the last call of Take.
func (l *Limit) Suppressed() uint64 { return l.suppressed }

// Take returns the same number and sets it to 0.
func (l *Limit) Take() uint64 {
	n := l.suppressed
	l.suppressed = 0
	return n
}
