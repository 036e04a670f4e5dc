package reactor

import (
	"cmp"
	"os"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// Sockets are options of the sockets that a manager makes. The zero value is the default.
type Sockets struct {
	// ReusePort lets several sockets listen on one address (SO_REUSEPORT), for example one
	// for each manager of a program. The kernel distributes connections over them.
	ReusePort bool
	// Backlog is how many connections may wait to be accepted. 0 means as many as the
	// system allows.
	Backlog int
	// Delay leaves Nagle's algorithm on. It is off by default, because the loop writes all
	// bytes of a turn in one call.
	Delay bool
	// KeepAlive is how long a TCP connection must be silent before the kernel probes whether
	// its peer still exists. It is rounded up to whole seconds, 32,767 at most. The default is
	// DefaultKeepAlive, 60 s. A negative value turns the probes off.
	//
	// The kernel then sends a probe every 15 s. If four are not answered, the connection fails.
	// So a quiet connection whose peer has vanished ends after two minutes, and costs neither
	// memory nor pings until then. OpenBSD ignores the times and uses the system's.
	KeepAlive time.Duration
}

const (
	maxKeepAlive      = 32767 * time.Second // the longest time that Linux accepts [tcp(7), TCP_KEEPIDLE]
	keepAliveInterval = 15 * time.Second    // between two probes
	keepAliveProbes   = 4                   // how many may stay unanswered
)

// WithSockets sets the options of the manager's sockets.
func WithSockets(s Sockets) Option { return func(m *Manager) { m.sockets = s } }

// newSocket makes a non-blocking socket and sets its TCP options. On all supported systems,
// accepted connections inherit the options of their listener.
func (m *Manager) newSocket(family, kind int) (int, error) {
	fd, err := poll.Socket(family, kind)
	if err != nil {
		return -1, err
	}
	if kind != unix.SOCK_STREAM || family == unix.AF_UNIX {
		return fd, nil
	}
	if err := m.setTCPOptions(fd); err != nil {
		poll.Close(fd)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return fd, nil
}

// setTCPOptions sets the options of a TCP socket. Connections that the socket accepts inherit them.
func (m *Manager) setTCPOptions(fd int) (err error) {
	if !m.sockets.Delay {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if idle := min(cmp.Or(m.sockets.KeepAlive, DefaultKeepAlive), maxKeepAlive); idle > 0 && err == nil {
		err = setKeepAlive(fd, idle)
	}
	return err
}

// setKeepAlive turns keep-alive probes on.
func setKeepAlive(fd int, idle time.Duration) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	if poll.KeepAliveIdle == 0 {
		return err
	}
	idle = (idle + time.Second - 1).Truncate(time.Second)
	for _, o := range [...]struct{ name, value int }{
		{poll.KeepAliveIdle, int(idle / poll.KeepAliveUnit)},
		{poll.KeepAliveInterval, int(keepAliveInterval / poll.KeepAliveUnit)},
		{poll.KeepAliveProbes, keepAliveProbes},
	} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o.name, o.value)
		}
	}
	return err
}

// setListenerOptions sets the options that must be set before the socket is bound. It returns
// errNoDualStack if dual is true and the system has no dual-stack sockets.
func (m *Manager) setListenerOptions(fd, family, kind int, dual bool) error {
	type option struct{ level, name, value int }
	var options []option
	if kind == unix.SOCK_STREAM && family != unix.AF_UNIX { // old connections in TIME_WAIT must not prevent the bind
		options = append(options, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	if m.sockets.ReusePort && family != unix.AF_UNIX {
		options = append(options, option{unix.SOL_SOCKET, poll.ReusePort, 1})
	}
	if family == unix.AF_INET6 {
		v6only := 1
		if dual {
			v6only = 0
		}
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only})
	}
	for _, o := range options {
		err := unix.SetsockoptInt(fd, o.level, o.name, o.value)
		if err != nil && dual && o.name == unix.IPV6_V6ONLY {
			return errNoDualStack
		}
		if err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// listenOn binds fd to sa. If fd is a stream socket, it also listens.
func (m *Manager) listenOn(fd int, sa unix.Sockaddr, kind int) error {
	if err := unix.Bind(fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if kind != unix.SOCK_STREAM {
		return nil
	}
	backlog := m.sockets.Backlog
	if backlog <= 0 || backlog > 1<<15-1 {
		backlog = 1<<15 - 1 // the system reduces it to its limit
	}
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}
