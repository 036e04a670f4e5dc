//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kqueue is the poller of the BSDs and of macOS.
type kqueue struct {
	fd     int
	events [256]unix.Kevent_t
	ready  [256]readiness
}

// numbers are those of this system.
var numbers = kqueueNumbers{
	read:   unix.EVFILT_READ,
	write:  unix.EVFILT_WRITE,
	add:    unix.EV_ADD,
	remove: unix.EV_DELETE,
}

func newPoller() (poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	return &kqueue{fd: fd}, nil
}

func (k *kqueue) descriptor() int { return k.fd }

func (k *kqueue) close() error { return os.NewSyscallError("close", unix.Close(k.fd)) }

func (k *kqueue) set(fd int, old, new interest) error {
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

func (k *kqueue) wait(timeout time.Duration) ([]readiness, error) {
	var limit *unix.Timespec
	if timeout >= 0 {
		ts := unix.NsecToTimespec(int64(timeout))
		limit = &ts
	}
	n, err := unix.Kevent(k.fd, nil, k.events[:], limit)
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("kevent", err)
	}
	for i := range k.events[:n] {
		ev := &k.events[i]
		k.ready[i] = readiness{fd: int(ev.Ident), what: numbers.interest(int(ev.Filter))}
	}
	return k.ready[:n], nil
}
