//go:build linux

package reactor

import (
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is the poller of Linux.
type epoll struct {
	fd     int
	park   *park // how it waits where Go has one processor
	events [256]unix.EpollEvent
	ready  [256]readiness
}

func newPoller() (poller, error) { return newEpoll(runtime.GOMAXPROCS(0) == 1) }

func newEpoll(parks bool) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{fd: fd}
	if !parks {
		return e, nil
	}
	if e.park, err = newPark(e); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return e, nil
}

func (e *epoll) descriptor() int { return e.fd }

func (e *epoll) close() error {
	if e.park != nil {
		e.park.close()
	}
	return os.NewSyscallError("close", unix.Close(e.fd))
}

func (e *epoll) set(fd int, old, new interest) error {
	op, events := epollChange(old, new)
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (e *epoll) wait(timeout time.Duration) ([]readiness, error) {
	n, err := e.look()
	if n == 0 && err == nil && timeout != 0 {
		if e.park != nil {
			n, err = e.park.wait(timeout)
		} else {
			n, err = e.block(timeout)
		}
	}
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("epoll_pwait", err)
	}
	for i, ev := range e.events[:n] {
		e.ready[i] = readiness{fd: int(ev.Fd), what: epollInterest(ev.Events)}
	}
	return e.ready[:n], nil
}

// look does not block, so the call is made without telling Go's scheduler. Under
// load it is the only one.
func (e *epoll) look() (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (e *epoll) block(timeout time.Duration) (int, error) {
	return unix.EpollWait(e.fd, e.events[:], milliseconds(timeout))
}

// epollChange says how epoll is told of a change. Errors and hang-ups are
// reported unasked, so a descriptor without interest must not stay in the set.
func epollChange(old, new interest) (op int, events uint32) {
	if new&readable != 0 {
		events |= unix.EPOLLIN
	}
	if new&writable != 0 {
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

func epollInterest(events uint32) (what interest) {
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= readable
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= writable
	}
	return what
}

// milliseconds rounds up, so that a timer is due when the wait for it ends.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int(min((d+time.Millisecond-1)/time.Millisecond, 1<<31-1))
}
