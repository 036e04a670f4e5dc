//go:build unix

package poll

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Datagrams with ancillary data. A socket that is bound to the wildcard address gets datagrams
// that were sent to any address of the host, and peers expect answers from that address. The
// kernel tells the address with recvmsg (IP_PKTINFO, IPV6_PKTINFO [RFC 3542 6], IP_RECVDSTADDR on
// the BSDs), and sendmsg sets it. recvfrom and sendto cannot do that.

// Arrival tells how a datagram has reached a socket.
type Arrival struct {
	To        netip.Addr // the address that it was sent to: one of the host's, a group, broadcast
	Source    netip.Addr // the host's address for an answer; zero if the kernel is to choose
	Interface int        // index of the network interface; 0 if the system does not tell
}

// controlBuffer holds ancillary data. It is aligned as the kernel expects. It has space for the
// data of an IPv6 socket, and more.
type controlBuffer [16]uint64

// bytes returns the buffer's first n bytes.
func (b *controlBuffer) bytes(n int) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(b)), n) }

// size is the number of bytes in a controlBuffer.
func (b *controlBuffer) size() int { return int(unsafe.Sizeof(*b)) }

// parseArrival reads the first n bytes of a buffer, as recvmsg has written them.
func (b *controlBuffer) parseArrival(n int) (a Arrival) {
	data := b.bytes(min(n, b.size()))
	header := unix.CmsgLen(0)
	for len(data) >= header {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&data[0]))
		if int(h.Len) < header || int(h.Len) > len(data) {
			break
		}
		parseMessage(&a, int(h.Level), int(h.Type), data[header:int(h.Len)])
		data = data[min(len(data), unix.CmsgSpace(int(h.Len)-header)):]
	}
	return a
}

// parseMessage reads one control message into a.
func parseMessage(a *Arrival, level, kind int, data []byte) {
	switch {
	case level == unix.IPPROTO_IP:
		parseIPv4Arrival(a, kind, data)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
		a.To = netip.AddrFrom16(info.Addr).Unmap()
		a.Interface = int(info.Ifindex)
		if !a.To.IsMulticast() && !isLimitedBroadcast(a.To) {
			a.Source = a.To
		}
	}
}

// isLimitedBroadcast reports whether a is 255.255.255.255 [RFC 919 7].
func isLimitedBroadcast(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// putSource writes the control message that sets the source address of a datagram. v6 is true if
// the socket is of IPv6. It returns the message's length.
func (b *controlBuffer) putSource(source netip.Addr, v6 bool) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(b))
	if !v6 {
		h.Level, h.Type = unix.IPPROTO_IP, sourceMessage
		n := putIPv4Source(b.bytes(b.size())[unix.CmsgLen(0):], source.As4())
		h.SetLen(unix.CmsgLen(n))
		return unix.CmsgSpace(n)
	}
	h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&b.bytes(b.size())[unix.CmsgLen(0)]))
	info.Addr = source.As16() // an IPv4 address becomes an IPv4-mapped one
	return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
}

// ReportArrivals makes RecvMsg return the Arrival of each datagram of a UDP socket.
func ReportArrivals(fd int, v6 bool) error {
	level, option := unix.IPPROTO_IP, arrivalOption
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, 1))
}

// IPFamily returns the family of an IP socket: v4 and v6 tell to which addresses it can send. Both
// are true for a dual-stack socket, which is of IPv6, and false for other descriptors.
func IPFamily(fd int) (v4, v6 bool) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return false, false
	}
	switch sa.(type) {
	case *unix.SockaddrInet4:
		return true, false
	case *unix.SockaddrInet6:
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		return err == nil && only == 0, true
	}
	return false, false
}
