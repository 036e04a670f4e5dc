//go:build unix

package poll

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// The options of multicast are those that the kernel returns.
func TestMulticast(t *testing.T) {
	fd := bound(t, unix.SOCK_DGRAM)
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var lo *net.Interface
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 {
			lo = &all[i]
		}
	}
	group := netip.MustParseAddr("239.255.47.13")
	for _, call := range []error{
		SetBroadcast(fd), SetMulticastTTL(fd, 9, true, false), SetMulticastLoopback(fd, false, true, false),
		SetMulticastInterface(fd, lo, true, false), JoinGroup(fd, group, lo, true), JoinGroup(fd, group, lo, false),
	} {
		if call != nil {
			t.Error(call)
		}
	}
	if err := JoinGroup(fd, group, lo, false); err == nil {
		t.Error("left a group twice")
	}
	for _, o := range []struct{ level, name, want int }{
		{unix.SOL_SOCKET, unix.SO_BROADCAST, 1}, {unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 9}, {unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
	} {
		if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || (got&0xff != 0) != (o.want != 0) || o.want > 1 && got&0xff != o.want {
			t.Errorf("option %d is %d, %v; want %d", o.name, got, err, o.want)
		}
	}
	if err := SetMulticastTTL(fd, 9, false, true); err == nil {
		t.Error("an option of IPv6 on a socket of IPv4")
	}
}
