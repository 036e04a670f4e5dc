//go:build unix

package poll

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The calls that are the same on every system. Descriptors are close-on-exec and non-blocking
// from the start. Where the kernel cannot do that in one step, fork is held off meanwhile.
//
// Read, Write, Recv, Send, RecvFrom, SendTo and Accept return the bare errno. The caller adds
// the call's name.

// ErrAgain is returned by reads, writes and accepts that would have blocked.
const ErrAgain = unix.EAGAIN

// Family returns the address family of an IP address.
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

// AddrPort converts an address that the kernel returned. It is the zero AddrPort if that is
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

// inet6 unmaps the IPv4 peers of a dual-stack listener.
func inet6(ip [16]byte, port uint16, zone uint32) netip.AddrPort {
	a := netip.AddrFrom16(ip).Unmap()
	if zone != 0 && a.Is6() {
		a = a.WithZone(zoneName(zone))
	}
	return netip.AddrPortFrom(a, port)
}

func zoneID(name string) uint32 {
	if name == "" {
		return 0
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(name, 10, 32)
	return uint32(n)
}

func zoneName(id uint32) string {
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(id), 10)
}

// LocalAddr returns the address that a socket is bound to. It is the zero AddrPort if that is
// not an IP address, or if fd is no socket.
func LocalAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return AddrPort(sa)
}

// SocketType returns SOCK_STREAM, SOCK_DGRAM or another type of socket.
func SocketType(fd int) (int, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return kind, os.NewSyscallError("getsockopt", err)
}

// IsListening reports whether fd is a socket that accepts connections.
func IsListening(fd int) bool {
	on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && on != 0
}

// Connect begins to connect a socket. It returns true if the socket is connected already. If it
// returns false and no error, the socket becomes writable when ConnectResult has the result.
func Connect(fd int, sa unix.Sockaddr) (done bool, err error) {
	switch err := unix.Connect(fd, sa); err {
	case nil:
		return true, nil
	case unix.EINPROGRESS, unix.EINTR: // an interrupted connect goes on by itself
		return false, nil
	default:
		return false, os.NewSyscallError("connect", err)
	}
}

// ConnectResult returns the error with which a connect ended that was in progress.
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

// Shutdown ends the sending side of a connection. It returns false if there is none to end.
func Shutdown(fd int) bool { return unix.Shutdown(fd, unix.SHUT_WR) == nil }

// Close closes a descriptor of any kind.
func Close(fd int) { unix.Close(fd) }

// ResetOnClose makes the closing of a TCP socket a reset: what was not sent yet is discarded,
// and the peer's reads fail. On other sockets it does nothing.
func ResetOnClose(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// ReceiveBuffer returns how many bytes a socket's receive buffer holds at most, 0 if that
// cannot be told.
func ReceiveBuffer(fd int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n
}

// IsReadable reports whether a descriptor has bytes, or an end, to be read.
func IsReadable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// Prepare makes a descriptor that comes from elsewhere non-blocking and close-on-exec.
func Prepare(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("setnonblock", err)
	}
	unix.CloseOnExec(fd)
	return nil
}
