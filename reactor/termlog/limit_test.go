package termlog_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/termlog"
)

// Limit passes 100 records at once and 10 per second. Loggers made with With share the limit.
// The number of dropped records is logged before the next record, at level Warn.
func TestLimit(t *testing.T) {
	var b bytes.Buffer
	log := termlog.New(&b, slog.LevelInfo)
	limited := termlog.Limit(log)
	handlers := []slog.Handler{limited.Handler(), limited.With("a", 1).Handler(), limited.WithGroup("g").Handler()}
	start := time.Now()
	write := func(at time.Duration, n int) {
		for i := range n {
			if err := handlers[i%3].Handle(t.Context(), slog.NewRecord(start.Add(at), slog.LevelInfo, "m", 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	lines := func() int { return strings.Count(b.String(), "\n") }
	write(0, 100)
	if lines() != 100 {
		t.Errorf("%d lines of the first 100 records", lines())
	}
	write(0, 7)
	log.Info("not limited")
	if lines() != 101 {
		t.Errorf("%d lines after 107 limited records and another, want 101", lines())
	}
	b.Reset()
	write(time.Second, 12)
	if got := b.String(); lines() != 11 || !strings.Contains(got, "WARN") || !strings.Contains(got, "records dropped count=7\n") {
		t.Errorf("a second later: %q", got)
	}
}
