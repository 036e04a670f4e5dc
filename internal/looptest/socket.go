package looptest

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// The other end of a connection under test is a bare non-blocking descriptor,
// so that the test decides what is read and written, and when, and shares no
// code with what it tests.

// Own makes a descriptor non-blocking, keeps it from programs that are
// started, and closes it with the test, unless Close has done so.
func Own(t testing.TB, fd *int) {
	t.Helper()
	t.Cleanup(func() { Close(fd) })
	if err := unix.SetNonblock(*fd, true); err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(*fd)
}

// Close closes a descriptor once: it is -1 then.
func Close(fd *int) {
	if *fd >= 0 {
		unix.Close(*fd)
		*fd = -1
	}
}

// Socketpair makes two connected sockets, the caller's to Own.
func Socketpair(t testing.TB) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// Wrap puts one end of a Socketpair on the manager and returns the other.
func Wrap(t testing.TB, m *reactor.Manager, fn reactor.Handler) (c *reactor.Conn, fd int) {
	t.Helper()
	a, b := Socketpair(t)
	c, err := m.WrapFD(a, fn, nil)
	if err != nil {
		unix.Close(a)
		unix.Close(b)
		t.Fatal(err)
	}
	return c, b
}

// NoDelay makes of each write to a TCP socket a segment of its own, which does
// not wait for acknowledgements.
func NoDelay(t testing.TB, fd int) {
	t.Helper()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		t.Fatal(err)
	}
}

// Write writes all of b at once.
func Write[T string | []byte](t testing.TB, fd int, b T) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(b)); err != nil || n != len(b) {
		t.Fatalf("peer wrote %d of %d bytes: %v", n, len(b), err)
	}
}

// Shutdown sends the end of stream, unless both sides have ended already.
func Shutdown(t testing.TB, fd int) {
	t.Helper()
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil && err != unix.ENOTCONN {
		t.Fatal(err)
	}
}

// Read appends what is there to in. It reports the end of stream, and an
// error other than that there is no more yet.
func Read(fd int, in []byte) (got []byte, eof bool, err error) {
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Read(fd, buf)
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

// Open makes a socket of the family of a. It is the caller's to Own.
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

// Connect connects a socket. To a TCP listener a non-blocking one may still be
// on its way; the listener's kernel answers without its loop.
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

// Accept takes the next connection from a listener that does not block, if
// there is one. It is the caller's to Own.
func Accept(t testing.TB, listener int) (fd int, ok bool) {
	t.Helper()
	fd, _, err := unix.Accept(listener)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return fd, err == nil
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
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	t.Fatalf("socket address %T", sa)
	return netip.AddrPort{}
}
