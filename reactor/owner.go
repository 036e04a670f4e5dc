package reactor

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
)

// WithOwnerCheck makes the manager check that only one goroutine uses it. The first goroutine
// that calls Poll or Drain owns the manager. From then on, a call from another goroutine
// panics if it changes something, calls handlers or iterates over connections. Post and Wakeup
// are allowed from all goroutines. Callbacks of a tls.Config may make the calls that handlers
// may make.
//
// The check costs about a microsecond per call. It is meant for tests and for debugging.
func WithOwnerCheck() Option { return func(m *Manager) { m.checkingOwner = true } }

// checkOwner panics if the check is on and the calling goroutine does not own the manager. Every
// method that changes something or calls handlers begins with it, except Post and Wakeup.
func (m *Manager) checkOwner() {
	if m.checkingOwner {
		m.panicIfNotOwner()
	}
}

// panicIfNotOwner is checkOwner with the check on. The goroutine of a TLS handshake may make calls
// while the loop waits for it.
func (m *Manager) panicIfNotOwner() {
	if m.owner == 0 {
		return
	}
	if id := goroutineID(); id != m.owner && id != m.handshakeGoroutine {
		panic(fmt.Sprintf("reactor: manager of goroutine %d used from goroutine %d: other goroutines may only call Post and Wakeup", m.owner, id))
	}
}

// goroutineID returns the number of the calling goroutine. It parses a stack trace, because Go
// has no function that returns the number.
func goroutineID() uint64 {
	var buf [64]byte
	trace := buf[:runtime.Stack(buf[:], false)]
	_, rest, _ := bytes.Cut(trace, []byte("goroutine "))
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("reactor: cannot find the goroutine number in stack trace: " + string(trace))
	}
	return id
}
