//go:build linux

package poll

import (
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is the Poller for Linux.
type epoll struct {
	fd     int
	parked *parkedWait // waits if Go has one processor; else nil
	events [256]unix.EpollEvent
	ready  [256]Ready

	// wait is unix.EpollWait. Tests replace it.
	wait func(epfd int, events []unix.EpollEvent, msec int) (int, error)
}

// New returns a Poller without descriptors. It chooses how to wait by GOMAXPROCS at that moment.
func New() (Poller, error) { return newEpoll(runtime.GOMAXPROCS(0) == 1) }

func newEpoll(parks bool) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{fd: fd, wait: unix.EpollWait}
	if !parks {
		return e, nil
	}
	if e.parked, err = newParkedWait(e); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return e, nil
}

func (e *epoll) FD() int { return e.fd }

func (e *epoll) Close() error {
	if e.parked != nil {
		e.parked.close()
	}
	return os.NewSyscallError("close", unix.Close(e.fd))
}

func (e *epoll) Set(fd int, old, new Interest) error {
	op, events := epollChange(old, new)
	err := unix.EpollCtl(e.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

func (e *epoll) Check() ([]Ready, error) { return e.report(e.check()) }

func (e *epoll) Wait(timeout time.Duration) ([]Ready, error) {
	if e.parked != nil && timeout != 0 {
		return e.report(e.parked.wait(timeout))
	}
	return e.report(e.block(timeout))
}

// report translates the first n events. It returns err if that is not nil.
func (e *epoll) report(n int, err error) ([]Ready, error) {
	if err != nil {
		return nil, err
	}
	for i, ev := range e.events[:n] {
		e.ready[i] = Ready{FD: int(ev.Fd), Interest: epollInterest(ev.Events)}
	}
	return e.ready[:n], nil
}

// check returns the number of events that are ready now. The call does not block, so check makes
// it without telling Go's scheduler. Under load the loop never waits, so it never calls block.
func (e *epoll) check() (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
			uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, os.NewSyscallError("epoll_pwait", errno)
		}
	}
}

// block waits in the system call and returns the number of events. If a signal interrupts the
// call, block calls check once.
func (e *epoll) block(timeout time.Duration) (int, error) {
	n, err := e.wait(e.fd, e.events[:], milliseconds(timeout))
	if err == unix.EINTR {
		return e.check()
	}
	return n, os.NewSyscallError("epoll_pwait", err)
}

// epollChange returns the operation and the events for a change of interest. epoll reports errors
// and hang-ups even if no event is asked for. So a descriptor without interest must not stay in
// the set.
func epollChange(old, new Interest) (op int, events uint32) {
	if new&Readable != 0 {
		events |= unix.EPOLLIN
	}
	if new&Writable != 0 {
		events |= unix.EPOLLOUT
	}
	switch {
	case old == 0:
		op = unix.EPOLL_CTL_ADD
	case new == 0:
		op = unix.EPOLL_CTL_DEL
	default:
		op = unix.EPOLL_CTL_MOD
	}
	return op, events
}

// epollInterest translates the events that epoll reports.
func epollInterest(events uint32) (what Interest) {
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= Readable
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= Writable
	}
	return what
}

// milliseconds converts a timeout for epoll_pwait; -1 means no limit. It rounds up, so that a
// timer is due when the wait for it ends.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return int(min(ms, 1<<31-1))
}
