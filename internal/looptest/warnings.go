package looptest

import (
	"log/slog"
	"strings"
	"testing"
)

// Warnings collects what is logged at level Warn or above, one line per record.
// The zero value is ready.
type Warnings struct{ text strings.Builder }

// Logger returns a logger that adds to the collection. It formats nothing below
// level Warn, so no argument of such a record is looked at.
func (w *Warnings) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&w.text, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// Take returns the lines and empties the collection.
func (w *Warnings) Take() []string {
	all := strings.Split(w.text.String(), "\n")
	w.text.Reset()
	return all[:len(all)-1]
}

// WantOne fails the test unless there is one line, which has the level Warn and
// the words. It empties the collection.
func (w *Warnings) WantOne(t testing.TB, words ...string) {
	t.Helper()
	w.WantOneAt(t, "WARN", words...)
}

// WantOneAt does the same for another level.
func (w *Warnings) WantOneAt(t testing.TB, level string, words ...string) {
	t.Helper()
	lines := w.Take()
	if len(lines) != 1 {
		t.Errorf("%d lines logged, want 1: %q", len(lines), lines)
		return
	}
	for _, word := range append([]string{"level=" + level}, words...) {
		if !strings.Contains(lines[0], word) {
			t.Errorf("logged %s\nwithout %q", lines[0], word)
		}
	}
}

// WantNone fails the test if there is any line.
func (w *Warnings) WantNone(t testing.TB) {
	t.Helper()
	if lines := w.Take(); len(lines) > 0 {
		t.Errorf("logged %q, want nothing", lines)
	}
}
