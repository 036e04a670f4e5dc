package poll

import (
	"os"

	"golang.org/x/sys/unix"
)

// NewWakeup makes a Wakeup from an eventfd: one descriptor for both ends.
func NewWakeup() (*Wakeup, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &Wakeup{readFD: fd, writeFD: fd}, nil
}
