package looptest

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// NarrowReceive makes the receive buffer of a socket small (256 KiB) and of a fixed size,
// so that the bytes in flight are bounded while the test reads nothing.
func NarrowReceive(t testing.TB, fd int) {
	t.Helper()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 128<<10); err != nil {
		t.Fatal(err)
	}
}

// NarrowSend makes the send buffer of a TCP connection small (128 KiB) and of a fixed size, so
// that a test needs few bytes to fill it. It finds the descriptor by the two addresses.
func NarrowSend(t testing.TB, c *reactor.Conn) {
	t.Helper()
	for fd := range 1 << 12 {
		local, err := unix.Getsockname(fd)
		if err != nil || address(local) != c.LocalAddr() {
			continue
		}
		remote, err := unix.Getpeername(fd)
		if err != nil || address(remote) != c.RemoteAddr() {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 64<<10); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no descriptor of %v and %v", c.LocalAddr(), c.RemoteAddr())
}

// address returns the address of an IP socket, or the zero AddrPort.
func address(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
