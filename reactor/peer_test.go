package reactor_test

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// peer is the other end of a connection: a bare non-blocking descriptor, so
// that a test decides what is read and written, and when.
type peer struct {
	t   *testing.T
	fd  int
	in  []byte // what was read
	eof bool
	err error // what a read said other than EAGAIN
}

func newPeer(t *testing.T, fd int) *peer {
	t.Helper()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	p := &peer{t: t, fd: fd}
	t.Cleanup(p.close)
	return p
}

func (p *peer) close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// reset closes a TCP connection with RST.
func (p *peer) reset() {
	p.t.Helper()
	if err := unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		p.t.Fatal(err)
	}
	p.close()
}

func (p *peer) write(s string) {
	p.t.Helper()
	if n, err := unix.Write(p.fd, []byte(s)); err != nil || n != len(s) {
		p.t.Fatalf("peer wrote %d of %d bytes: %v", n, len(s), err)
	}
}

// writeSome writes as much of b as the socket takes.
func (p *peer) writeSome(b []byte) int {
	n, err := unix.Write(p.fd, b)
	if err == unix.EAGAIN {
		return 0
	}
	if err != nil {
		p.t.Fatalf("peer: write: %v", err)
	}
	return n
}

func (p *peer) shutdown() {
	p.t.Helper()
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil {
		p.t.Fatal(err)
	}
}

// pump reads what is there.
func (p *peer) pump() {
	buf := make([]byte, 1<<16)
	for !p.eof && p.err == nil {
		n, err := unix.Read(p.fd, buf)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
		case err != nil:
			p.err = err
		case n == 0:
			p.eof = true
		default:
			p.in = append(p.in, buf[:n]...)
		}
	}
}

// received returns a condition for await.
func (p *peer) received(s string) func() bool {
	return func() bool { p.pump(); return string(p.in) == s }
}

// ended returns a condition for await: the end of stream or an error was read.
func (p *peer) ended() bool { p.pump(); return p.eof || p.err != nil }

func socketpair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// wrap puts one end of a socketpair on the manager.
func wrap(t *testing.T, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *peer) {
	t.Helper()
	a, b := socketpair(t)
	p := newPeer(t, b)
	c, err := m.WrapFD(a, fn, nil)
	if err != nil {
		unix.Close(a)
		t.Fatal(err)
	}
	return c, p
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func boundAddr(t *testing.T, fd int) netip.AddrPort {
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

// open makes a non-blocking socket of the family of a.
func open(t *testing.T, a netip.Addr, kind int) int {
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

// dialRaw connects to a TCP listener, whose kernel answers without its loop.
func dialRaw(t *testing.T, a netip.AddrPort) *peer {
	t.Helper()
	p := newPeer(t, open(t, a.Addr(), unix.SOCK_STREAM))
	if err := unix.Connect(p.fd, sockaddr(a)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	return p
}

// bindRaw makes a socket bound to a free port of loopback; a TCP one listens
// if backlog is not negative.
func bindRaw(t *testing.T, host string, kind, backlog int) (*peer, netip.AddrPort) {
	t.Helper()
	a := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
	p := newPeer(t, open(t, a.Addr(), kind))
	if err := unix.Bind(p.fd, sockaddr(a)); err != nil {
		t.Fatal(err)
	}
	if backlog >= 0 {
		if err := unix.Listen(p.fd, backlog); err != nil {
			t.Fatal(err)
		}
	}
	return p, boundAddr(t, p.fd)
}

// acceptRaw takes the next connection from a bare listener, or returns nil.
func acceptRaw(t *testing.T, l *peer) *peer {
	t.Helper()
	fd, _, err := unix.Accept(l.fd)
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, fd)
}

// listen puts a listener on the manager.
func listen(t *testing.T, m *reactor.Manager, url string, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	l, err := m.Listen(url, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// dial puts an outgoing connection on the manager.
func dial(t *testing.T, m *reactor.Manager, url string, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	c, err := m.Connect(url, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pollable asks poll(2), without blocking, whether a descriptor is readable.
func pollable(t *testing.T, fd int) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
}
