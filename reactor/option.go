package reactor

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Option sets something about a Manager that New makes.
type Option func(*Manager)

// Resolver looks up the addresses of a host name; network is "ip4" or "ip6",
// as for net.Resolver, which is one. LookupNetIP is called for both at once, on
// goroutines of their own, and should return soon after ctx is done; the loop
// does not wait for it.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// WithLogger sets where the manager logs to; the default is slog.Default at
// the time of New. It panics if l is nil; slog.DiscardHandler is for no log.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("reactor: WithLogger with a nil Logger")
	}
	return func(m *Manager) { m.log = l }
}

// WithResolver sets what looks up host names; the default is
// net.DefaultResolver. IP literals and localhost are never looked up. WithResolver panics
// if r is nil.
func WithResolver(r Resolver) Option {
	if r == nil {
		panic("reactor: WithResolver with a nil Resolver")
	}
	return func(m *Manager) { m.resolver = r }
}

// WithClock sets where timers and deadlines take the time from; the default is time.Now.
// It is called on the loop's goroutine only, or while the loop waits for a callback of a
// tls.Config. WithClock panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("reactor: WithClock with a nil function")
	}
	return func(m *Manager) { m.clock = now }
}
