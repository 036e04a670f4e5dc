package looptest

import (
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Clock is a time that passes only when a test advances it. Pass Clock.Now to
// reactor.WithClock.
type Clock struct{ now time.Time }

// NewClock returns a clock that shows noon of a fixed day.
func NewClock() *Clock { return &Clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time { return c.now }

// Advance lets time pass.
func (c *Clock) Advance(d time.Duration) { c.now = c.now.Add(d) }

// NewStillManager is NewManager with a clock that stands still, so that no deadline ends a
// test on a busy machine. An option may set another clock.
func NewStillManager(t testing.TB, opts ...reactor.Option) *reactor.Manager {
	t.Helper()
	still := reactor.WithClock(NewClock().Now)
	return NewManager(t, append([]reactor.Option{still}, opts...)...)
}
