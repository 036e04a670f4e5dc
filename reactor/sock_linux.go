package reactor

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The descriptors of the loop never block, so the calls of the hot path are
// made without telling Go's scheduler that they might.

func readFD(fd int, p []byte) (int, error)  { return transfer(unix.SYS_READ, fd, p, 0) }
func writeFD(fd int, p []byte) (int, error) { return transfer(unix.SYS_WRITE, fd, p, 0) }

// readSocket and writeSocket are for sockets only. The kernel comes to a socket by
// fewer steps than through the files' calls.

func readSocket(fd int, p []byte) (int, error) { return transfer(unix.SYS_RECVFROM, fd, p, 0) }
func writeSocket(fd int, p []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL)
}

// transfer makes a system call about p. Those that take no flags ignore them.
func transfer(call uintptr, fd int, p []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// acceptFD returns the zero AddrPort for other than IP.
func acceptFD(fd int) (int, netip.AddrPort, error) {
	var raw unix.RawSockaddrAny
	for {
		size := uint32(unix.SizeofSockaddrAny)
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&raw)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(n), rawAddrPort(&raw), nil
		case unix.EINTR:
		default:
			return -1, netip.AddrPort{}, errno
		}
	}
}

func recvFrom(fd int, p []byte) (int, netip.AddrPort, error) {
	var raw unix.RawSockaddrAny
	for {
		size := uint32(unix.SizeofSockaddrAny)
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), 0, uintptr(unsafe.Pointer(&raw)), uintptr(unsafe.Pointer(&size)))
		switch errno {
		case 0:
			return int(n), rawAddrPort(&raw), nil
		case unix.EINTR:
		default:
			return 0, netip.AddrPort{}, errno
		}
	}
}

// sendTo sends to the peer that the socket is connected to if to is the zero
// AddrPort.
func sendTo(fd int, p []byte, to netip.AddrPort) error {
	var raw unix.RawSockaddrInet6
	var name unsafe.Pointer
	size := 0
	if to.IsValid() {
		name, size = unsafe.Pointer(&raw), putSockaddr(&raw, to)
	}
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), unix.MSG_NOSIGNAL, uintptr(name), uintptr(size))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func rawAddrPort(raw *unix.RawSockaddrAny) netip.AddrPort {
	switch raw.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), swap16(sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(raw))
		return inet6(sa.Addr, swap16(sa.Port), sa.Scope_id)
	}
	return netip.AddrPort{}
}

// putSockaddr writes the kernel's form of a and returns its size. An
// IPv4 address fits into the memory of the other.
func putSockaddr(raw *unix.RawSockaddrInet6, a netip.AddrPort) int {
	if a.Addr().Is4() {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap16(a.Port()), Addr: a.Addr().As4()}
		return unix.SizeofSockaddrInet4
	}
	*raw = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap16(a.Port()), Addr: a.Addr().As16(), Scope_id: zoneID(a.Addr().Zone())}
	return unix.SizeofSockaddrInet6
}

// swap16 converts between the host's and the network's byte order.
func swap16(v uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&v))
	return uint16(b[0])<<8 | uint16(b[1])
}

// What the systems call differently. keepAliveIdle is 0 where the time cannot be
// set per socket.
const (
	reusePort     = unix.SO_REUSEPORT
	keepAliveIdle = unix.TCP_KEEPIDLE
)

func socket(family, kind int) (int, error) {
	return unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// newBell makes an eventfd: one descriptor for both ends.
func newBell() (bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return bell{}, sysErr("eventfd", err)
	}
	return bell{reads: fd, rings: fd}, nil
}
