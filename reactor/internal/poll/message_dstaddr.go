//go:build dragonfly || freebsd || netbsd || openbsd

package poll

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	arrivalOption = unix.IP_RECVDSTADDR // the socket option
	// sourceMessage is IP_SENDSRCADDR, the control message that sets the source address. It has
	// the number of IP_RECVDSTADDR. A system that does not know it returns EINVAL.
	sourceMessage = unix.IP_RECVDSTADDR
)

// parseIPv4Arrival reads a control message of IPPROTO_IP.
func parseIPv4Arrival(a *Arrival, kind int, data []byte) {
	if kind != unix.IP_RECVDSTADDR || len(data) < 4 {
		return
	}
	a.To = netip.AddrFrom4([4]byte(data))
	if !a.To.IsMulticast() && !isLimitedBroadcast(a.To) {
		a.Source = a.To
	}
}

// putIPv4Source writes the content of a control message and returns its length.
func putIPv4Source(p []byte, source [4]byte) int { return copy(p, source[:]) }
