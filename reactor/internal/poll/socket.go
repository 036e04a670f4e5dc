//go:build unix

package poll

import (
	"math"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// The calls that are the same on every system. All descriptors are close-on-exec and
// non-blocking from the start. Where the kernel cannot set this when it makes the descriptor,
// syscall.ForkLock prevents a fork in between.
//
// Read, Write, Recv, Send, RecvFrom, SendTo, RecvMsg, SendMsg and Accept return the bare errno. The
// caller adds the name of the call. If a signal interrupts the system call, these functions
// repeat it.

// ErrAgain is returned by reads, writes and accepts that would have blocked.
const ErrAgain = unix.EAGAIN

// Family returns the address family of an IP address: AF_INET or AF_INET6.
func Family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// Sockaddr converts an address for bind and connect.
func Sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{
		Port:   int(a.Port()),
		Addr:   a.Addr().As16(),
		ZoneId: zoneID(a.Addr().Zone()),
	}
}

// AddrPort converts an address that the kernel returned. It returns the zero AddrPort if sa is
// not an IP address.
func AddrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return inet6(sa.Addr, uint16(sa.Port), sa.ZoneId)
	}
	return netip.AddrPort{}
}

// inet6 converts an IPv6 address. It unmaps IPv4-mapped addresses, which are the IPv4 peers of a
// dual-stack listener.
func inet6(ip [16]byte, port uint16, zone uint32) netip.AddrPort {
	a := netip.AddrFrom16(ip).Unmap()
	if zone != 0 && a.Is6() {
		a = a.WithZone(zoneName(zone))
	}
	return netip.AddrPortFrom(a, port)
}

// LocalAddr returns the address that a socket is bound to. It returns the zero AddrPort if that
// is not an IP address, or if fd is not a socket.
func LocalAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return AddrPort(sa)
}

// LocalName returns the path that a UNIX-domain socket is bound to. It returns "" if there is
// none, or if fd is another socket or not a socket. A name in Linux's abstract namespace begins
// with "@".
func LocalName(fd int) string { return unixName(unix.Getsockname(fd)) }

// RemoteName returns the path that the peer of a UNIX-domain socket is bound to. It returns "" in
// the cases in which LocalName does, and if the socket is not connected.
func RemoteName(fd int) string { return unixName(unix.Getpeername(fd)) }

// unixName returns the path in an address of a UNIX-domain socket, or "".
func unixName(sa unix.Sockaddr, err error) string {
	// x/sys names an unnamed socket "@" on Linux.
	if sa, ok := sa.(*unix.SockaddrUnix); ok && err == nil && sa.Name != "@" {
		return sa.Name
	}
	return ""
}

// SocketType returns the type of a socket: SOCK_STREAM, SOCK_DGRAM or another one. The error wraps
// ENOTSOCK if fd is not a socket.
func SocketType(fd int) (int, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return kind, os.NewSyscallError("getsockopt", err)
}

// IsListening reports whether fd is a socket that accepts connections.
func IsListening(fd int) bool {
	on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && on != 0
}

// Connect begins to connect a socket. If done is true, the socket is connected. If done is false
// and there is no error, the socket becomes writable when ConnectResult has the result.
func Connect(fd int, sa unix.Sockaddr) (done bool, err error) {
	switch err := unix.Connect(fd, sa); err {
	case nil:
		return true, nil
	case unix.EINPROGRESS, unix.EINTR: // the kernel continues an interrupted connect
		return false, nil
	default:
		return false, os.NewSyscallError("connect", err)
	}
}

// ConnectResult returns the error with which a connect in progress has ended, or nil.
func ConnectResult(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if errno != 0 {
		return os.NewSyscallError("connect", syscall.Errno(errno))
	}
	return nil
}

// Shutdown ends the sending side of a socket. It returns false if that is not possible, for
// example because fd is a pipe.
func Shutdown(fd int) bool { return unix.Shutdown(fd, unix.SHUT_WR) == nil }

// Close closes a descriptor of any kind. It reports no error.
func Close(fd int) { unix.Close(fd) }

// ResetOnClose makes Close reset a TCP connection. The kernel then discards bytes that it has not
// sent yet, and the peer's reads fail. On other sockets ResetOnClose has no effect.
func ResetOnClose(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// ReceiveBuffer returns the size of a socket's receive buffer in bytes, 0 if it is not known.
func ReceiveBuffer(fd int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n
}

// IsReadable reports whether a read would return bytes, an end of stream or an error.
func IsReadable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// MaxDescriptors returns how many descriptors the process may have now. All their numbers are
// lower.
func MaxDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)) // signed on some systems, or without limit
}

// Renumber gives a descriptor that is in no poller's set the lowest number that is free, if that is
// lower than its own. It returns the number.
func Renumber(fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	switch {
	case err != nil:
		return fd
	case n > fd:
		Close(n)
		return fd
	}
	Close(fd)
	return n
}

// SetNonblockCloexec makes a descriptor of the program non-blocking and close-on-exec.
func SetNonblockCloexec(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("setnonblock", err)
	}
	unix.CloseOnExec(fd)
	return nil
}
