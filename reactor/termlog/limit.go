package termlog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/rikki-go/rikki/internal/rate"
)

// Limit returns a logger for records that peers cause. It passes 100 records to log at once and
// 10 in each second after that, by the times of the records. The others are dropped, and their
// number is logged at level Warn before the next record that passes. Loggers that are made from
// it with With and WithGroup share the limit. log may have any handler. The records of a
// reactor.Manager need no Limit: the manager bounds their number itself.
func Limit(log *slog.Logger) *slog.Logger {
	return slog.New(&limited{Handler: log.Handler(), shared: &shared{count: log.Handler()}})
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

// Handle implements slog.Handler.
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

// WithAttrs implements slog.Handler.
func (h *limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limited{h.Handler.WithAttrs(attrs), h.shared}
}

// WithGroup implements slog.Handler.
func (h *limited) WithGroup(name string) slog.Handler {
	return &limited{h.Handler.WithGroup(name), h.shared}
}
