//go:build unix

package reactor

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// What is the same on every system. Descriptors are close-on-exec and
// non-blocking from birth; where the kernel cannot do that in one step, fork is
// held off meanwhile.

// errAgain is what a read, write or accept says that would have blocked.
const errAgain = unix.EAGAIN

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// sockaddr converts for bind and connect.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zoneID(a.Addr().Zone())}
}

// addrPort converts what the kernel says; the zero AddrPort for other than IP.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return inet6(sa.Addr, uint16(sa.Port), sa.ZoneId)
	}
	return netip.AddrPort{}
}

// inet6 unmaps IPv4 peers of a dual-stack listener.
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

func localAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// connect starts to connect; done says whether that is all.
func connect(fd int, sa unix.Sockaddr) (done bool, err error) {
	switch err := unix.Connect(fd, sa); err {
	case nil:
		return true, nil
	case unix.EINPROGRESS, unix.EINTR: // an interrupted connect goes on by itself
		return false, nil
	default:
		return false, sysErr("connect", err)
	}
}

// connectResult says how a connect that was in progress ended.
func connectResult(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return sysErr("getsockopt", err)
	}
	if errno != 0 {
		return sysErr("connect", syscall.Errno(errno))
	}
	return nil
}

// shutdownFD ends the sending side; it says whether there was one to end.
func shutdownFD(fd int) bool { return unix.Shutdown(fd, unix.SHUT_WR) == nil }

func closeFD(fd int) { unix.Close(fd) }

// prepareFD makes fd fit for the loop.
func prepareFD(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return sysErr("setnonblock", err)
	}
	unix.CloseOnExec(fd)
	return nil
}
