package reactor_test

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// peer is the other end of a connection.
type peer = looptest.Socket

// reserve returns a TCP port that nobody else gets on any address of the host. (A port
// that is free on one address may be taken on another.) Nobody listens on it until the
// test does, with listenAt or Manager.Listen.
func reserve(t *testing.T) uint16 {
	t.Helper()
	p := looptest.NewSocket(t, looptest.Open(t, netip.IPv6Unspecified(), unix.SOCK_STREAM))
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0}, // of both families
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},  // shared with sockets that say so too
	} {
		if err := unix.SetsockoptInt(p.FD, o.level, o.name, o.value); err != nil {
			t.Fatal(err)
		}
	}
	return looptest.Bind(t, p.FD, netip.AddrPortFrom(netip.IPv6Unspecified(), 0), -1).Port()
}

// listenAt makes a bare listener on a port of reserve.
func listenAt(t *testing.T, a netip.AddrPort, backlog int) {
	t.Helper()
	p := looptest.NewSocket(t, looptest.Open(t, a.Addr(), unix.SOCK_STREAM))
	if err := unix.SetsockoptInt(p.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	looptest.Bind(t, p.FD, a, backlog)
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
