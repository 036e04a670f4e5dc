// Package poll waits for file descriptors to become ready and makes the system calls on them.
// It knows descriptors only, no connections.
//
// A poller is one of the kernel's mechanisms, epoll or kqueue. An implementation translates
// between that mechanism and the interface Poller, and decides nothing. It must define:
//
//	func New() (Poller, error)
//		Make a poller without descriptors.
//
//	func Set(fd int, old, new Interest) error
//		Change what fd is registered for from old to new. The caller says what old was.
//		With no interest left, fd is not in the kernel's set: it causes no wake-ups, not
//		even for errors. The caller removes a descriptor in this way before it closes it.
//
//	func Look() ([]Ready, error)
//		Report what is ready now, without blocking.
//
//	func Wait(timeout time.Duration) ([]Ready, error)
//		Block until a descriptor is ready or the timeout has passed, and report what is
//		ready then. A negative timeout means no limit. The caller has called Look just
//		before and Look reported nothing, so Wait need not look before it blocks.
//		A signal may end a wait early. Wait then looks once, and reports what that found,
//		perhaps nothing, without an error. So a process that was stopped and continues
//		hears of its sockets before it runs the timers that became due meanwhile.
//
//	func FD() int
//		Return a descriptor that is readable while Look would report something.
//
//	func Close() error
//		Release the poller. The registered descriptors stay open.
//
// Readiness is level-triggered: a descriptor that is still ready is reported again. An error
// or a hang-up is reported as every interest that the descriptor may have, so that the next
// read or write returns the reason. One report may name a descriptor more than once. It may
// also name a descriptor that was removed, closed or reused after the kernel found it ready.
// The caller must tell such stale reports from current ones.
//
// Look and Wait return a slice that the poller owns and overwrites at the next call. All
// methods are called from one goroutine.
package poll

import "time"

// Interest is what a descriptor is registered for, or what it is ready for.
type Interest uint8

// A descriptor may be registered for either or for both.
const (
	Readable Interest = 1 << iota
	Writable
)

// Ready is one descriptor that Look or Wait found ready.
type Ready struct {
	FD       int
	Interest Interest
}

// Poller is a set of descriptors and what each is registered for. The package comment is its
// contract. New makes the system's.
type Poller interface {
	Set(fd int, old, new Interest) error
	Look() ([]Ready, error)
	Wait(timeout time.Duration) ([]Ready, error)
	FD() int
	Close() error
}
