package reactor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func newManager(t *testing.T, opts ...reactor.Option) *reactor.Manager {
	t.Helper()
	return looptest.NewManager(t, opts...)
}

// clock is a time that passes only when a test says so.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (k *clock) now() time.Time          { return k.t }
func (k *clock) advance(d time.Duration) { k.t = k.t.Add(d) }

const turns = looptest.Turns

func await(t *testing.T, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	looptest.Await(t, m, what, done)
}

func spin(t *testing.T, m *reactor.Manager, n int) {
	t.Helper()
	looptest.Spin(t, m, n)
}

// recorder is a handler that notes what it hears. It consumes what arrives,
// unless a hook for EvRead does otherwise.
type recorder struct {
	events []reactor.Event
	errs   []error
	got    []byte
	wrote  int
	on     map[reactor.Event]func(c *reactor.Conn, data any)
}

type hooks = map[reactor.Event]func(c *reactor.Conn, data any)

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	r.events = append(r.events, ev)
	switch ev {
	case reactor.EvError:
		err := data.(error)
		_ = err.Error() // who records an error looks at it
		r.errs = append(r.errs, err)
	case reactor.EvWrite:
		r.wrote += *data.(*int)
	}
	if f := r.on[ev]; f != nil {
		f(c, data)
	} else if ev == reactor.EvRead {
		r.got = append(r.got, c.Recv.Bytes()...)
		c.Recv.Reset()
	}
}

func (r *recorder) count(ev reactor.Event) int {
	n := 0
	for _, e := range r.events {
		if e == ev {
			n++
		}
	}
	return n
}

func (r *recorder) closed() bool { return r.count(reactor.EvClose) > 0 }

// saw returns a condition for await.
func (r *recorder) saw(ev reactor.Event) func() bool {
	return func() bool { return r.count(ev) > 0 }
}

// err returns the one error that was raised.
func (r *recorder) err(t *testing.T) error {
	t.Helper()
	if len(r.errs) != 1 {
		t.Fatalf("%d errors (%v) among %v, want 1", len(r.errs), r.errs, r.events)
	}
	return r.errs[0]
}

// want compares the events, named as in "OPEN ACCEPT READ", with those heard.
func (r *recorder) want(t *testing.T, names string) {
	t.Helper()
	if got := eventList(r.events); got != names {
		t.Fatalf("events\n got %s\nwant %s", got, names)
	}
}

func eventList(events []reactor.Event) string {
	names := make([]string, len(events))
	for i, ev := range events {
		names[i] = ev.String()
	}
	return strings.Join(names, " ")
}

func openFiles() []string { return looptest.OpenFiles() }

// harmless calls fn, which must not panic.
func harmless(t *testing.T, what string, fn func()) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panics: %v", what, p)
		}
	}()
	fn()
}
