package reactor_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestOptionsClockAndLogger(t *testing.T) {
	k, log := looptest.NewClock(), slog.New(slog.DiscardHandler)
	m := newManager(t, reactor.WithClock(k.Now), reactor.WithLogger(log))
	k.Advance(time.Hour)
	if !m.Now().Equal(k.Now()) || m.Logger() != log {
		t.Errorf("Now %v, Logger %p", m.Now(), m.Logger())
	}
}

// A nil argument panics at the call, and not later in the loop.
func TestNilArgumentsPanic(t *testing.T) {
	m := newManager(t)
	c, _ := wrap(t, m, nil)
	for call, fn := range map[string]func(){
		"WithLogger":    func() { reactor.WithLogger(nil) },
		"WithResolver":  func() { reactor.WithResolver(nil) },
		"WithClock":     func() { reactor.WithClock(nil) },
		"Push":          func() { c.Stack().Push(nil) },
		"StartDeadline": func() { c.Stack().StartDeadline(nil, time.Second) },
	} {
		wantPanic(t, call, fn)
	}
	spin(t, m, 2)
}
