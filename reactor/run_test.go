package reactor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Run polls until the context is done, wherever that is decided, and says why.
func TestRunUntilTheContextIsDone(t *testing.T) {
	cause := errors.New("enough")
	for name, end := range map[string]func(m *reactor.Manager, cancel func()){
		"in a handler":      func(_ *reactor.Manager, cancel func()) { cancel() },
		"in a post":         func(m *reactor.Manager, cancel func()) { m.Post(cancel) },
		"on another thread": func(_ *reactor.Manager, cancel func()) { go cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			r := &recorder{on: hooks{reactor.EvRead: func(*reactor.Conn, any) { end(m, func() { cancel(cause) }) }}}
			_, p := wrap(t, m, r.handle)
			p.write("x")
			if err := m.Run(ctx); err != cause {
				t.Errorf("Run: %v, want the cause", err)
			}
			spin(t, m, 2) // it is still open
			r.want(t, "OPEN READ")
		})
	}
}

// A context that is done already polls nothing; one with a deadline ends the
// wait for it.
func TestRunAndDoneContexts(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	wrap(t, m, r.handle)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != context.Canceled {
		t.Errorf("Run: %v", err)
	}
	r.want(t, "")
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := m.Run(ctx); err != context.DeadlineExceeded {
		t.Errorf("Run: %v", err)
	}
	r.want(t, "OPEN")
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

// When Run has returned the context may end whenever it likes; what it would
// have woken is not there any more. The race detector looks on.
func TestContextEndsAfterRun(t *testing.T) {
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
