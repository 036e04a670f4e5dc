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

// How epoll waits if Go has one processor (GOMAXPROCS is 1). There are two ways:
//
//	blocking call     The goroutine blocks in epoll_pwait and keeps the processor. The runtime's
//	                  monitor, a thread that checks about every 20 µs, takes the processor away
//	                  for other goroutines. Then, and again when the call returns, threads wake
//	                  each other. This way is cheaper if the wait ends before the monitor acts.
//	parked goroutine  The runtime polls our epoll set together with its own descriptors, and the
//	                  goroutine is parked. This takes more system calls. It is cheaper for long
//	                  waits.
//
// The length of a wait is not known in advance. The length of the last wait predicts it.
//
// The runtime polls a gate: an epoll set that contains our set. The gate reports our set only
// while the loop is parked. Without it, each packet would wake the thread that polls for the
// runtime, even while the loop is busy. (Epoll sets can be nested up to five levels deep. This
// takes two.)
//
// With several processors there is nothing to gain. No goroutine waits for the processor that
// the blocking call keeps, and the monitor takes it away only after 10 ms.

// parkedWait waits for an epoll set in the cheaper of the two ways.
type parkedWait struct {
	e            *epoll
	gate         int                // descriptor of the gate
	file         *os.File           // owns gate
	raw          syscall.RawConn    // of file
	checkReady   func(uintptr) bool // calls e.check for raw.Read; true ends the read
	n            int                // number of events that checkReady found
	err          error              // error of checkReady
	hasDeadline  bool               // the file has a read deadline
	epoch        time.Time          // times are measured from here
	lastWasShort bool               // the last wait was short
}

// shortWait is about the time after which the monitor takes the processor away.
const shortWait = 60 * time.Microsecond

// newParkedWait makes the gate for e. At first the gate reports nothing.
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
	w.checkReady = func(uintptr) bool {
		w.n, w.err = e.check()
		return w.n > 0 || w.err != nil
	}
	if w.raw, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // fails if the runtime cannot poll the gate
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *parkedWait) close() { w.file.Close() }

// wait blocks in one of the two ways and returns the number of events.
func (w *parkedWait) wait(timeout time.Duration) (n int, err error) {
	start := time.Since(w.epoch)
	if w.lastWasShort {
		// The monitor takes the processor away at its second check during the call, but at its
		// first if the goroutine has not yielded for 10 ms. Therefore yield now.
		runtime.Gosched()
		n, err = w.e.block(timeout)
	} else {
		n, err = w.waitParked(timeout)
	}
	w.lastWasShort = time.Since(w.epoch)-start < shortWait
	return n, err
}

// waitParked blocks as a parked goroutine and returns the number of events.
func (w *parkedWait) waitParked(timeout time.Duration) (int, error) {
	if timeout > 0 || w.hasDeadline {
		var until time.Time
		if w.hasDeadline = timeout > 0; w.hasDeadline {
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
	err := w.raw.Read(w.checkReady) // checks before it parks, and each time the gate reports
	closeErr := w.setGate(0)
	switch {
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case closeErr != nil:
		return 0, closeErr
	case err != nil:
		// The deadline has passed. If that happened while the process was stopped, the runtime
		// ends the read before it polls. So check once more.
		return w.e.check()
	}
	return w.n, w.err
}

// setGate sets which events of our set the gate reports. 0 closes the gate.
func (w *parkedWait) setGate(events uint32) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL,
		uintptr(w.gate), unix.EPOLL_CTL_MOD, uintptr(w.e.fd),
		uintptr(unsafe.Pointer(&unix.EpollEvent{Events: events})), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}
