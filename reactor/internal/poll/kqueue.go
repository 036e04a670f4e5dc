//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poll

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kqueue is the Poller for the BSDs and macOS.
type kqueue struct {
	fd     int
	events [256]unix.Kevent_t
	ready  [256]Ready
}

// numbers are the kqueueNumbers of this system.
var numbers = kqueueNumbers{
	read:   unix.EVFILT_READ,
	write:  unix.EVFILT_WRITE,
	add:    unix.EV_ADD,
	remove: unix.EV_DELETE,
}

// New returns a Poller without descriptors.
func New() (Poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	return &kqueue{fd: fd}, nil
}

func (k *kqueue) FD() int { return k.fd }

func (k *kqueue) Close() error { return os.NewSyscallError("close", unix.Close(k.fd)) }

func (k *kqueue) Set(fd int, old, new Interest) error {
	var list [2]kqueueChange
	var changes [2]unix.Kevent_t
	n := 0
	for _, c := range numbers.changes(&list, old, new) {
		unix.SetKevent(&changes[n], fd, c.filter, c.action)
		n++
	}
	for {
		_, err := unix.Kevent(k.fd, changes[:n], nil, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("kevent", err)
		}
	}
}

func (k *kqueue) Check() ([]Ready, error) {
	for {
		n, err := k.wait(&unix.Timespec{})
		if err != unix.EINTR {
			return k.report(n, err)
		}
	}
}

func (k *kqueue) Wait(timeout time.Duration) ([]Ready, error) {
	var limit *unix.Timespec
	if timeout >= 0 {
		ts := unix.NsecToTimespec(int64(timeout))
		limit = &ts
	}
	n, err := k.wait(limit)
	if err == unix.EINTR {
		return k.Check()
	}
	return k.report(n, err)
}

// wait returns the number of events. If limit is nil, it blocks until there is one.
func (k *kqueue) wait(limit *unix.Timespec) (int, error) {
	return unix.Kevent(k.fd, nil, k.events[:], limit)
}

// report translates the first n events. It returns err if that is not nil.
func (k *kqueue) report(n int, err error) ([]Ready, error) {
	if err != nil {
		return nil, os.NewSyscallError("kevent", err)
	}
	for i := range k.events[:n] {
		ev := &k.events[i]
		k.ready[i] = Ready{FD: int(ev.Ident), Interest: numbers.interest(int(ev.Filter))}
	}
	return k.ready[:n], nil
}
