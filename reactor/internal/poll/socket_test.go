//go:build unix

package poll

import (
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// bound makes a socket on a free port of 127.0.0.1.
func bound(t *testing.T, kind int) int {
	t.Helper()
	fd, err := Socket(Family(loopback), kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(fd) })
	if err := unix.Bind(fd, Sockaddr(netip.AddrPortFrom(loopback, 0))); err != nil {
		t.Fatal(err)
	}
	return fd
}

// readable waits until a socket is readable.
func readable(t *testing.T, fd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("not readable: %d, %v", n, err)
		}
		return
	}
}

// tcpPair makes a connection. The caller must close the client.
func tcpPair(t *testing.T) (client, server int) {
	t.Helper()
	l := bound(t, unix.SOCK_STREAM)
	if err := unix.Listen(l, 1); err != nil {
		t.Fatal(err)
	}
	client, err := Socket(unix.AF_INET, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(client, Sockaddr(LocalAddr(l))); err != nil {
		t.Fatal(err)
	}
	readable(t, l)
	server, peer, err := Accept(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(server) })
	if err := ConnectResult(client); err != nil {
		t.Fatal(err)
	}
	if peer != LocalAddr(client) {
		t.Errorf("accepted from %v, want %v", peer, LocalAddr(client))
	}
	return client, server
}

func TestSocketTypeAndIsListening(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   int
		listen bool
	}{
		"a listener":                {unix.SOCK_STREAM, true},
		"a stream without listener": {unix.SOCK_STREAM, false},
		"datagrams":                 {unix.SOCK_DGRAM, false},
	} {
		fd := bound(t, tc.kind)
		if tc.listen {
			if err := unix.Listen(fd, 1); err != nil {
				t.Fatal(err)
			}
		}
		if kind, err := SocketType(fd); kind != tc.kind || err != nil {
			t.Errorf("%s: type %d, %v", name, kind, err)
		}
		if got := IsListening(fd); got != tc.listen {
			t.Errorf("%s: IsListening is %v", name, got)
		}
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := SocketType(int(f.Fd())); err == nil {
		t.Error("a file has a socket type")
	}
	if IsListening(int(f.Fd())) {
		t.Error("a file listens")
	}
}

// Pending counts the bytes that can be read, and returns an error for what cannot be read.
func TestPending(t *testing.T) {
	a, b := pair(t)
	check := func(want int) {
		t.Helper()
		if n, err := Pending(a); n != want || err != nil {
			t.Errorf("%d bytes, %v; want %d", n, err, want)
		}
	}
	check(0)
	Send(b, make([]byte, 1000))
	check(1000)
	Recv(a, make([]byte, 300))
	check(700)
	Recv(a, make([]byte, 1000))
	check(0)
	Close(-1) // is harmless
	if _, err := Pending(-1); err == nil {
		t.Error("no error for a descriptor that is not open")
	}
}

// ResetOnClose and Close send a reset to the peer. Close alone sends the end of the
// stream.
func TestResetOnClose(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(int)
		want error
	}{
		"ResetOnClose": {func(fd int) { ResetOnClose(fd); Close(fd) }, unix.ECONNRESET},
		"Close":        {Close, nil},
	} {
		client, server := tcpPair(t)
		tc.end(client)
		readable(t, server)
		if n, err := Recv(server, make([]byte, 8)); n != 0 || err != tc.want {
			t.Errorf("%s: read %d, %v; want %v", name, n, err, tc.want)
		}
	}
}

// QuickAck ends the delay of acknowledgements of TCP. On systems that have it, it returns an
// error for other sockets.
func TestQuickAck(t *testing.T) {
	client, server := tcpPair(t)
	defer Close(client)
	on := delayAcks(t, server)
	if err := QuickAck(server); err != nil {
		t.Error(err)
	}
	if !on() {
		t.Error("acknowledgements are still delayed")
	}
	if err := QuickAck(bound(t, unix.SOCK_DGRAM)); (err != nil) != HasQuickAck {
		t.Errorf("for a datagram socket: %v", err)
	}
}
