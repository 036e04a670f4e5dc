package termlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/rikki-go/rikki/reactor/termlog"
)

// logged returns what a logger writes, without time, level and file:line.
func logged(t *testing.T, do func(log *slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	do(termlog.New(&b, slog.LevelDebug))
	return prefix.ReplaceAllString(b.String(), "")
}

var prefix = regexp.MustCompile(`(?m)^\S+ [A-Z]+ +termlog_test\.go:\d+  `)

func TestLine(t *testing.T) {
	var b bytes.Buffer
	log := termlog.New(&b, slog.LevelInfo)
	log.Debug("hidden")
	log.Info("Connected to WS.")
	log.Error("late")
	want := `^\d\d:\d\d:\d\d\.\d{3} INFO  termlog_test\.go:\d+  Connected to WS\.\n` +
		`\d\d:\d\d:\d\d\.\d{3} ERROR termlog_test\.go:\d+  late\n$`
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
		{"m remote=[::1]:80\n", func(l *slog.Logger) { l.Info("m", "remote", netip.MustParseAddrPort("[::1]:80")) }},
		{"m\n", func(l *slog.Logger) { l.Info("m", "remote", netip.AddrPort{}) }},
		{"m id=7 n=1\n", func(l *slog.Logger) { l.With("id", 7).Info("m", "n", 1) }},
		{"m g.id=7 g.h.n=1\n", func(l *slog.Logger) { l.WithGroup("g").With("id", 7).WithGroup("h").Info("m", "n", 1) }},
		{"m n=1\n", func(l *slog.Logger) {
			l.Info("m", "a", "", "b", nil, "c", error(nil), "d", []byte{}, "e", netip.Addr{}, "f", netip.Prefix{},
				slog.Group("g", "a", "", slog.Group("h")), "n", 1)
		}},
		{"m\n", func(l *slog.Logger) { l.With("a", "", "b", netip.AddrPort{}).Info("m") }},
		{"m zero=0 no=false d=0s text=b\\n\n", func(l *slog.Logger) {
			l.Info("m", "zero", 0, "no", false, "d", time.Duration(0), "text", []byte("b\n"))
		}},
		{"m g.a=1 g.h.b=2 c=3\n", func(l *slog.Logger) {
			l.Info("m", slog.Group("g", "a", 1, slog.Group("h", "b", 2)), slog.Group("", "c", 3))
		}},
		{"m a\\n=1\n", func(l *slog.Logger) { l.Info("m", "a\n", 1) }},
		{"m id=7\n0000  41  A\n0000  42  B\n", func(l *slog.Logger) {
			l.With("dump", "0000  41  A\n", "id", 7).Info("m", "dump", "\n0000  42  B\n")
		}},
		{"m g.dump=\"x\\n y\"\n", func(l *slog.Logger) { l.WithGroup("g").Info("m", "dump", "x\n y") }},
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

// counter keeps each write.
type counter struct{ writes []string }

func (c *counter) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	return len(p), nil
}

// Lines from several goroutines are not mixed.
func TestOneWritePerRecord(t *testing.T) {
	var c counter
	log := termlog.New(&c, slog.LevelInfo)
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

// The handler keeps what log/slog asks of handlers.
func TestHandlerRules(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		b.Reset()
		return termlog.NewHandler(&b, nil)
	}, func(t *testing.T) map[string]any { return parsed(t, b.String()) })
}

// parsed returns the parts of a line as slogtest wants them: groups are maps.
func parsed(t *testing.T, line string) map[string]any {
	m := fields.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the line is %q", line)
	}
	all := map[string]any{slog.LevelKey: m[2], slog.MessageKey: m[3]}
	if m[1] != "" {
		all[slog.TimeKey] = m[1]
	}
	for field := range strings.FieldsSeq(m[4]) {
		key, value, _ := strings.Cut(field, "=")
		groups := strings.Split(key, ".")
		in := all
		for _, g := range groups[:len(groups)-1] {
			if in[g] == nil {
				in[g] = map[string]any{}
			}
			in = in[g].(map[string]any)
		}
		in[groups[len(groups)-1]] = value
	}
	return all
}

var fields = regexp.MustCompile(`^(\d\d:\d\d:\d\d\.\d{3} )?([A-Z]+) +(?:\w+\.go:\d+  )?(\w+)(.*)\n$`)
