package poll

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	arrivalOption = unix.IP_PKTINFO // the socket option
	sourceMessage = unix.IP_PKTINFO // the control message that sets the source address
)

// BindsToGroup is true: a socket that is bound to a multicast group gets the datagrams for this
// group only, and sends from an address of the host.
const BindsToGroup = true

// parseIPv4Arrival reads a control message of IPPROTO_IP. Spec_dst is the host's address for an
// answer, also if the datagram was sent to a group or to a broadcast address [ip(7)].
func parseIPv4Arrival(a *Arrival, kind int, data []byte) {
	if kind != unix.IP_PKTINFO || len(data) < unix.SizeofInet4Pktinfo {
		return
	}
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
	a.To, a.Source = netip.AddrFrom4(info.Addr), netip.AddrFrom4(info.Spec_dst)
	a.Interface = int(info.Ifindex)
	if a.Source.IsUnspecified() {
		a.Source = netip.Addr{}
	}
}

// putIPv4Source writes the content of a control message and returns its length.
func putIPv4Source(p []byte, source [4]byte) int {
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&p[0]))
	*info = unix.Inet4Pktinfo{Spec_dst: source}
	return unix.SizeofInet4Pktinfo
}

// RecvMsg receives one datagram and returns its length, its sender and how it has arrived. If
// truncated is true, it was longer than p, and the rest is lost.
func RecvMsg(fd int, p []byte) (n int, from netip.AddrPort, a Arrival, truncated bool, err error) {
	var raw unix.RawSockaddrAny
	var control controlBuffer
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	msg := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&raw)), Iov: &iov, Control: (*byte)(unsafe.Pointer(&control))}
	msg.SetIovlen(1)
	for {
		msg.Namelen = unix.SizeofSockaddrAny
		msg.SetControllen(control.size())
		r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), 0)
		switch errno {
		case 0:
			return int(r), rawAddrPort(&raw), control.parseArrival(int(msg.Controllen)), msg.Flags&unix.MSG_TRUNC != 0, nil
		case unix.EINTR:
		default:
			return 0, netip.AddrPort{}, Arrival{}, false, errno
		}
	}
}

// SendMsg is SendTo with the source address of the datagram. v6 is true if the socket is of IPv6.
func SendMsg(fd int, p []byte, to netip.AddrPort, source netip.Addr, v6 bool) error {
	var raw unix.RawSockaddrInet6
	var control controlBuffer
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	msg := unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(&raw)), Namelen: uint32(putSockaddr(&raw, to)),
		Iov: &iov, Control: (*byte)(unsafe.Pointer(&control)),
	}
	msg.SetIovlen(1)
	msg.SetControllen(control.putSource(source, v6))
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_NOSIGNAL)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// maxErrorsDropped bounds the system calls of DropErrors. The rest is dropped in a later turn.
const maxErrorsDropped = 64

// DropErrors empties the queue of ICMP messages that a socket with IP_RECVERR has. As long as there
// is one, the poller reports the socket, and no other call removes it [ip(7)].
func DropErrors(fd int) {
	for range maxErrorsDropped {
		var msg unix.Msghdr
		_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno != 0 && errno != unix.EINTR {
			return
		}
	}
}

// Drops returns how many datagrams the kernel has dropped at a socket, because its receive buffer
// was full or their checksum was wrong. It returns 0 for what is not a socket.
func Drops(fd int) uint64 {
	var info [meminfoDrops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size < uint32(unsafe.Sizeof(info)) {
		return 0
	}
	return uint64(info[meminfoDrops])
}

// meminfoDrops is SK_MEMINFO_DROPS: the place of the counter in SO_MEMINFO [sock_diag(7)].
const meminfoDrops = 8
