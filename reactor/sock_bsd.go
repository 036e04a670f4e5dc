//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

func readFD(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func writeFD(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// To a socket nothing is shorter here.

func readSocket(fd int, p []byte) (int, error) { return readFD(fd, p) }

func writeSocket(fd int, p []byte) (int, error) { return writeFD(fd, p) }

func acceptFD(fd int) (int, netip.AddrPort, error) {
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
		if err := prepare(n); err != nil {
			return -1, netip.AddrPort{}, err
		}
		return n, addrPort(sa), nil
	}
}

func recvFrom(fd int, p []byte) (int, netip.AddrPort, error) {
	for {
		n, sa, err := unix.Recvfrom(fd, p, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		return n, addrPort(sa), nil
	}
}

func sendTo(fd int, p []byte, to netip.AddrPort) error {
	for {
		var err error
		if to.IsValid() {
			err = unix.Sendto(fd, p, 0, sockaddr(to))
		} else {
			_, err = unix.Write(fd, p)
		}
		if err != unix.EINTR {
			return err
		}
	}
}

func socket(family, kind int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return -1, err
	}
	return fd, prepare(fd)
}

// prepare closes fd if it cannot be made fit for the loop.
func prepare(fd int) error {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	return nil
}

// newBell makes a pipe: not all of these systems have kqueue's user events.
func newBell() (bell, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return bell{}, sysErr("pipe", err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return bell{}, sysErr("setnonblock", err)
		}
	}
	return bell{reads: p[0], rings: p[1]}, nil
}
