package clog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/examples/internal/clog"
)

// logged returns what a logger writes, without time, level and file:line.
func logged(t *testing.T, do func(log *slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	do(clog.New(&b, slog.LevelDebug))
	return prefix.ReplaceAllString(b.String(), "")
}

var prefix = regexp.MustCompile(`(?m)^\S+ [A-Z]+ +clog_test\.go:\d+  `)

func TestLine(t *testing.T) {
	var b bytes.Buffer
	log := clog.New(&b, slog.LevelInfo)
	log.Debug("hidden")
	log.Info("Connected to WS.")
	log.Error("late")
	want := `^\d\d:\d\d:\d\d\.\d{3} INFO  clog_test\.go:\d+  Connected to WS\.\n` +
		`\d\d:\d\d:\d\d\.\d{3} ERROR clog_test\.go:\d+  late\n$`
	if !regexp.MustCompile(want).MatchString(b.String()) {
		t.Errorf("log is %q", b.String())
	}
}

func TestAttributes(t *testing.T) {
	for _, tt := range []struct {
		want string
		do   func(log *slog.Logger)
	}{
		{"m a=1 b=\"x y\" c=\"\\\"=\"\n", func(l *slog.Logger) { l.Info("m", "a", 1, "b", "x y", "c", `"=`) }},
		{"m error=refused\n", func(l *slog.Logger) { l.Info("m", "error", errors.New("refused")) }},
		{"m n=1\n", func(l *slog.Logger) { l.Info("m", slog.Attr{}, "n", 1) }},
		{"m remote=[::1]:80\n", func(l *slog.Logger) { l.Info("m", clog.Addr("remote", netip.MustParseAddrPort("[::1]:80"))) }},
		{"m\n", func(l *slog.Logger) { l.Info("m", clog.Addr("remote", netip.AddrPort{})) }},
		{"m id=7 n=1\n", func(l *slog.Logger) { l.With("id", 7).Info("m", "n", 1) }},
		{"m g.id=7 g.h.n=1\n", func(l *slog.Logger) { l.WithGroup("g").With("id", 7).WithGroup("h").Info("m", "n", 1) }},
		{"m n=1\n0000  41  A\n", func(l *slog.Logger) { l.Info("m", "dump", "\n0000  41  A\n", "n", 1) }},
	} {
		if got := logged(t, tt.do); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// With and WithGroup do not change the logger that they are called on.
func TestWithIsACopy(t *testing.T) {
	if got := logged(t, func(l *slog.Logger) {
		_ = l.With("a", 1)
		_ = l.WithGroup("g")
		l.Info("m", "n", 1)
	}); got != "m n=1\n" {
		t.Errorf("%q", got)
	}
}

// Text from a peer can neither start another line of the log nor move the cursor.
func TestControlBytesAreEscaped(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a\nb", `a\nb`}, {"\x1b[2J", `\x1b[2J`}, {"a\r", `a\r`}, {"é€", "é€"}, {"\u202e", `\u202e`},
	} {
		if got, want := logged(t, func(l *slog.Logger) { l.Info(tt.text) }), tt.want+"\n"; got != want {
			t.Errorf("message %q is %q, want %q", tt.text, got, want)
		}
		if got, want := logged(t, func(l *slog.Logger) { l.Info("m", "a", tt.text) }), "m a="+tt.want+"\n"; got != want {
			t.Errorf("attribute %q is %q, want %q", tt.text, got, want)
		}
	}
}

// A text at the limit is logged whole. A longer one is cut, so a record has a bounded length.
func TestLongTextsAreCut(t *testing.T) {
	at := strings.Repeat("a", 512)
	for _, tt := range []struct{ text, want string }{
		{at, at}, {at + "b", at + "... (513 bytes)"},
		{strings.Repeat("\n", 65536), strings.Repeat(`\n`, 256) + "... (65536 bytes)"},
	} {
		if got, want := logged(t, func(l *slog.Logger) { l.Info(tt.text, "a", tt.text) }), tt.want+" a="+tt.want+"\n"; got != want {
			t.Errorf("%d bytes are logged as %q, want %q", len(tt.text), got, want)
		}
	}
	spaced := strings.Repeat("\x1b ", 256)
	for text, want := range map[string]string{
		spaced:        `m a="` + strings.Repeat(`\x1b `, 256) + "\"\n",
		spaced + "\n": `m a="` + strings.Repeat(`\x1b `, 256) + "\"... (513 bytes)\n",
	} {
		if got := logged(t, func(l *slog.Logger) { l.Info("m", "a", errors.New(text)) }); got != want {
			t.Errorf("%d bytes are logged as %q, want %q", len(text), got, want)
		}
	}
}

// Limit passes 100 records at once and 10 per second. Loggers made with With share the limit.
// The number of dropped records is logged before the next record, at level Warn.
func TestLimit(t *testing.T) {
	var b bytes.Buffer
	log := clog.New(&b, slog.LevelInfo)
	limited := clog.Limit(log)
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

// counter keeps each write.
type counter struct{ writes []string }

func (c *counter) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	return len(p), nil
}

// Lines from several goroutines are not mixed.
func TestOneWritePerRecord(t *testing.T) {
	var c counter
	log := clog.New(&c, slog.LevelInfo)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				log.With("a", 1).Info("m", "dump", "\nx\n")
			}
		})
	}
	wg.Wait()
	if len(c.writes) != 100 {
		t.Errorf("%d writes for 100 records", len(c.writes))
	}
	for _, w := range c.writes {
		if !strings.HasSuffix(w, "  m a=1\nx\n") {
			t.Fatalf("wrote %q", w)
		}
	}
}
