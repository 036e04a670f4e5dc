package reactor

import (
	"context"
	"sync/atomic"
)

// Do makes Poll call fn on the loop's goroutine, and waits until fn has returned. Functions of Do
// and Post, and wake-ups, are handled in the order of their calls. Do is for other goroutines, for
// example those of a net/http server.
//
//	nil            fn has returned
//	error of ctx   ctx was done before fn began; fn is not called
//	ErrClosed      the manager was closed before fn began; fn is not called
//	ErrPanicked    fn has panicked, and the program has recovered the panic around Poll
//
// Another error is that of the system call that wakes the loop; fn is not called. Once fn has
// begun, Do waits for it even if ctx is done, so fn must not block. If no goroutine calls Poll, Do
// waits until ctx is done or the manager closes.
//
// Do panics if fn is nil. It also panics within a handler, timer or posted function of this
// manager: Do would wait for itself. Call fn directly there. A callback of a tls.Config must not
// call Do either.
func (m *Manager) Do(ctx context.Context, fn func()) error {
	if fn == nil {
		panic("reactor: Do with a nil function")
	}
	if m.InHandler() {
		panic("reactor: Do called from within a handler, timer or posted function: it would wait for itself; call the function directly")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	call := &doCall{fn: fn, done: make(chan struct{}), err: ErrPanicked}
	if err := m.posted.post(posted{fn: call.run}, nil); err != nil && call.cancel() {
		return err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		if call.cancel() {
			return ctx.Err()
		}
	case <-m.posted.refused:
		if call.cancel() {
			return ErrClosed
		}
	}
	<-call.done // fn has begun
	return call.err
}

// InHandler reports whether the caller is within a handler, timer or posted function of this
// manager. It may be called from any goroutine. It takes about a microsecond if the loop is busy. A
// call that waits for the loop uses it to panic instead of waiting forever.
func (m *Manager) InHandler() bool { return m.inPoll.isCaller() || m.inCall.isCaller() }

// doCall is one call of Do.
type doCall struct {
	fn    func()
	state atomic.Uint32
	done  chan struct{} // closed when fn has returned or panicked
	err   error         // read after done is closed
}

// The states of a doCall. A call that waits becomes one of the others, once.
const (
	doWaiting   uint32 = iota // fn has not begun
	doBegun                   // the loop has called fn
	doCancelled               // Do has returned, and fn is not called
)

// cancel keeps fn from being called. It returns false if fn has begun.
func (d *doCall) cancel() bool { return d.state.CompareAndSwap(doWaiting, doCancelled) }

// run is called by the loop. If fn panics, the panic goes on, and Do returns ErrPanicked.
func (d *doCall) run() {
	if !d.state.CompareAndSwap(doWaiting, doBegun) {
		return
	}
	defer close(d.done)
	d.fn()
	d.err = nil
}
