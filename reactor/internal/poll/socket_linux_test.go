package poll

import (
	"testing"

	"golang.org/x/sys/unix"
)

// delayAcks makes the kernel delay a connection's acknowledgements. quick reports whether
// it no longer does.
func delayAcks(t *testing.T, fd int) (quick func() bool) {
	t.Helper()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); err != nil {
		t.Fatal(err)
	}
	quick = func() bool {
		on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK)
		if err != nil {
			t.Fatal(err)
		}
		return on != 0
	}
	if quick() {
		t.Fatal("acknowledgements are not delayed")
	}
	return quick
}
