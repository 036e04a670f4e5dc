package reactor

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"unsafe"
)

// WithOwnerCheck makes the manager check that only one goroutine uses it. The first goroutine
// that calls Poll or Drain owns the manager. From then on, a call from another goroutine
// panics if it changes something, calls handlers or iterates over connections. Post, Wakeup and
// Do are allowed from all goroutines. Callbacks of a tls.Config may make the calls that handlers
// may make.
//
// The check costs about a microsecond per call. It is meant for tests and for debugging.
func WithOwnerCheck() Option { return func(m *Manager) { m.checkingOwner = true } }

// checkOwner panics if the check is on and the calling goroutine does not own the manager. Every
// method that changes something or calls handlers begins with it, except Post, Wakeup and Do.
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
		panic(fmt.Sprintf("reactor: manager of goroutine %d used from goroutine %d: other goroutines may only call Post, Wakeup and Do", m.owner, id))
	}
}

// runner notes which goroutine is inside a part of the loop. Do needs it, because it would wait
// forever there.
type runner struct {
	inside atomic.Uint64 // number of the goroutine that is inside, or 0
	number uint64        // of the goroutine that entered last
	stack  uintptr       // where the frame of enter was then
	trace  [64]byte      // for goroutineIDIn, which would allocate it
}

// enter is called when a goroutine enters. The number of a goroutine takes a microsecond to find. A
// goroutine that calls Poll in a loop has the frame of enter at the same address each time, and no
// other goroutine has a frame there as long as it lives. So enter looks the number up only if the
// address differs. A goroutine that gets the stack of one that has ended may be taken for it.
func (r *runner) enter() {
	var here byte
	if at := uintptr(unsafe.Pointer(&here)); at != r.stack {
		r.stack, r.number = at, goroutineIDIn(r.trace[:])
	}
	r.inside.Store(r.number)
}

// exit is called when the goroutine is outside again.
func (r *runner) exit() { r.inside.Store(0) }

// isCaller reports whether the calling goroutine is inside. It may be called from any goroutine.
func (r *runner) isCaller() bool {
	inside := r.inside.Load()
	return inside != 0 && inside == goroutineID()
}

// goroutineID returns the number of the calling goroutine. It parses a stack trace, because Go
// has no function that returns the number.
func goroutineID() uint64 { return goroutineIDIn(make([]byte, 64)) }

// goroutineIDIn is goroutineID with a buffer of 64 bytes for the stack trace. It does not allocate.
func goroutineIDIn(buf []byte) uint64 {
	trace := buf[:runtime.Stack(buf, false)]
	_, rest, _ := bytes.Cut(trace, []byte("goroutine "))
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("reactor: cannot find the goroutine number in stack trace: " + string(trace))
	}
	return id
}
