//go:build linux

package poll

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// parkedWait is how epoll waits if Go has one processor.
//
// A blocking call keeps that processor until the runtime's monitor takes it away. The monitor
// is a thread that looks every 20 µs or so. Then, and again when the call returns, threads
// wake each other. A long wait costs less as a parked goroutine: the runtime polls for it
// along with its own descriptors. But parking takes more calls, so a wait that ends before the
// monitor looks is cheaper in one blocking call. The length of a wait is not known in advance;
// the length of the last one predicts it.
//
// The runtime polls a gate: an epoll set that contains our set, and that reports it only while
// the loop is parked. Without the gate each packet would wake whatever thread polls for the
// runtime, however busy the loop is. (Epoll sets nest up to five levels. This takes two.)
//
// With several processors there is nothing to gain. No goroutine waits for the processor that
// the call keeps, and the monitor leaves it there for 10 ms.
type parkedWait struct {
	e       *epoll
	gate    int
	file    *os.File // owns the gate
	raw     syscall.RawConn
	look    func(uintptr) bool
	n       int   // what look returned
	err     error // what look returned
	limited bool  // the file has a deadline
	epoch   time.Time
	short   bool // the last wait was short
}

// shortWait is about when the monitor takes the processor away.
const shortWait = 60 * time.Microsecond

func newParkedWait(e *epoll) (*parkedWait, error) {
	gate, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.EpollCtl(gate, unix.EPOLL_CTL_ADD, e.fd, &unix.EpollEvent{}); err != nil {
		unix.Close(gate)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	// O_NONBLOCK tells os.NewFile that the runtime may poll the gate.
	if err = unix.SetNonblock(gate, true); err != nil {
		unix.Close(gate)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &parkedWait{
		e:     e,
		gate:  gate,
		file:  os.NewFile(uintptr(gate), "epoll"),
		epoch: time.Now(),
	}
	w.look = func(uintptr) bool {
		w.n, w.err = e.look()
		return w.n > 0 || w.err != nil
	}
	if w.raw, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // fails if the runtime cannot poll it
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *parkedWait) close() { w.file.Close() }

// wait blocks in one way or the other, and returns the number of events.
func (w *parkedWait) wait(timeout time.Duration) (n int, err error) {
	from := time.Since(w.epoch)
	if w.short {
		// The monitor judges a goroutine that never yields to have run for too long, and
		// takes the processor from it at the first look.
		runtime.Gosched()
		n, err = w.e.block(timeout)
	} else {
		n, err = w.waitParked(timeout)
	}
	w.short = time.Since(w.epoch)-from < shortWait
	return n, err
}

// waitParked blocks as a parked goroutine.
func (w *parkedWait) waitParked(timeout time.Duration) (int, error) {
	if timeout > 0 || w.limited {
		var until time.Time
		if w.limited = timeout > 0; w.limited {
			until = time.Now().Add(timeout)
		}
		if err := w.file.SetReadDeadline(until); err != nil {
			return 0, err
		}
	}
	if err := w.setGate(unix.EPOLLIN); err != nil {
		return 0, err
	}
	w.n, w.err = 0, nil
	err := w.raw.Read(w.look) // looks before it parks
	shut := w.setGate(0)
	switch {
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case shut != nil:
		return 0, shut
	case err != nil:
		// If the deadline passed while the process was stopped, the runtime ends the read
		// before it polls.
		return w.e.look()
	}
	return w.n, w.err
}

// setGate sets the events of our set that the gate reports. With 0 it closes the gate.
func (w *parkedWait) setGate(events uint32) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL,
		uintptr(w.gate), unix.EPOLL_CTL_MOD, uintptr(w.e.fd),
		uintptr(unsafe.Pointer(&unix.EpollEvent{Events: events})), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}
