// Package clog writes logs in the format of Mongoose's MG_INFO: time, level, file:line,
// message. What peers say cannot make the log grow much: texts are escaped and cut, and Limit
// bounds the number of records.
package clog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/internal/rate"
)

// New returns a logger that writes one line per record to w, with one call of Write. In the
// message and in the values of attributes, control characters are escaped, and what is longer
// than 512 bytes is cut. An attribute with the key "dump" follows unchanged on lines of its
// own. Several goroutines may use the logger.
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

// Limit returns a logger for records that peers cause. It passes 100 records to log at once and
// 10 in each second after that. The others are dropped, and their number is logged before the
// next record that passes. Loggers that are made from it with With share the limit.
func Limit(log *slog.Logger) *slog.Logger {
	return slog.New(&limited{Handler: log.Handler(), shared: &shared{count: log.Handler()}})
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
		filepath.Base(frame.File), frame.Line, quote.Text(r.Message, quote.MaxText))
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
		v = quote.CutAt(v, quote.MaxText)
	} else {
		v = quote.Text(v, quote.MaxText)
	}
	return " " + h.group + a.Key + "=" + v
}

// limited is the handler of Limit.
type limited struct {
	slog.Handler
	shared *shared
}

// shared is what a limited handler shares with those made from it.
type shared struct {
	mu    sync.Mutex
	limit rate.Limit
	start time.Time
	count slog.Handler // writes the number of dropped records
}

func (h *limited) Handle(ctx context.Context, r slog.Record) error {
	s := h.shared
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = r.Time
	}
	if !s.limit.Allow(r.Time.Sub(s.start)) {
		s.mu.Unlock()
		return nil
	}
	dropped := s.limit.Take()
	s.mu.Unlock()
	if dropped > 0 {
		n := slog.NewRecord(r.Time, slog.LevelWarn, "records dropped", r.PC)
		n.AddAttrs(slog.Uint64("count", dropped))
		if err := s.count.Handle(ctx, n); err != nil {
			return err
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h *limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limited{h.Handler.WithAttrs(attrs), h.shared}
}

func (h *limited) WithGroup(name string) slog.Handler {
	return &limited{h.Handler.WithGroup(name), h.shared}
}
