//go:build unix

package poll

import (
	"net/netip"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RecvMsg tells the address that a datagram was sent to. SendMsg sends from this address.
func TestRecvMsgAndSendMsg(t *testing.T) {
	for _, row := range []struct {
		family int
		dual   bool
		bind   string
		asked  string
	}{
		{unix.AF_INET, false, "0.0.0.0", "127.0.0.2"},
		{unix.AF_INET6, false, "::", "::1"},
		{unix.AF_INET6, true, "::", "127.0.0.2"},
	} {
		fd, err := Socket(row.family, unix.SOCK_DGRAM)
		if err != nil {
			t.Fatal(err)
		}
		defer Close(fd)
		v6 := row.family == unix.AF_INET6
		if v6 {
			only := 1
			if row.dual {
				only = 0
			}
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
				t.Fatal(err)
			}
		}
		if got4, got6 := IPFamily(fd); got4 != (!v6 || row.dual) || got6 != v6 {
			t.Errorf("%+v: families %v, %v", row, got4, got6)
		}
		if err := unix.Bind(fd, Sockaddr(netip.AddrPortFrom(netip.MustParseAddr(row.bind), 0))); err != nil {
			t.Fatal(err)
		}
		if err := ReportArrivals(fd, v6); err != nil {
			t.Fatal(err)
		}
		asked := netip.AddrPortFrom(netip.MustParseAddr(row.asked), LocalAddr(fd).Port())
		p, err := Socket(Family(asked.Addr()), unix.SOCK_DGRAM)
		if err != nil {
			t.Fatal(err)
		}
		defer Close(p)
		if err := unix.Connect(p, Sockaddr(asked)); err != nil {
			t.Fatal(err)
		}
		if err := SendTo(p, []byte("question"), netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
		readable(t, fd)
		buf := make([]byte, 8)
		n, from, a, truncated, err := RecvMsg(fd, buf)
		if n != 8 || from != LocalAddr(p) || truncated || err != nil || a.To != asked.Addr() || a.Source != asked.Addr() {
			t.Fatalf("%+v: %d, %v, %+v, %v, %v", row, n, from, a, truncated, err)
		}
		if a.Interface == 0 && (v6 || runtime.GOOS == "linux") {
			t.Errorf("%+v: no interface", row)
		}
		to := from
		if v6 {
			to = netip.AddrPortFrom(netip.AddrFrom16(from.Addr().As16()), from.Port())
		}
		if err := SendMsg(fd, []byte("the answer"), to, a.Source, v6); err != nil {
			t.Fatal(err)
		}
		readable(t, p) // it is connected, so it hears the asked address only
		if n, _, _, truncated, err := RecvMsg(p, buf); n != len(buf) || !truncated || err != nil {
			t.Errorf("%+v: %d, truncated %v, %v", row, n, truncated, err)
		}
		if _, _, _, _, err := RecvMsg(fd, buf); err != ErrAgain {
			t.Errorf("%+v: %v from an empty socket", row, err)
		}
	}
}

// Control messages are read up to the first that is malformed. Those of other kinds are skipped.
func TestParseArrival(t *testing.T) {
	to := netip.MustParseAddr("fd00::1")
	pair := func() (b controlBuffer, n int) {
		h := (*unix.Cmsghdr)(ptr(b.bytes(b.size())))
		h.Level, h.Type = unix.SOL_SOCKET, 1
		h.SetLen(unix.CmsgLen(5))
		skip := unix.CmsgSpace(5)
		var second controlBuffer
		size := second.putSource(to, true)
		copy(b.bytes(b.size())[skip:], second.bytes(size))
		return b, skip + size
	}
	b, n := pair()
	if a := b.parseArrival(n); a.To != to || a.Source != to {
		t.Errorf("%+v", a)
	}
	for cut := range n {
		b, _ := pair()
		if a := b.parseArrival(cut); a.To.IsValid() && cut < n-8 {
			t.Errorf("%d of %d bytes: %+v", cut, n, a)
		}
	}
	for _, length := range []int{0, 1, -1, 1 << 20} {
		b, n := pair()
		(*unix.Cmsghdr)(ptr(b.bytes(b.size()))).SetLen(length)
		if a := b.parseArrival(n); a.To.IsValid() {
			t.Errorf("length %d: %+v", length, a)
		}
	}
	if a := b.parseArrival(1 << 20); a.To != to {
		t.Errorf("more than the buffer: %+v", a)
	}
}

// Neither call allocates.
func TestMessagesDoNotAllocate(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("x/sys allocates on this system")
	}
	fd := bound(t, unix.SOCK_DGRAM)
	if err := ReportArrivals(fd, false); err != nil {
		t.Fatal(err)
	}
	buf, to := make([]byte, 100), LocalAddr(fd)
	if n := testing.AllocsPerRun(100, func() {
		if err := SendMsg(fd, buf, to, to.Addr(), false); err != nil {
			t.Fatal(err)
		}
		if n, _, _, _, err := RecvMsg(fd, buf); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Drops is 0 where nothing was dropped, and for what is not a socket.
func TestDrops(t *testing.T) {
	for _, fd := range []int{-1, bound(t, unix.SOCK_DGRAM), bound(t, unix.SOCK_STREAM)} {
		if n := Drops(fd); n != 0 {
			t.Errorf("descriptor %d: %d", fd, n)
		}
	}
}

// ptr returns a pointer to the first byte.
func ptr(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
