package poll

import (
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The descriptors of the loop never block. So the calls of the hot path are raw system calls,
// which do not tell Go's scheduler that they might block.

// Read reads from a descriptor of any kind.
func Read(fd int, p []byte) (int, error) { return transfer(unix.SYS_READ, fd, p, 0) }

// Write writes to a descriptor of any kind.
func Write(fd int, p []byte) (int, error) { return transfer(unix.SYS_WRITE, fd, p, 0) }

// Recv reads from a socket. In the kernel, recvfrom takes fewer steps to a socket than read.
func Recv(fd int, p []byte) (int, error) { return transfer(unix.SYS_RECVFROM, fd, p, 0) }

// Peek reads from a socket as Recv does. The bytes stay in the socket.
func Peek(fd int, p []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, p, unix.MSG_PEEK)
}

// Send writes to a socket with sendto, which takes fewer steps than write.
func Send(fd int, p []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL)
}

// transfer makes a system call that reads into p or writes p. It returns the number of bytes. The
// flags are for recvfrom and sendto. The calls read and write ignore them.
func transfer(call uintptr, fd int, p []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Accept accepts a connection and returns its descriptor and the peer's address. The address is the
// zero AddrPort if the peer has no IP address.
func Accept(fd int) (int, netip.AddrPort, error) {
	var raw unix.RawSockaddrAny
	for {
		size := uint32(unix.SizeofSockaddrAny)
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd),
			uintptr(unsafe.Pointer(&raw)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(n), rawAddrPort(&raw), nil
		case unix.EINTR:
		default:
			return -1, netip.AddrPort{}, errno
		}
	}
}

// RecvFrom receives one datagram and returns its length and sender. Bytes that do not fit into p
// are lost.
func RecvFrom(fd int, p []byte) (int, netip.AddrPort, error) {
	var raw unix.RawSockaddrAny
	for {
		size := uint32(unix.SizeofSockaddrAny)
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0,
			uintptr(unsafe.Pointer(&raw)), uintptr(unsafe.Pointer(&size)))
		switch errno {
		case 0:
			return int(n), rawAddrPort(&raw), nil
		case unix.EINTR:
		default:
			return 0, netip.AddrPort{}, errno
		}
	}
}

// SendTo sends one datagram to an address. The zero AddrPort means the peer that the socket is
// connected to.
func SendTo(fd int, p []byte, to netip.AddrPort) error {
	var raw unix.RawSockaddrInet6
	var name unsafe.Pointer
	size := 0
	if to.IsValid() {
		name, size = unsafe.Pointer(&raw), putSockaddr(&raw, to)
	}
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
			unix.MSG_NOSIGNAL, uintptr(name), uintptr(size))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// rawAddrPort is AddrPort for the kernel's form of an address.
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

// putSockaddr writes the kernel's form of a to raw and returns its size. An IPv4 address fits
// into the memory of an IPv6 address.
func putSockaddr(raw *unix.RawSockaddrInet6, a netip.AddrPort) int {
	port := swap16(a.Port())
	if a.Addr().Is4() {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: a.Addr().As4()}
		return unix.SizeofSockaddrInet4
	}
	*raw = unix.RawSockaddrInet6{
		Family:   unix.AF_INET6,
		Port:     port,
		Addr:     a.Addr().As16(),
		Scope_id: zoneID(a.Addr().Zone()),
	}
	return unix.SizeofSockaddrInet6
}

// swap16 converts a port between the host's and the network's byte order.
func swap16(v uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&v))
	return uint16(b[0])<<8 | uint16(b[1])
}

// HasQuickAck is true: QuickAck does something on this system.
const HasQuickAck = true

// QuickAck sends the acknowledgement that TCP delays for fd, and disables the delay for the next
// segments. The kernel enables the delay again when it chooses to [tcp(7), TCP_QUICKACK].
func QuickAck(fd int) error {
	on := int32(1)
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP,
		unix.TCP_QUICKACK, uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
	if errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	return nil
}

// Pending returns how many unread bytes a socket, a pipe or a terminal holds. For a datagram
// socket it is the size of the next datagram.
func Pending(fd int) (int, error) {
	var n int32
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd),
		unix.TIOCINQ, // another name of FIONREAD
		uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0, os.NewSyscallError("ioctl", errno)
	}
	return int(n), nil
}

// The names that differ between systems.
const (
	// ReusePort is the socket option that lets several sockets listen on one address.
	ReusePort = unix.SO_REUSEPORT
	// KeepAliveIdle is the TCP option for the idle time before the first keep-alive probe. It
	// is 0 where that time cannot be set per socket.
	KeepAliveIdle = unix.TCP_KEEPIDLE
	// KeepAliveInterval is the TCP option for the time between two probes, and KeepAliveProbes
	// that for the number of probes. They are 0 where KeepAliveIdle is.
	KeepAliveInterval = unix.TCP_KEEPINTVL
	KeepAliveProbes   = unix.TCP_KEEPCNT
	// KeepAliveUnit is the unit of the two times.
	KeepAliveUnit = time.Second
)

// Socket makes a socket of a family (AF_INET, ...) and a type (SOCK_STREAM, ...).
func Socket(family, kind int) (int, error) {
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}
