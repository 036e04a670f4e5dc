package reactor

import (
	"time"

	"github.com/rikki-go/rikki/reactor/internal/poll"
	"golang.org/x/sys/unix"
)

// Sockets are settings of the sockets that a manager makes.
type Sockets struct {
	// ReusePort lets several sockets listen on one address, each on a manager
	// of its own; the kernel spreads connections over them.
	ReusePort bool
	// Backlog is how many connections may wait to be accepted; 0 means as many
	// as the system allows.
	Backlog int
	// Delay leaves Nagle's algorithm on. It is off otherwise, because the loop
	// writes once per turn what there is.
	Delay bool
	// KeepAlive is how long a TCP connection is silent before the kernel probes
	// whether its peer is still there, in whole seconds, 32,767 at the most; 0
	// leaves that off.
	KeepAlive time.Duration
}

// maxKeepAlive is the most that Linux takes, tcp(7).
const maxKeepAlive = 32767 * time.Second

// WithSockets sets them; the default is the zero value.
func WithSockets(s Sockets) Option { return func(m *Manager) { m.sockets = s } }

// newSocket makes a socket. What is set on a listener holds for those that it
// accepts, on all systems that this package knows.
func (m *Manager) newSocket(family, kind int) (int, error) {
	fd, err := poll.Socket(family, kind)
	if err != nil {
		return -1, err
	}
	if kind != unix.SOCK_STREAM || family == unix.AF_UNIX {
		return fd, nil
	}
	if err := m.tune(fd); err != nil {
		poll.Close(fd)
		return -1, sysErr("setsockopt", err)
	}
	return fd, nil
}

// tune sets the options of a TCP socket, which those that it accepts inherit.
func (m *Manager) tune(fd int) (err error) {
	if !m.sockets.Delay {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if d := min(m.sockets.KeepAlive, maxKeepAlive); d > 0 && err == nil {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err == nil && poll.KeepAliveIdle != 0 {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, poll.KeepAliveIdle, int((d+time.Second-1)/time.Second))
		}
	}
	return err
}

// prepareListener sets what must be set before the socket is bound.
func (m *Manager) prepareListener(fd, family, kind int, dual bool) error {
	type option struct{ level, name, value int }
	var options []option
	if kind == unix.SOCK_STREAM && family != unix.AF_UNIX { // not held up by TIME_WAIT
		options = append(options, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	if m.sockets.ReusePort && family != unix.AF_UNIX {
		options = append(options, option{unix.SOL_SOCKET, poll.ReusePort, 1})
	}
	if family == unix.AF_INET6 {
		only := 1
		if dual {
			only = 0
		}
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only})
	}
	for _, o := range options {
		err := unix.SetsockoptInt(fd, o.level, o.name, o.value)
		if err != nil && dual && o.name == unix.IPV6_V6ONLY {
			return errNoDual
		}
		if err != nil {
			return sysErr("setsockopt", err)
		}
	}
	return nil
}

// listenOn binds fd, and listens if it is a stream's.
func (m *Manager) listenOn(fd int, sa unix.Sockaddr, kind int) error {
	if err := unix.Bind(fd, sa); err != nil {
		return sysErr("bind", err)
	}
	if kind != unix.SOCK_STREAM {
		return nil
	}
	backlog := m.sockets.Backlog
	if backlog <= 0 || backlog > 1<<15-1 {
		backlog = 1<<15 - 1 // the system cuts it to what it allows
	}
	return sysErr("listen", unix.Listen(fd, backlog))
}
