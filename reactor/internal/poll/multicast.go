//go:build unix

package poll

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// SetBroadcast lets a socket send to broadcast addresses.
func SetBroadcast(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
}

// JoinGroup makes a socket a member of a multicast group on an interface, or ends its membership if
// join is false. If ifi is nil, the system chooses the interface.
func JoinGroup(fd int, group netip.Addr, ifi *net.Interface, join bool) error {
	if group.Is4() {
		return joinIPv4(fd, group, ifi, join)
	}
	option := unix.IPV6_JOIN_GROUP
	if !join {
		option = unix.IPV6_LEAVE_GROUP
	}
	mreq := unix.IPv6Mreq{Multiaddr: group.As16()}
	if ifi != nil {
		mreq.Interface = uint32(ifi.Index)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, option, &mreq))
}

// membership returns the option that joins or leaves an IPv4 group.
func membership(join bool) int {
	if join {
		return unix.IP_ADD_MEMBERSHIP
	}
	return unix.IP_DROP_MEMBERSHIP
}

// SetMulticastInterface sets the interface on which a socket sends to groups. v4 and v6 tell to
// which addresses it can send.
func SetMulticastInterface(fd int, ifi *net.Interface, v4, v6 bool) error {
	if v4 {
		if err := setIPv4Interface(fd, ifi); err != nil {
			return err
		}
	}
	if v6 {
		return os.NewSyscallError("setsockopt",
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, ifi.Index))
	}
	return nil
}

// SetMulticastTTL sets how many hops a datagram to a group may make.
func SetMulticastTTL(fd, ttl int, v4, v6 bool) error {
	return setBoth(fd, unix.IP_MULTICAST_TTL, unix.IPV6_MULTICAST_HOPS, ttl, v4, v6)
}

// SetMulticastLoopback sets whether members on this host get what a socket sends.
func SetMulticastLoopback(fd int, on, v4, v6 bool) error {
	value := 0
	if on {
		value = 1
	}
	return setBoth(fd, unix.IP_MULTICAST_LOOP, unix.IPV6_MULTICAST_LOOP, value, v4, v6)
}

// setBoth sets an option of IPv4 and one of IPv6. OpenBSD wants those of IPv4 as one byte, and
// all systems take them so.
func setBoth(fd, option4, option6, value int, v4, v6 bool) error {
	if v4 {
		if err := unix.SetsockoptByte(fd, unix.IPPROTO_IP, option4, byte(value)); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if v6 {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option6, value))
	}
	return nil
}
