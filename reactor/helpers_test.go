package reactor_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// newManager makes a manager that logs nowhere and is closed with the test,
// which fails if it leaves descriptors or goroutines behind.
func newManager(t *testing.T, opts ...reactor.Option) *reactor.Manager {
	t.Helper()
	checkLeaks(t)
	m, err := reactor.New(append([]reactor.Option{reactor.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// clock is a time that passes only when a test says so.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (k *clock) now() time.Time          { return k.t }
func (k *clock) advance(d time.Duration) { k.t = k.t.Add(d) }

// turns bounds every wait: with the 5 ms that each turn may block, 10 s.
const turns = 2000

// await runs the loop until done reports true.
func await(t *testing.T, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	for range turns {
		if done() {
			return
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatalf("awaiting %s: Poll: %v", what, err)
		}
	}
	t.Fatalf("awaited %s in vain", what)
}

// spin runs the loop n times without blocking: what has not happened by then
// was not about to.
func spin(t *testing.T, m *reactor.Manager, n int) {
	t.Helper()
	for range n {
		if err := m.Poll(0); err != nil {
			t.Fatalf("Poll: %v", err)
		}
	}
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
		r.errs = append(r.errs, data.(error))
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

// warmUp lets the runtime open what it keeps open, before anything is counted.
var warmUp = sync.OnceFunc(func() {
	r, w, err := os.Pipe()
	if err == nil {
		r.SetReadDeadline(time.Now())
		r.Read(make([]byte, 1))
		r.Close()
		w.Close()
	}
	openFiles()
})

// checkLeaks fails the test if, at its end, there are more descriptors or
// goroutines than now. What is to be released must be registered for
// cleaning up later than this.
func checkLeaks(t *testing.T) {
	t.Helper()
	warmUp()
	files, routines := openFiles(), runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), routines, buf[:runtime.Stack(buf, true)])
				break
			}
		}
		if now := openFiles(); len(now) > len(files) {
			var more []string
			for _, f := range now {
				if !slices.Contains(files, f) {
					more = append(more, f)
				}
			}
			t.Errorf("%d descriptors, %d before; new: %v", len(now), len(files), more)
		}
	})
}

// openFiles lists the process's descriptors, each with what it refers to
// where the system tells.
func openFiles() []string {
	dir := "/proc/self/fd"
	if _, err := os.Stat(dir); err != nil {
		dir = "/dev/fd"
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		target, _ := os.Readlink(dir + "/" + e.Name())
		list = append(list, fmt.Sprintf("%s=%s", e.Name(), target))
	}
	return list
}

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
