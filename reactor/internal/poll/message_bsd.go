//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poll

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// BindsToGroup is false: a socket that is bound to a multicast group would send from the group's
// address. Listeners on a group are bound to the wildcard address.
const BindsToGroup = false

// RecvMsg receives one datagram and returns its length, its sender and how it has arrived. If
// truncated is true, it was longer than p, and the rest is lost.
func RecvMsg(fd int, p []byte) (n int, from netip.AddrPort, a Arrival, truncated bool, err error) {
	var control controlBuffer
	for {
		n, size, flags, sa, err := unix.Recvmsg(fd, p, control.bytes(control.size()), 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, netip.AddrPort{}, Arrival{}, false, err
		}
		return n, AddrPort(sa), control.parseArrival(size), flags&unix.MSG_TRUNC != 0, nil
	}
}

// SendMsg is SendTo with the source address of the datagram. v6 is true if the socket is of IPv6.
func SendMsg(fd int, p []byte, to netip.AddrPort, source netip.Addr, v6 bool) error {
	var control controlBuffer
	oob := control.bytes(control.putSource(source, v6))
	for {
		if _, err := unix.SendmsgN(fd, p, oob, Sockaddr(to), 0); err != unix.EINTR {
			return err
		}
	}
}

// DropErrors does nothing. These systems have no queue of ICMP messages.
func DropErrors(int) {}

// Drops returns 0. These systems count the datagrams that they drop for the whole host only
// (netstat -s -p udp).
func Drops(int) uint64 { return 0 }
