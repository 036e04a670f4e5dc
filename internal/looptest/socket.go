package looptest

import (
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Socketpair makes two connected sockets, which the caller must close.
func Socketpair(t testing.TB) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// NoDelay sends each write to a TCP socket at once, as a segment of its own.
func NoDelay(t testing.TB, fd int) {
	t.Helper()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		t.Fatal(err)
	}
}

var readBuffers = sync.Pool{New: func() any { return new([1 << 16]byte) }}

// Read appends to in what has arrived. It reports the end of stream, and errors except
// EAGAIN.
func Read(fd int, in []byte) (got []byte, eof bool, err error) {
	buf := readBuffers.Get().(*[1 << 16]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return in, false, nil
		case err == unix.EINTR:
		case err != nil:
			return in, false, err
		case n == 0:
			return in, true, nil
		default:
			in = append(in, buf[:n]...)
		}
	}
}

// Open makes a socket of the family of a. The caller must close it, or make a
// Socket of it.
func Open(t testing.TB, a netip.Addr, kind int) int {
	t.Helper()
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// Connect connects a socket. A non-blocking TCP socket may not be connected yet when it
// returns. The listener's kernel answers, its loop need not run.
func Connect(t testing.TB, fd int, a netip.AddrPort) {
	t.Helper()
	if err := unix.Connect(fd, Sockaddr(a)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
}

// Bind binds a socket and returns the address it has got; one of TCP listens
// if backlog is not negative.
func Bind(t testing.TB, fd int, a netip.AddrPort, backlog int) netip.AddrPort {
	t.Helper()
	if err := unix.Bind(fd, Sockaddr(a)); err != nil {
		t.Fatal(err)
	}
	if backlog >= 0 {
		if err := unix.Listen(fd, backlog); err != nil {
			t.Fatal(err)
		}
	}
	return BoundAddr(t, fd)
}

// Sockaddr is an address as system calls want it.
func Sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// BoundAddr returns a socket's own address.
func BoundAddr(t testing.TB, fd int) netip.AddrPort {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if a := address(sa); a.IsValid() {
		return a
	}
	t.Fatalf("socket address %T", sa)
	return netip.AddrPort{}
}
