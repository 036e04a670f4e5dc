// Package poll waits for file descriptors to become ready, and makes the system calls on them.
// It knows descriptors, but no connections.
//
// A poller uses one mechanism of the kernel, epoll or kqueue. It translates between this
// mechanism and the interface Poller and decides nothing else. So the rest of the loop is the
// same on all systems. A poller must define:
//
//	func New() (Poller, error)
//		Make a poller without descriptors.
//
//	func Set(fd int, old, new Interest) error
//		Change what fd is registered for from old to new. The caller says what old was.
//		If new is 0, fd leaves the kernel's set: it causes no wake-ups, and errors cause
//		none either. The caller removes a descriptor in this way before it closes it.
//
//	func Check() ([]Ready, error)
//		Report what is ready now. Check does not block.
//
//	func Wait(timeout time.Duration) ([]Ready, error)
//		Block until a descriptor is ready or the timeout has passed, and report what is
//		ready then. If one is ready already, Wait returns at once. A negative timeout means
//		no limit.
//		A signal may end a wait early. Wait then checks once and reports what it found,
//		perhaps nothing, without an error. So after a process was stopped and continues,
//		it reads from its sockets before it runs the timers that became due meanwhile.
//
//	func FD() int
//		Return a descriptor that is readable while Check would report something.
//
//	func Close() error
//		Release the poller. The registered descriptors stay open.
//
// Readiness is level-triggered: a descriptor that is still ready is reported again. An error
// or a hang-up is reported as every interest that the descriptor is registered for, and perhaps
// as the other one too, so that the next read or write returns the reason. One report may name a
// descriptor more than once. It may also name a descriptor that was removed, closed or reused
// after the kernel found it ready. The caller must tell such stale reports from current ones.
//
// Check and Wait return a slice that belongs to the poller. The next call overwrites it. All
// methods are called from one goroutine.
package poll

import "time"

// Interest is what a descriptor is registered for, or what it is ready for.
type Interest uint8

// A descriptor may be registered for one of them or for both.
const (
	Readable Interest = 1 << iota
	Writable
)

// Ready is one descriptor that Check or Wait found ready.
type Ready struct {
	FD       int
	Interest Interest
}

// Poller is a set of descriptors with the interest of each. The package comment is its
// contract. New returns the implementation for this system.
type Poller interface {
	Set(fd int, old, new Interest) error
	Check() ([]Ready, error)
	Wait(timeout time.Duration) ([]Ready, error)
	FD() int
	Close() error
}
