package ws_test

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// peer is the other end of a connection: a bare non-blocking TCP socket, so
// that a test decides what is in a segment.
type peer struct {
	t   testing.TB
	fd  int
	in  []byte // what was read
	eof bool   // the end of stream, or an error, was read
}

func newPeer(t testing.TB, fd int) *peer {
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

// write sends s as a segment of its own. A connection that is gone is no
// failure: the test sees what the other side made of it.
func (p *peer) write(s string) {
	p.t.Helper()
	for s != "" {
		n, err := unix.Write(p.fd, []byte(s))
		switch err {
		case nil:
			s = s[n:]
		case unix.EPIPE, unix.ECONNRESET:
			return
		default:
			p.t.Fatalf("peer: write: %v", err)
		}
	}
}

// shutdown sends the end of stream.
func (p *peer) shutdown() {
	p.t.Helper()
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil && err != unix.ENOTCONN {
		p.t.Fatal(err)
	}
}

// pump reads what is there.
func (p *peer) pump() {
	var buf [1 << 16]byte
	for !p.eof {
		n, err := unix.Read(p.fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
		case err != nil || n == 0:
			p.eof = true
		default:
			p.in = append(p.in, buf[:n]...)
		}
	}
}

func (p *peer) ended() bool { p.pump(); return p.eof }

func tcpSocket(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// dialPeer connects to a listener of the manager, whose kernel answers
// without the loop.
func dialPeer(t testing.TB, a netip.AddrPort) *peer {
	t.Helper()
	p := newPeer(t, tcpSocket(t))
	unix.SetsockoptInt(p.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(p.fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	return p
}

// listenPeer makes a bare listener on 127.0.0.1 and returns its port.
func listenPeer(t testing.TB) (*peer, int) {
	t.Helper()
	l := newPeer(t, tcpSocket(t))
	if err := unix.Bind(l.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(l.fd, 16); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(l.fd)
	if err != nil {
		t.Fatal(err)
	}
	return l, sa.(*unix.SockaddrInet4).Port
}

// accept takes the next connection of a bare listener, or returns nil.
func (p *peer) accept() *peer {
	p.t.Helper()
	fd, _, err := unix.Accept(p.fd)
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return newPeer(p.t, fd)
}
