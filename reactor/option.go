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
// the time of New.
func WithLogger(l *slog.Logger) Option { return func(m *Manager) { m.log = l } }

// WithResolver sets what looks up host names; the default is
// net.DefaultResolver. IP literals and localhost are never looked up.
func WithResolver(r Resolver) Option { return func(m *Manager) { m.resolver = r } }

// WithClock sets where timers and time-outs take the time from; the default
// is time.Now. It is called on the loop's goroutine only.
func WithClock(now func() time.Time) Option { return func(m *Manager) { m.clock = now } }

// WithConnectTimeout sets how long an outgoing connection may take to be
// established once its name is resolved; the default is 10 s, 0 means no limit.
func WithConnectTimeout(d time.Duration) Option {
	return func(m *Manager) { m.deadlines.Connect = d }
}

// WithResolveTimeout sets how long the look-up of a host name may take; the
// default is 5 s, 0 means no limit.
func WithResolveTimeout(d time.Duration) Option { return func(m *Manager) { m.resolveTimeout = d } }
