package reactor

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
)

// WithOwnerCheck makes the manager find out on which goroutine it is used. The first one
// that calls Poll or Drain owns it. From then on a call from another goroutine panics if it
// changes something, calls handlers or walks over connections, unless it is Post or Wakeup.
// Callbacks of a tls.Config may make calls as handlers may. The check costs about a
// microsecond per call. It is for tests and for finding faults.
func WithOwnerCheck() Option { return func(m *Manager) { m.checked = true } }

// own panics if the calling goroutine is not the one that polls. Every call that
// changes something or calls handlers begins with it, except Post and Wakeup.
func (m *Manager) own() {
	if m.checked {
		m.mustOwn()
	}
}

func (m *Manager) mustOwn() {
	if m.owner == 0 {
		return
	}
	if id := goroutine(); id != m.owner && id != m.handshakeGoroutine {
		panic(fmt.Sprintf("reactor: manager of goroutine %d used from goroutine %d; only Post and Wakeup may be called from others", m.owner, id))
	}
}

// goroutine returns the number that a stack trace gives the caller's. There
// is no other way to it.
func goroutine() uint64 {
	var buf [64]byte
	trace := buf[:runtime.Stack(buf[:], false)]
	_, rest, _ := bytes.Cut(trace, []byte("goroutine "))
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("reactor: stack trace of an unknown form: " + string(trace))
	}
	return id
}
