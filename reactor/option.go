package reactor

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Option is a setting of a Manager, for New.
type Option func(*Manager)

// Resolver looks up the addresses of a host name. *net.Resolver implements it.
type Resolver interface {
	// LookupNetIP returns the addresses of host. The network is "ip4" or "ip6": the manager
	// makes one call for each, both at once, on goroutines of their own. LookupNetIP should
	// return soon after ctx is done. The loop does not wait for it.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// WithLogger sets the manager's logger. The default is slog.Default() at the time of New. To
// log nothing, pass slog.New(slog.DiscardHandler). WithLogger panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("reactor: WithLogger with a nil Logger")
	}
	return func(m *Manager) { m.log = l }
}

// WithResolver sets what looks up host names. The default is net.DefaultResolver. IP
// literals and localhost are never looked up. WithResolver panics if r is nil.
func WithResolver(r Resolver) Option {
	if r == nil {
		panic("reactor: WithResolver with a nil Resolver")
	}
	return func(m *Manager) { m.resolver = r }
}

// WithClock sets the clock of timers and deadlines. The default is time.Now. The manager
// calls the function `now` on the loop's goroutine only. One exception is a callback of a
// tls.Config, which runs on another goroutine while the loop waits for it. WithClock panics if
// `now` is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("reactor: WithClock with a nil function")
	}
	return func(m *Manager) { m.clock = now }
}
