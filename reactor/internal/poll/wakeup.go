//go:build unix

package poll

import (
	"os"

	"golang.org/x/sys/unix"
)

// Wakeup is a pair of descriptors with which other goroutines end the loop's wait: one becomes
// readable when the other is written to. Both may be the same descriptor.
type Wakeup struct{ reads, writes int }

// one is the count that an eventfd wants. A pipe takes any bytes.
var one = [8]byte{1}

// FD returns the descriptor that is readable from a Signal to the next Clear.
func (w *Wakeup) FD() int { return w.reads }

// Signal makes FD readable. Any goroutine may call it.
func (w *Wakeup) Signal() error {
	for {
		_, err := unix.Write(w.writes, one[:])
		switch err {
		case unix.EINTR:
		case nil, unix.EAGAIN: // full: it is readable already
			return nil
		default:
			return os.NewSyscallError("write", err)
		}
	}
}

// Clear makes FD unreadable until the next Signal. It reads into buf, which has at least 8
// bytes. What it leaves in buf means nothing.
func (w *Wakeup) Clear(buf []byte) {
	for {
		n, err := Read(w.reads, buf)
		if err != nil || n < len(buf) {
			return
		}
	}
}

// Close closes the descriptors. No call of Signal may follow or be under way.
func (w *Wakeup) Close() {
	unix.Close(w.reads)
	if w.writes != w.reads {
		unix.Close(w.writes)
	}
}
