// Package clog writes logs in the format of Mongoose's MG_INFO: time, level, file:line,
// message.
package clog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// New returns a logger that writes one line per record to w, with one call of Write. An
// attribute with the key "dump" follows unchanged on lines of its own. Several goroutines
// may use the logger.
func New(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(&handler{w: w, mu: new(sync.Mutex), level: level})
}

// Level returns the level that a program's flag -v selects.
func Level(verbose bool) slog.Level {
	if verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Addr returns an attribute with an address. If a is not valid it returns an empty attribute,
// which is not logged: a UNIX-domain socket has no such address, and a connection that is not
// established has none yet.
func Addr(key string, a netip.AddrPort) slog.Attr {
	if !a.IsValid() {
		return slog.Attr{}
	}
	return slog.Any(key, a)
}

type handler struct {
	w     io.Writer
	mu    *sync.Mutex
	level slog.Leveler
	group string // prefix of attribute names
	attrs string // from With, formatted
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	fmt.Fprintf(&line, "%s %-5s %s:%d  %s", r.Time.Format("15:04:05.000"), r.Level,
		filepath.Base(frame.File), frame.Line, printable(r.Message))
	line.WriteString(h.attrs)
	dump := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "dump" {
			dump = strings.TrimRight(a.Value.String(), "\n")
		} else {
			line.WriteString(h.format(a))
		}
		return true
	})
	line.WriteString(dump + "\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line.String())
	return err
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	for _, a := range attrs {
		more.attrs += h.format(a)
	}
	return &more
}

func (h *handler) WithGroup(name string) slog.Handler {
	more := *h
	more.group += name + "."
	return &more
}

// format returns " key=value", or "" for an empty attribute [slog.Handler].
func (h *handler) format(a slog.Attr) string {
	if a.Equal(slog.Attr{}) {
		return ""
	}
	v := a.Value.Resolve().String()
	if strings.ContainsAny(v, " \"=") {
		v = strconv.Quote(v)
	}
	return " " + h.group + a.Key + "=" + printable(v)
}

// printable escapes characters that could start another line of the log or move the cursor.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
