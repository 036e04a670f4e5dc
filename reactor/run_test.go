package reactor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Run polls until the context is done, and returns the cause. Any goroutine may end the
// context.
func TestRunUntilTheContextIsDone(t *testing.T) {
	cause := errors.New("enough")
	for name, end := range map[string]func(m *reactor.Manager, cancel func()){
		"in a handler":         func(_ *reactor.Manager, cancel func()) { cancel() },
		"in a post":            func(m *reactor.Manager, cancel func()) { m.Post(cancel) },
		"on another goroutine": func(_ *reactor.Manager, cancel func()) { go cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			r := &recorder{On: hooks{reactor.EvRead: func(*reactor.Conn, any) { end(m, func() { cancel(cause) }) }}}
			_, p := wrap(t, m, r.Handle)
			p.WriteString("x")
			if err := m.Run(ctx); err != cause {
				t.Errorf("Run: %v, want the cause", err)
			}
			spin(t, m, 2) // the manager is still open
			r.Want(t, "OPEN READ")
		})
	}
}

// With a context that is done already, Run does not poll. The deadline of a context ends
// Run.
func TestRunWithAContextThatEnds(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	wrap(t, m, r.Handle)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != context.Canceled {
		t.Errorf("Run: %v", err)
	}
	r.Want(t, "")
	spin(t, m, 1)
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := m.Run(ctx); err != context.DeadlineExceeded {
		t.Errorf("Run: %v", err)
	}
	r.Want(t, "OPEN")
}

// Close ends Run without an error.
func TestRunUntilClosed(t *testing.T) {
	for name, end := range map[string]func(m *reactor.Manager){
		"before": func(m *reactor.Manager) { m.Close() },
		"timer":  func(m *reactor.Manager) { m.AddTimer(time.Millisecond, reactor.TimerOnce, func() { m.Close() }) },
		"post":   func(m *reactor.Manager) { m.Post(func() { m.Close() }) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			end(m)
			if err := m.Run(t.Context()); err != nil {
				t.Errorf("Run: %v, want nil", err)
			}
		})
	}
}

// The context may end after Run has returned and the manager is closed. The race detector
// checks that Run does not use the manager then.
func TestRunEndsBeforeTheContext(t *testing.T) {
	for range 20 {
		m := newManager(t)
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		m.AddTimer(0, reactor.TimerOnce, func() {
			others.Go(cancel)
			m.Close()
		})
		if err := m.Run(ctx); err != nil && err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
		others.Wait()
	}
}

func TestRunWithinAHandlerPanics(t *testing.T) {
	m := newManager(t)
	m.AddTimer(0, reactor.TimerOnce, func() {
		wantPanic(t, "within a handler", func() { m.Run(context.Background()) })
		wantPanic(t, "within a handler", func() { m.Drain(time.Second) })
	})
	spin(t, m, 1)
}
