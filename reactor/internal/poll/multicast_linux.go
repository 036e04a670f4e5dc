package poll

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// joinIPv4 is JoinGroup for IPv4. The interface is named by its index, so it needs no address.
func joinIPv4(fd int, group netip.Addr, ifi *net.Interface, join bool) error {
	mreq := unix.IPMreqn{Multiaddr: group.As4()}
	if ifi != nil {
		mreq.Ifindex = int32(ifi.Index)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, membership(join), &mreq))
}

// setIPv4Interface is SetMulticastInterface for IPv4.
func setIPv4Interface(fd int, ifi *net.Interface) error {
	mreq := unix.IPMreqn{Ifindex: int32(ifi.Index)}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &mreq))
}

// OnlyOwnGroups makes a socket get what is sent to the groups that it has joined itself. By default
// Linux also delivers what is sent to the groups of other sockets [ip(7), IP_MULTICAST_ALL].
// Kernels before 4.20 do not have the option for IPv6.
func OnlyOwnGroups(fd int, v6 bool) {
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	if v6 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
	}
}
