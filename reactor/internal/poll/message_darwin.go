package poll

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	arrivalOption = unix.IP_RECVPKTINFO // the socket option
	sourceMessage = unix.IP_PKTINFO     // the control message that sets the source address
)

// parseIPv4Arrival reads a control message of IPPROTO_IP.
func parseIPv4Arrival(a *Arrival, kind int, data []byte) {
	if kind != unix.IP_PKTINFO || len(data) < unix.SizeofInet4Pktinfo {
		return
	}
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
	a.To, a.Interface = netip.AddrFrom4(info.Addr), int(info.Ifindex)
	if !a.To.IsMulticast() && !isLimitedBroadcast(a.To) {
		a.Source = a.To
	}
}

// putIPv4Source writes the content of a control message and returns its length.
func putIPv4Source(p []byte, source [4]byte) int {
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&p[0]))
	*info = unix.Inet4Pktinfo{Spec_dst: source}
	return unix.SizeofInet4Pktinfo
}
