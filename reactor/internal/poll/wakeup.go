//go:build unix

package poll

import (
	"os"

	"golang.org/x/sys/unix"
)

// Wakeup is a pair of wake-up descriptors. Other goroutines use it to end the loop's wait: a write
// to one descriptor makes the other readable. Both may be the same descriptor.
type Wakeup struct{ readFD, writeFD int }

// one is the number 1 as an eventfd expects it. A pipe takes any bytes.
var one = [8]byte{1}

// FD returns the descriptor that is readable after Signal, until Clear is called.
func (w *Wakeup) FD() int { return w.readFD }

// Signal makes FD readable. Any goroutine may call it.
func (w *Wakeup) Signal() error {
	for {
		_, err := unix.Write(w.writeFD, one[:])
		switch err {
		case unix.EINTR:
		case nil, unix.EAGAIN: // EAGAIN: it is full, and therefore readable
			return nil
		default:
			return os.NewSyscallError("write", err)
		}
	}
}

// Clear makes FD unreadable until the next Signal. buf is scratch memory of at least 8 bytes.
func (w *Wakeup) Clear(buf []byte) {
	for {
		n, err := Read(w.readFD, buf)
		if err != nil || n < len(buf) {
			return
		}
	}
}

// Close closes the descriptors. Signal must not be called during or after Close.
func (w *Wakeup) Close() {
	unix.Close(w.readFD)
	if w.writeFD != w.readFD {
		unix.Close(w.writeFD)
	}
}
