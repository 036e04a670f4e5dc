package reactor

import (
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"weak"
)

// report is an error on its way to the program. It notes whether anybody looks at it, so
// that an error which a handler has no case for does not get lost.
type report struct {
	c    *Conn
	err  error
	seen atomic.Bool // the program may look at it on another goroutine
}

func (r *report) Error() string {
	r.seen.Store(true)
	return r.err.Error()
}

// Unwrap is how errors.Is and errors.As look at it.
func (r *report) Unwrap() error {
	r.seen.Store(true)
	return r.err
}

// Timeout is what os.IsTimeout asks.
func (r *report) Timeout() bool {
	r.seen.Store(true)
	var t interface{ Timeout() bool }
	return errors.As(r.err, &t) && t.Timeout()
}

// Temporary is false: the connection is closed.
func (r *report) Temporary() bool { return false }

// report makes the report of a connection's error.
func (m *Manager) report(c *Conn, err error) *report {
	r := &report{c: c, err: err}
	m.reports = append(m.reports, r)
	return r
}

// logReports logs, when a turn begins, the errors of before that nobody has looked at: a
// program may look after Poll has returned.
func (m *Manager) logReports() {
	for _, r := range m.reports {
		r.log()
	}
	clear(m.reports)
	m.reports = m.reports[:0]
}

// unheeded reports whether the next turn has an error to log.
func (m *Manager) unheeded() bool {
	return slices.ContainsFunc(m.reports, func(r *report) bool { return !r.seen.Load() })
}

// logLostReports logs, when the manager closes, the errors that nobody has looked at and
// that nobody can look at any more. A program that keeps one until its loop has ended is
// going to; the garbage collector tells.
func (m *Manager) logLostReports() {
	type lost struct {
		kept weak.Pointer[report]
		c    *Conn
		err  error
	}
	var all []lost
	for _, r := range m.reports {
		if !r.seen.Load() {
			all = append(all, lost{weak.Make(r), r.c, r.err})
		}
	}
	m.reports = nil
	if len(all) == 0 {
		return
	}
	runtime.GC()
	for _, l := range all {
		if l.kept.Value() == nil {
			(&report{c: l.c, err: l.err}).log()
		}
	}
}

func (r *report) log() {
	if !r.seen.Load() {
		r.c.mgr.log.Warn("error not handled", append(r.c.attrs(), "error", r.err)...)
	}
}
