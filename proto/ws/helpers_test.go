package ws_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// newManager makes a manager that logs nowhere and is closed with the test,
// which fails if it leaves descriptors or goroutines behind.
func newManager(t testing.TB) *reactor.Manager {
	t.Helper()
	checkLeaks(t)
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// checkLeaks fails the test if, at its end, there are more descriptors or
// goroutines than now.
func checkLeaks(t testing.TB) {
	t.Helper()
	files, routines := openFiles(), runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), routines)
				break
			}
		}
		if now := openFiles(); now > files {
			t.Errorf("%d descriptors, %d before", now, files)
		}
	})
}

// openFiles counts the process's descriptors.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		entries, _ = os.ReadDir("/dev/fd")
	}
	return len(entries)
}

// await runs the loop until done reports true, for 10 s at most.
func await(t testing.TB, m *reactor.Manager, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatalf("awaiting %s: Poll: %v", what, err)
		}
	}
	t.Fatalf("awaited %s in vain", what)
}

// spin runs the loop without blocking: what has not happened by then was not
// about to.
func spin(t testing.TB, m *reactor.Manager) {
	t.Helper()
	for range 4 {
		if err := m.Poll(0); err != nil {
			t.Fatal(err)
		}
	}
}

// recorder is a handler that notes what it hears, in words.
type recorder struct {
	log    []string
	err    error
	read   int // bytes
	reads  int // events
	upped  int // requests that were upgraded
	closed bool
	hook   func(c *reactor.Conn, ev reactor.Event, data any)
}

func (r *recorder) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		r.read += *data.(*int)
		r.reads++
	case reactor.EvHTTPMsg:
		r.note("HTTP %s", data.(*http.Message).Method)
	case reactor.EvWSOpen:
		_ = data.(*http.Message)
		r.note("OPEN")
	case reactor.EvWSMsg:
		m := data.(*ws.Message)
		r.note("MSG %v %s", m.Op, brief(string(m.Data)))
	case reactor.EvWSCtl:
		m := data.(*ws.Message)
		if m.Op == ws.OpClose {
			code, reason := m.Close()
			r.note("CTL close %d %s", code, brief(string(reason)))
		} else {
			r.note("CTL %v %s", m.Op, brief(string(m.Data)))
		}
	case reactor.EvError:
		r.err = data.(error)
		r.note("ERROR")
	case reactor.EvClose:
		r.closed = true
		r.note("CLOSE")
	}
	if r.hook != nil {
		r.hook(c, ev, data)
	}
}

func (r *recorder) note(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

// saw returns a condition for await.
func (r *recorder) saw(what string) func() bool {
	return func() bool { return slices.Contains(r.log, what) }
}

// want compares the log and empties it.
func (r *recorder) want(t testing.TB, lines ...string) {
	t.Helper()
	wantLines(t, "events", r.log, lines)
	r.log = nil
}

func wantLines(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s\n got %s\nwant %s", what, strings.Join(got, " | "), strings.Join(want, " | "))
	}
}

// brief quotes a payload, or tells a long one by its length and a checksum.
func brief(s string) string {
	if len(s) <= 40 {
		return fmt.Sprintf("%q", s)
	}
	sum := uint32(2166136261)
	for i := range len(s) {
		sum = (sum ^ uint32(s[i])) * 16777619
	}
	return fmt.Sprintf("%d bytes %08x", len(s), sum)
}

// contains fails the test unless err's text has each of the words.
func contains(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected: %v", err)
	}
}
