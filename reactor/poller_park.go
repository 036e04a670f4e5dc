//go:build linux

package reactor

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// park is how epoll waits where Go has one processor.
//
// A call that blocks keeps that processor until the runtime's monitor, a thread
// that looks every 20 µs or so, has taken it away; then, and again when the call
// returns, threads wake each other. A wait of some length costs less as a parked
// goroutine, for whom the runtime polls along with the descriptors of its own. But
// that takes more calls: a wait that is over before the monitor looks is better
// off in one. Which it will be is not known; the last one tells.
//
// What the runtime polls is a gate: an epoll set with our set in it, watched only
// while the loop is parked. Without it each packet would wake whatever thread
// polls for the runtime, however busy the loop is. (Two of the five levels that sets
// may be nested in are taken by that.)
//
// With several processors there is nothing to gain: nobody waits for the one that
// the call keeps, and the monitor leaves it there for 10 ms.
type park struct {
	e       *epoll
	gate    int
	file    *os.File // owns the gate
	raw     syscall.RawConn
	look    func(uintptr) bool
	n       int   // what look found
	err     error // why it could not
	limited bool  // the file has a deadline
	epoch   time.Time
	short   bool // the last wait was
}

// shortWait is about when the monitor takes the processor away.
const shortWait = 60 * time.Microsecond

func newPark(e *epoll) (*park, error) {
	gate, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.EpollCtl(gate, unix.EPOLL_CTL_ADD, e.fd, &unix.EpollEvent{}); err != nil {
		unix.Close(gate)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	if err = unix.SetNonblock(gate, true); err != nil { // it tells os.NewFile that the runtime may poll it
		unix.Close(gate)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &park{e: e, gate: gate, file: os.NewFile(uintptr(gate), "epoll"), epoch: time.Now()}
	p.look = func(uintptr) bool {
		p.n, p.err = e.look()
		return p.n > 0 || p.err != nil
	}
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails if the runtime cannot poll it
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *park) close() error { return p.file.Close() }

// wait is for what look did not find.
func (p *park) wait(timeout time.Duration) (n int, err error) {
	from := time.Since(p.epoch)
	if p.short {
		// The monitor takes a goroutine that never yields for one that has run for
		// too long, from which it takes the processor at the first look.
		runtime.Gosched()
		n, err = p.e.block(timeout)
	} else {
		n, err = p.parked(timeout)
	}
	p.short = time.Since(p.epoch)-from < shortWait
	return n, err
}

func (p *park) parked(timeout time.Duration) (int, error) {
	if timeout > 0 || p.limited {
		var until time.Time
		if p.limited = timeout > 0; p.limited {
			until = time.Now().Add(timeout)
		}
		if err := p.file.SetReadDeadline(until); err != nil {
			return 0, err
		}
	}
	if err := p.watch(unix.EPOLLIN); err != nil {
		return 0, err
	}
	p.n, p.err = 0, nil
	err := p.raw.Read(p.look) // looks once more before it parks
	switch shut := p.watch(0); {
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case shut != nil:
		return 0, shut
	}
	return p.n, p.err
}

// watch opens the gate, or with 0 closes it.
func (p *park) watch(events uint32) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.gate), unix.EPOLL_CTL_MOD, uintptr(p.e.fd),
		uintptr(unsafe.Pointer(&unix.EpollEvent{Events: events})), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}
