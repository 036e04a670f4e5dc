package reactor_test

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
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
	p := &peer{t: t, fd: fd}
	looptest.Own(t, &p.fd)
	return p
}

func (p *peer) close() { looptest.Close(&p.fd) }

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
	looptest.Write(p.t, p.fd, s)
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
	looptest.Shutdown(p.t, p.fd)
}

// pump reads what is there.
func (p *peer) pump() {
	if !p.eof && p.err == nil {
		p.in, p.eof, p.err = looptest.Read(p.fd, p.in)
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
	return looptest.Socketpair(t)
}

// wrap puts one end of a socketpair on the manager.
func wrap(t *testing.T, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *peer) {
	t.Helper()
	c, fd := looptest.Wrap(t, m, fn)
	return c, newPeer(t, fd)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr { return looptest.Sockaddr(a) }

func boundAddr(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	return looptest.BoundAddr(t, fd)
}

func open(t *testing.T, a netip.Addr, kind int) int {
	t.Helper()
	return looptest.Open(t, a, kind)
}

// dialRaw connects to a TCP listener, whose kernel answers without its loop.
func dialRaw(t *testing.T, a netip.AddrPort) *peer {
	t.Helper()
	p := newPeer(t, open(t, a.Addr(), unix.SOCK_STREAM))
	looptest.Connect(t, p.fd, a)
	return p
}

// bindRaw makes a socket bound to a free port of loopback; a TCP one listens
// if backlog is not negative.
func bindRaw(t *testing.T, host string, kind, backlog int) (*peer, netip.AddrPort) {
	t.Helper()
	a := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
	p := newPeer(t, open(t, a.Addr(), kind))
	return p, looptest.Bind(t, p.fd, a, backlog)
}

// reserve is a TCP port that nobody else gets on any address of the host, and
// that nobody listens on but who binds it with listenAt or Manager.Listen: a port
// that is free on one address may be taken on another.
func reserve(t *testing.T) uint16 {
	t.Helper()
	p := newPeer(t, open(t, netip.IPv6Unspecified(), unix.SOCK_STREAM))
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0}, // of both families
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},  // shared with sockets that say so too
	} {
		if err := unix.SetsockoptInt(p.fd, o.level, o.name, o.value); err != nil {
			t.Fatal(err)
		}
	}
	return looptest.Bind(t, p.fd, netip.AddrPortFrom(netip.IPv6Unspecified(), 0), -1).Port()
}

// listenAt makes a bare listener on a port of reserve.
func listenAt(t *testing.T, a netip.AddrPort, backlog int) {
	t.Helper()
	p := newPeer(t, open(t, a.Addr(), unix.SOCK_STREAM))
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	looptest.Bind(t, p.fd, a, backlog)
}

// acceptRaw takes the next connection from a bare listener, or returns nil.
func acceptRaw(t *testing.T, l *peer) *peer {
	t.Helper()
	if fd, ok := looptest.Accept(t, l.fd); ok {
		return newPeer(t, fd)
	}
	return nil
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
