package reactor

import (
	"cmp"
	"errors"
	"net/netip"
	"os"
	"syscall"
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
	// Control is called with each socket that Connect and Listen make, after the options above are
	// set and before the socket is bound or connected, as in net.Dialer and net.ListenConfig. It
	// may set other options, such as a receive buffer, a mark, or a device. Nil means none.
	//
	// network is "tcp4", "tcp6", "udp4", "udp6" or "unix", and address is the host and port, or the
	// path. c.Control gives the descriptor, which is valid until Control returns. c.Read and
	// c.Write return an error. If Control returns an error, Listen fails with it, and a client's
	// attempt fails with it. Accepted connections inherit most options from their listener.
	//
	// With IP_RECVERR or SO_TIMESTAMPING on a socket of UDP, the loop empties its error queue.
	Control func(network, address string, c syscall.RawConn) error
}

const (
	maxKeepAlive      = 32767 * time.Second // the longest time that Linux accepts [tcp(7), TCP_KEEPIDLE]
	keepAliveInterval = 15 * time.Second    // between two probes
	keepAliveProbes   = 4                   // how many may stay unanswered
)

// WithSockets sets the options of the manager's sockets.
func WithSockets(s Sockets) Option { return func(m *Manager) { m.sockets = s } }

// newSocket makes a non-blocking socket. It sets the options of TCP. It lets UDP send to
// broadcast addresses, and hear its own multicast groups only. On all supported systems, accepted
// connections inherit the options of their listener.
func (m *Manager) newSocket(family, kind int) (int, error) {
	fd, err := poll.Socket(family, kind)
	if err != nil {
		return -1, err
	}
	switch {
	case family == unix.AF_UNIX:
	case kind == unix.SOCK_STREAM:
		err = os.NewSyscallError("setsockopt", m.setTCPOptions(fd))
	default:
		err = poll.SetBroadcast(fd)
		poll.OnlyOwnGroups(fd, family == unix.AF_INET6)
	}
	if err != nil {
		poll.Close(fd)
		return -1, err
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
// errNoDualStack if dual is true and the system has no dual-stack sockets. If group is true, the
// socket shares its port with others that listen on a multicast group.
func (m *Manager) setListenerOptions(fd, family, kind int, dual, group bool) error {
	type option struct{ level, name, value int }
	var options []option
	if group || kind == unix.SOCK_STREAM && family != unix.AF_UNIX { // old connections in TIME_WAIT must not prevent the bind
		options = append(options, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	if group && !poll.BindsToGroup { // the BSDs share the port of a group with this option only
		options = append(options, option{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
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

// controlSocket calls Sockets.Control for a socket of an IP network, "tcp" or "udp".
func (m *Manager) controlSocket(fd int, network string, addr netip.AddrPort) error {
	if m.sockets.Control == nil {
		return nil
	}
	version := "4"
	if addr.Addr().Is6() {
		version = "6"
	}
	return m.control(fd, network+version, addr.String())
}

// controlListener calls Sockets.Control for a socket that is to be bound to sa.
func (m *Manager) controlListener(fd int, sa unix.Sockaddr, kind int) error {
	if sa, ok := sa.(*unix.SockaddrUnix); ok {
		return m.control(fd, "unix", sa.Name)
	}
	if kind == unix.SOCK_DGRAM {
		return m.controlSocket(fd, "udp", poll.AddrPort(sa))
	}
	return m.controlSocket(fd, "tcp", poll.AddrPort(sa))
}

// control calls Sockets.Control.
func (m *Manager) control(fd int, network, address string) error {
	if m.sockets.Control == nil {
		return nil
	}
	raw := &rawSocket{fd: fd}
	defer func() { raw.fd = -1 }()
	return m.sockets.Control(network, address, raw)
}

// rawSocket is the syscall.RawConn of a socket that is not connected yet.
type rawSocket struct{ fd int } // -1 after Sockets.Control has returned

func (s *rawSocket) Control(f func(fd uintptr)) error {
	if s.fd < 0 {
		return ErrClosed
	}
	f(uintptr(s.fd))
	return nil
}

var errRawSocket = errors.New("reactor: Sockets.Control: the socket is not connected, only Control can be used")

func (*rawSocket) Read(func(fd uintptr) bool) error  { return errRawSocket }
func (*rawSocket) Write(func(fd uintptr) bool) error { return errRawSocket }
