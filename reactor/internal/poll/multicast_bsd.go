//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poll

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// joinIPv4 is JoinGroup for IPv4. The interface is named by its first IPv4 address, because not
// all of these systems take an index.
func joinIPv4(fd int, group netip.Addr, ifi *net.Interface, join bool) (err error) {
	mreq := unix.IPMreq{Multiaddr: group.As4()}
	if ifi != nil {
		if mreq.Interface, err = ipv4Of(ifi); err != nil {
			return err
		}
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, membership(join), &mreq))
}

// setIPv4Interface is SetMulticastInterface for IPv4.
func setIPv4Interface(fd int, ifi *net.Interface) error {
	a, err := ipv4Of(ifi)
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, a))
}

// errNoIPv4 means that an interface has no IPv4 address.
var errNoIPv4 = errors.New("the interface has no IPv4 address")

// ipv4Of returns the first IPv4 address of an interface.
func ipv4Of(ifi *net.Interface) (a [4]byte, err error) {
	addrs, err := ifi.Addrs()
	if err != nil {
		return a, err
	}
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok && n.IP.To4() != nil {
			return [4]byte(n.IP.To4()), nil
		}
	}
	return a, errNoIPv4
}

// OnlyOwnGroups does nothing. These systems deliver what is sent to a socket's own groups only.
func OnlyOwnGroups(int, bool) {}
