package looptest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

// Hooks are functions that a Recorder calls after it has recorded an event.
type Hooks = map[reactor.Event]func(c *reactor.Conn, data any)

// Recorder records what happens to connections. The zero value is ready. Its method Handle
// is a handler. A handler of a protocol's test embeds a Recorder, calls Record and adds
// lines with Note.
type Recorder struct {
	Conn   *reactor.Conn // connection of the last event
	Events []reactor.Event
	Errs   []error  // data of EvError
	Got    []byte   // bytes that Handle has consumed
	Read   int      // bytes that EvRead has reported
	Wrote  int      // bytes that EvWrite has reported
	Lines  []string // what Note has added
	On     Hooks    // called by Handle
}

// Record records an event.
func (r *Recorder) Record(c *reactor.Conn, ev reactor.Event, data any) {
	r.Conn = c
	r.Events = append(r.Events, ev)
	switch ev {
	case reactor.EvError:
		r.Errs = append(r.Errs, data.(error))
	case reactor.EvRead:
		if n, ok := data.(*int); ok {
			r.Read += *n
		}
	case reactor.EvWrite:
		r.Wrote += *data.(*int)
	}
}

// Handle records an event and calls its hook. It consumes what arrives, unless there is a
// hook for EvRead.
func (r *Recorder) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	r.Record(c, ev, data)
	if ev == reactor.EvError {
		_ = data.(error).Error() // so that the error counts as handled
	}
	if f := r.On[ev]; f != nil {
		f(c, data)
	} else if ev == reactor.EvRead {
		r.Got = append(r.Got, c.Recv.Bytes()...)
		c.Recv.Reset()
	}
}

// Count returns how often an event was recorded.
func (r *Recorder) Count(ev reactor.Event) int {
	n := 0
	for _, e := range r.Events {
		if e == ev {
			n++
		}
	}
	return n
}

// Saw returns a condition for Await: the event was recorded.
func (r *Recorder) Saw(ev reactor.Event) func() bool {
	return func() bool { return slices.Contains(r.Events, ev) }
}

// Closed is a condition for Await: EvClose was recorded.
func (r *Recorder) Closed() bool { return slices.Contains(r.Events, reactor.EvClose) }

// LastErr returns the last error that was recorded, or nil.
func (r *Recorder) LastErr() error {
	if len(r.Errs) == 0 {
		return nil
	}
	return r.Errs[len(r.Errs)-1]
}

// Err returns the one error that was recorded.
func (r *Recorder) Err(t testing.TB) error {
	t.Helper()
	if len(r.Errs) != 1 {
		t.Fatalf("%d errors (%v) among %s, want 1; lines %q", len(r.Errs), r.Errs, EventNames(r.Events), r.Lines)
	}
	return r.Errs[0]
}

// Want compares the events that were recorded with names, as in "OPEN ACCEPT READ".
func (r *Recorder) Want(t testing.TB, names string) {
	t.Helper()
	if got := EventNames(r.Events); got != names {
		t.Fatalf("events\n got %s\nwant %s", got, names)
	}
}

// EventNames returns the names of events as one text.
func EventNames(events []reactor.Event) string {
	names := make([]string, len(events))
	for i, ev := range events {
		names[i] = ev.String()
	}
	return strings.Join(names, " ")
}

// Note adds a line.
func (r *Recorder) Note(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Noted returns a condition for Await: the line was added.
func (r *Recorder) Noted(line string) func() bool {
	return func() bool { return slices.Contains(r.Lines, line) }
}

// WantLines compares the lines that were added, and deletes them.
func (r *Recorder) WantLines(t testing.TB, lines ...string) {
	t.Helper()
	WantLines(t, "events", r.Lines, lines)
	r.Lines = nil
}

// WantLines compares two lists of lines.
func WantLines(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s\n got %s\nwant %s", what, strings.Join(got, " | "), strings.Join(want, " | "))
	}
}
