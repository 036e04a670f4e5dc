package reactor

import (
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"weak"

	"github.com/rikki-go/rikki/internal/quote"
)

// Unhandled errors: an error that the program does not handle is logged once.
//
// The data of EvError is a *report, which wraps the error and notes whether the program calls
// Error, Unwrap or Timeout. errors.Is and errors.As call Unwrap, and os.IsTimeout calls
// Timeout. If none of them was called when the next turn begins, the loop logs "error not
// handled". A program may therefore handle an error after Poll has returned. Errors that a
// protocol returns from a call, and that programs tend to ignore, get the same treatment
// through Stack.Report.
//
// Peers cause such errors, and a record may be longer than what the peer has sent. Therefore
// the manager bounds the number of records that connections cause at level Info and above. It
// counts the others, and a timer logs how many there were. What is logged at level Debug, and
// by SetHexdump, is not bounded.

// report is an error that was given to the program.
type report struct {
	c       *Conn
	err     error
	handled atomic.Bool // the program has used the error; it may do that on another goroutine
}

func (r *report) Error() string {
	r.handled.Store(true)
	return r.err.Error()
}

// Unwrap is called by errors.Is and errors.As.
func (r *report) Unwrap() error {
	r.handled.Store(true)
	return r.err
}

// Timeout is called by os.IsTimeout.
func (r *report) Timeout() bool {
	r.handled.Store(true)
	var t interface{ Timeout() bool }
	return errors.As(r.err, &t) && t.Timeout()
}

// Temporary returns false: the connection closes.
func (r *report) Temporary() bool { return false }

// newReport wraps an error of connection c. The next turn logs it if the program has not used
// it by then.
func (m *Manager) newReport(c *Conn, err error) *report {
	r := &report{c: c, err: err}
	m.reports = append(m.reports, r)
	return r
}

// logReports logs the errors of earlier turns that the program has not used.
func (m *Manager) logReports() {
	for _, r := range m.reports {
		r.log()
	}
	clear(m.reports)
	m.reports = m.reports[:0]
}

// hasUnhandledErrors reports whether the next turn has an error to log.
func (m *Manager) hasUnhandledErrors() bool {
	return slices.ContainsFunc(m.reports, func(r *report) bool { return !r.handled.Load() })
}

// logUnhandledErrors is called when the manager closes. It logs the errors that the program has
// not used and cannot use any more. The program may still hold an error, to handle it after
// its loop. After a garbage collection, a weak pointer shows whether the program holds it.
func (m *Manager) logUnhandledErrors() {
	type unhandled struct {
		kept weak.Pointer[report]
		c    *Conn
		err  error
	}
	var all []unhandled
	for _, r := range m.reports {
		if !r.handled.Load() {
			all = append(all, unhandled{weak.Make(r), r.c, r.err})
		}
	}
	m.reports = nil
	if len(all) == 0 {
		return
	}
	runtime.GC()
	for _, u := range all {
		if u.kept.Value() == nil {
			(&report{c: u.c, err: u.err}).log()
		}
	}
}

// log logs the error, unless the program has used it.
func (r *report) log() {
	if !r.handled.Load() && r.c.mgr.mayLog() {
		r.c.mgr.log.Warn("error not handled", append(r.c.attrs(), "error", quote.Error(r.err))...)
	}
}

// suppressedDelay is the time from the first record that is not logged to the record with the
// number.
const suppressedDelay = time.Second

// mayLog reports whether a record that a connection has caused may be logged now. If not, it
// counts the record.
func (m *Manager) mayLog() bool {
	if m.records.Allow(time.Duration(m.ticks())) {
		return true
	}
	m.stats.Suppressed++
	if m.records.Suppressed() == 1 {
		m.AddTimer(suppressedDelay, TimerOnce, m.logSuppressed)
	}
	return false
}

// logSuppressed logs how many records were suppressed since the last call, if any.
func (m *Manager) logSuppressed() {
	if n := m.records.Take(); n > 0 {
		m.log.Warn("records suppressed", "count", n)
	}
}
