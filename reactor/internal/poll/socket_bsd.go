//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poll

import (
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Read reads from a descriptor of any kind.
func Read(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Write writes to a descriptor of any kind.
func Write(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Recv reads from a socket.
func Recv(fd int, p []byte) (int, error) { return Read(fd, p) }

// Peek reads from a socket. The bytes stay in the socket.
func Peek(fd int, p []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, p, unix.MSG_PEEK)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Send writes to a socket.
func Send(fd int, p []byte) (int, error) { return Write(fd, p) }

// Accept accepts a connection and returns its descriptor and the peer's address. The address is the
// zero AddrPort if the peer has no IP address.
func Accept(fd int) (int, netip.AddrPort, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for {
		n, sa, err := unix.Accept(fd)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, netip.AddrPort{}, err
		}
		if err := setNonblockCloexec(n); err != nil {
			return -1, netip.AddrPort{}, err
		}
		return n, AddrPort(sa), nil
	}
}

// RecvFrom receives one datagram and returns its length and sender. Bytes that do not fit into p
// are lost.
func RecvFrom(fd int, p []byte) (int, netip.AddrPort, error) {
	for {
		n, sa, err := unix.Recvfrom(fd, p, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		return n, AddrPort(sa), nil
	}
}

// SendTo sends one datagram to an address. The zero AddrPort means the peer that the socket is
// connected to.
func SendTo(fd int, p []byte, to netip.AddrPort) error {
	for {
		var err error
		if to.IsValid() {
			err = unix.Sendto(fd, p, 0, Sockaddr(to))
		} else {
			_, err = unix.Write(fd, p)
		}
		if err != unix.EINTR {
			return err
		}
	}
}

// Socket makes a socket of a family (AF_INET, ...) and a type (SOCK_STREAM, ...).
func Socket(family, kind int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, kind, 0)
	if err == nil {
		err = setNonblockCloexec(fd)
	}
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return fd, nil
}

// setNonblockCloexec makes fd non-blocking and close-on-exec. If that fails, it closes fd.
func setNonblockCloexec(fd int) error {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	return nil
}

// HasQuickAck is false: QuickAck does nothing.
const HasQuickAck = false

// QuickAck does nothing. These systems have no option that disables delayed acknowledgements for
// one socket. TCP_SENDMOREACKS of macOS sets how many segments one acknowledgement covers.
// TCP_DELACK of FreeBSD is only for TCP stacks other than its default.
func QuickAck(int) error { return nil }

// fionRead is FIONREAD. It is _IOR('f', 127, int) on all of these systems.
const fionRead = 0x4004667f

// Pending returns how many unread bytes a socket, a pipe or a terminal holds.
func Pending(fd int) (int, error) {
	n, err := unix.IoctlGetInt(fd, fionRead)
	return n, os.NewSyscallError("ioctl", err)
}
