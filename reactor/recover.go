package reactor

import (
	"fmt"
	"runtime/debug"

	"github.com/rikki-go/rikki/internal/quote"
)

// Panics of handlers. The loop recovers no panic. Recover is for a program that accepts to lose
// one connection instead. It wraps the program's handler only: the frames of the loop and of
// the layers are below it and go on as if the handler had returned. So no layer and no list of
// the loop is left in the middle of something. This is the only place that recovers.

// PanicError is the cause in EvError if the handler of a connection has panicked and Recover has
// recovered.
type PanicError struct {
	Value any    // the value of the panic
	Event Event  // the event that the handler was called with
	Stack []byte // as debug.Stack returns it, with the frame that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("reactor: the handler has panicked at %v: %s", e.Event, quote.Text(fmt.Sprint(e.Value), quote.MaxText))
}

// Unwrap returns the value of the panic if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover returns a handler that calls fn and recovers its panics. Then the connection fails with
// a *PanicError, and the others go on. What fn has appended to Send since the event is dropped,
// because it may be a part of a message. The panic is logged with its stack, at level Error.
//
// Some panics do not end the connection: it has failed already, or EvClose is its last event, or it
// is a datagram listener that has had EvOpen, which serves all its peers.
//
// Wrap each handler of the program. If a wrapped handler raises an event on a connection whose
// handler is not wrapped and panics, then the connection of the first fails, and the layers
// of the other one may be in the middle of a message.
//
// Recover does not see panics of timers and of posted functions, because they belong to no
// connection, nor those of layers and of callbacks of a tls.Config. Such a function can call
// the built-in recover itself. runtime.Goexit is no panic: it ends the loop's goroutine.
//
// What the program itself shares between its handlers may be half changed after a panic. If
// that matters, let the process end, which is what happens without Recover. If fn is nil,
// Recover returns nil.
func Recover(fn Handler) Handler {
	if fn == nil {
		return nil
	}
	return func(c *Conn, ev Event, data any) {
		defer recoverPanic(c, ev, c.mgr.depth, c.mgr.checkingSend, c.Send.Len())
		fn(c, ev, data)
	}
}

// recoverPanic is deferred by the handler of Recover. The numbers are those of the time before
// the call: handlers that are nested in this one did not return.
func recoverPanic(c *Conn, ev Event, depth int, checkingSend bool, unsent int) {
	v := recover()
	if v == nil {
		return
	}
	m := c.mgr
	m.depth, m.checkingSend = depth, checkingSend
	err := &PanicError{v, ev, debug.Stack()}
	if m.mayLog() {
		m.log.Error("handler panicked", append(c.attrs(), "event", ev.String(), "error", err.Error(), "stack", string(err.Stack))...)
	}
	if c.role == roleListener && c.isDatagram() && ev != EvOpen {
		return
	}
	if c.Send.Len() > unsent {
		c.Send.Truncate(unsent)
	}
	c.fail(err, true)
}
