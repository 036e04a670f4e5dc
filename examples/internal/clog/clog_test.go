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
