package poll

import (
	"os"

	"golang.org/x/sys/unix"
)

// NewWakeup makes an eventfd: one descriptor for both ends.
func NewWakeup() (*Wakeup, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &Wakeup{reads: fd, writes: fd}, nil
}
