package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// UntilSignal returns a context that ends at the first SIGINT or SIGTERM. The second one ends the
// program at once. After stop both end the program.
func UntilSignal(parent context.Context) (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// RunThenDrain runs the loop until ctx ends. Then the peers may read what waits for them, for the
// time grace; connections that are still open after it are closed and logged. It returns the error
// of the loop.
func RunThenDrain(ctx context.Context, m *reactor.Manager, grace time.Duration) error {
	if err := m.Run(ctx); ctx.Err() == nil {
		return err
	}
	m.Logger().Info("stopping", "reason", context.Cause(ctx))
	open, err := m.Drain(grace)
	for _, c := range open {
		m.Logger().Info("closed before its end", "id", c.ID, "remote", c.Remote, "unsent", c.Unsent)
	}
	return err
}
