package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// socketKind is what a URL's scheme says about the socket.
type socketKind struct {
	network  string // "tcp", "udp" or "unix"
	sockType int    // SOCK_STREAM or SOCK_DGRAM
	tls      bool   // tls://
}

// parseSocket parses the URLs of Connect and Listen: tcp://host:port, tls://host:port,
// udp://host:port and unix:///path.
func parseSocket(rawURL string) (URL, socketKind, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return u, socketKind{}, err
	}
	bad := func(why string) (URL, socketKind, error) {
		return u, socketKind{}, fmt.Errorf("reactor: bad URL %q: %s", u.Redacted(), why)
	}
	t := socketKind{u.Scheme, unix.SOCK_STREAM, false}
	switch u.Scheme {
	case "tcp", "unix":
	case "udp":
		t.sockType = unix.SOCK_DGRAM
	case "tls":
		t.network, t.tls = "tcp", true
	default:
		return bad("unknown scheme " + u.Scheme + " (want tcp, tls, udp or unix)")
	}
	switch {
	case u.RawQuery != "":
		return bad("a " + u.Scheme + " URL takes no query")
	case u.Scheme != "unix" && !u.HasPort:
		return bad("no port (want " + u.Scheme + "://host:port)")
	case u.Scheme != "unix" && u.Path != "" && u.Path != "/":
		return bad("a " + u.Scheme + " URL takes no path")
	case u.User != "" || u.HasPassword:
		return bad("a " + u.Scheme + " URL takes no user")
	}
	return u, t, nil
}

// newConn makes a connection and adds it to the manager. No event is raised yet.
func (m *Manager) newConn(fd int, r role, fn Handler, fnData any) *Conn {
	m.lastID++
	c := &Conn{Fn: fn, FnData: fnData, mgr: m, id: m.lastID, fd: int32(fd), role: r}
	c.Send.owner = c
	m.conns.add(c)
	m.stats.Opened++
	return c
}

// Connect makes a connection to tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. It returns an error if the URL is bad. Everything else happens in Poll, which
// raises EvOpen, EvResolve (not for unix) and EvConnect, or EvError and EvClose. With tls://,
// EvTLSHS follows EvConnect, see StartTLS. Bytes written before EvConnect are sent after it.
//
// A udp connection has one peer, and an ICMP message from it, such as "port unreachable", is
// EvError. If the host is a multicast group or a broadcast address, the socket hears all
// peers that answer. Then RemoteAddr is the sender of the last datagram, Write goes to
// the URL's address, and WriteTo to any other.
//
// Connect calls no handler. The error is ErrClosed after Close or Drain, and ErrPanicked
// after a handler's panic.
func (m *Manager) Connect(url string, fn Handler, fnData any) (*Conn, error) {
	if err := m.newConnError(); err != nil {
		return nil, err
	}
	u, t, err := parseSocket(url)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "unix" && (u.Host == "" || u.Port == 0) {
		return nil, fmt.Errorf("reactor: bad URL %q: want a host and a port other than 0 to connect to", u.Redacted())
	}
	c := m.newConn(-1, roleClient, fn, fnData)
	c.extra().dial = &dialer{c: c, socketKind: t, url: u, target: u}
	c.setSendThreshold()
	if d := newMessageTransport(c, t.sockType); d != nil {
		c.ext.transport = d
	}
	if t.tls {
		c.useTLS()
	}
	m.newConns.add(c)
	return c, nil
}

// Listen makes a listener on tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. It returns an error if the URL is bad or if the address cannot be bound.
//
//	host        an IP address, or localhost for 127.0.0.1; empty for all interfaces,
//	            IPv6 and IPv4
//	port 0      the system chooses a port, see LocalAddr
//	unix path   must not exist yet; it is removed just before EvClose, unless another
//	            file has taken its place
//
// Accepted connections inherit fn and fnData, and each layer that implements Acceptor makes
// one for them. Each connection begins with EvOpen and EvAccept. A udp listener has one Conn
// for all its peers. A tls:// listener needs a Config: call StartTLS on the listener, or on
// each connection at EvAccept.
//
// A udp listener answers from the address that it was asked at, also if its host is empty, 0.0.0.0
// or [::]. If the host is a multicast group, other sockets may listen on the same address. The
// listener gets what is sent to the group after JoinGroup. On macOS and the BSDs such a listener is
// bound to all addresses of the host, and gets all that is sent to the port.
//
// Listen calls no handler. The error is ErrClosed after Close or Drain, and ErrPanicked
// after a handler's panic.
func (m *Manager) Listen(url string, fn Handler, fnData any) (*Conn, error) {
	if err := m.newConnError(); err != nil {
		return nil, err
	}
	u, t, err := parseSocket(url)
	if err != nil {
		return nil, err
	}
	fd, err := m.bindURL(u, t)
	if err != nil {
		return nil, fmt.Errorf("reactor: listen %s: %w", u.Redacted(), err)
	}
	c := m.newConn(fd, roleListener, fn, fnData)
	if err := c.makeListener(t.sockType); err != nil {
		c.dispose()
		m.stats.Opened--
		return nil, fmt.Errorf("reactor: listen %s: %w", u.Redacted(), err)
	}
	if u.Scheme == "unix" {
		c.ext.accept.path = boundPath(u.Path)
	}
	if t.tls {
		c.ext.accept.tls = true
	}
	m.newConns.add(c)
	m.log.Debug("listening", append(c.attrs(), "url", u.Redacted())...)
	return c, nil
}

// makeListener makes the connection a listener. kind is the type of its socket (SOCK_STREAM, ...).
func (c *Conn) makeListener(kind int) error {
	ext := c.extra()
	c.ownSettings().local = poll.LocalAddr(int(c.fd))
	if d := newMessageTransport(c, kind); d != nil {
		ext.transport = d
		return d.bound(true, netip.AddrPort{})
	}
	ext.accept = &acceptor{name: poll.LocalName(int(c.fd))}
	ext.accept.slotQueue.listener = c
	return nil
}

// bindURL returns a socket that is bound to the address in u and, for streams, listens.
func (m *Manager) bindURL(u URL, t socketKind) (int, error) {
	if u.Scheme == "unix" {
		return m.bindSocket(unix.AF_UNIX, &unix.SockaddrUnix{Name: u.Path}, t.sockType, false)
	}
	switch {
	case u.Host == "":
		fd, err := m.bindSocket(unix.AF_INET6, poll.Sockaddr(netip.AddrPortFrom(netip.IPv6Unspecified(), u.Port)), t.sockType, true)
		if err == nil || !noIPv6(err) {
			return fd, err
		}
		u.Host = "0.0.0.0"
	case isLocalhost(u.Host):
		u.Host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(u.Host)
	if err != nil {
		return -1, fmt.Errorf("host %q is not an IP address", u.Host)
	}
	a = a.Unmap()
	if a.IsMulticast() && t.sockType == unix.SOCK_STREAM {
		return -1, fmt.Errorf("%v is a multicast address", a)
	}
	if err := poll.CheckZone(a); err != nil {
		return -1, err
	}
	return m.bindSocket(poll.Family(a), poll.Sockaddr(netip.AddrPortFrom(a, u.Port)), t.sockType, false)
}

// errNoDualStack means that an IPv6 socket cannot take IPv4 connections too. OpenBSD and
// DragonFly have no such sockets.
var errNoDualStack = errors.New("no dual-stack sockets")

// noIPv6 reports whether a bind failed because the system has no IPv6, or because its IPv6
// sockets cannot take IPv4 too. Listen then uses IPv4 only.
func noIPv6(err error) bool {
	return err == errNoDualStack || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// bindSocket makes a socket, sets its options, binds it to sa and, for SOCK_STREAM, listens.
// dual lets an IPv6 socket take IPv4 too.
func (m *Manager) bindSocket(family int, sa unix.Sockaddr, kind int, dual bool) (int, error) {
	fd, err := m.newSocket(family, kind)
	if err != nil {
		return -1, err
	}
	group := poll.AddrPort(sa)
	isGroup := group.Addr().IsMulticast()
	if isGroup && !poll.BindsToGroup {
		sa = poll.Sockaddr(netip.AddrPortFrom(unspecified(group.Addr()), group.Port()))
	}
	err = m.setListenerOptions(fd, family, kind, dual, isGroup)
	if err == nil {
		err = m.controlListener(fd, sa, kind)
	}
	if err == nil {
		err = m.listenOn(fd, sa, kind)
	}
	if err != nil {
		poll.Close(fd)
		return -1, err
	}
	return fd, nil
}

// unspecified returns the wildcard address of the family of a.
func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// ListenFD makes a listener from a socket that already listens, or from a bound datagram
// socket. Service managers pass such sockets to programs. fd becomes non-blocking and
// close-on-exec.
//
// From now on the descriptor belongs to the listener, which closes it. The listener does not
// remove the path of a UNIX-domain socket. If ListenFD returns an error, the descriptor still
// belongs to the caller. The error wraps ErrClosed after Close or Drain, and ErrPanicked after a
// handler's panic.
func (m *Manager) ListenFD(fd int, fn Handler, fnData any) (*Conn, error) {
	fail := func(err error) (*Conn, error) {
		return nil, fmt.Errorf("reactor: ListenFD: descriptor %d: %w", fd, err)
	}
	kind, err := poll.SocketType(fd)
	if err != nil {
		return fail(err)
	}
	if kind != unix.SOCK_DGRAM && !poll.IsListening(fd) {
		return fail(errors.New("socket does not listen: use WrapFD for a connected one"))
	}
	if kind == unix.SOCK_SEQPACKET {
		return fail(errors.New("listening SOCK_SEQPACKET sockets are not supported"))
	}
	c, err := m.adopt(fd, roleListener, fn, fnData)
	if err != nil {
		return fail(err)
	}
	if err := c.makeListener(kind); err != nil { // the answers come from the address that the kernel chooses
		m.log.Warn("socket options not set", append(c.attrs(), "error", err)...)
	}
	if c.isStreamListener() && c.settings().local.IsValid() { // accepted connections inherit the options
		if err := m.setTCPOptions(fd); err != nil {
			m.log.Warn("socket options not set", append(c.attrs(), "error", os.NewSyscallError("setsockopt", err))...)
		}
	}
	return c, nil
}

// CheckListenFD returns an error unless fd is a stream socket that listens. It is for protocols
// that call ListenFD and have no use for datagrams. The descriptor does not change.
func CheckListenFD(fd int) error {
	kind, err := poll.SocketType(fd)
	switch {
	case err != nil:
		return fmt.Errorf("reactor: ListenFD: descriptor %d: %w", fd, err)
	case kind != unix.SOCK_STREAM:
		return fmt.Errorf("reactor: ListenFD: descriptor %d: socket type %d, want a stream socket", fd, kind)
	case !poll.IsListening(fd):
		return fmt.Errorf("reactor: ListenFD: descriptor %d: socket does not listen", fd)
	}
	return nil
}

// WrapFD makes a connection from a descriptor of the program: a connected socket of any type,
// a pipe or a terminal. fd becomes non-blocking and close-on-exec. EvOpen is the first event.
// There is no EvConnect and no EvAccept.
//
// From now on the descriptor belongs to the connection, which closes it. If WrapFD returns an
// error, the descriptor still belongs to the caller. The error wraps ErrClosed after Close or
// Drain, and ErrPanicked after a handler's panic.
//
// All descriptors of the same open file become non-blocking. On a terminal, standard input and
// standard output are usually one: after WrapFD(0, …), a large write to os.Stdout may fail with
// EAGAIN, and the shell may find its terminal non-blocking. A program that reads a terminal reads
// it on another goroutine, and passes the bytes on with Post.
//
// A socket of UDP that is not connected works as a udp listener does. If the program has set
// IP_RECVERR on it, the loop empties its error queue, because the poller would report it forever.
// The program cannot rely on reading the queue itself.
//
// Sockets of the types SOCK_DGRAM and SOCK_SEQPACKET keep message boundaries: each Write is
// one message, and at each EvRead there is one message in Recv. On SOCK_DGRAM a message may be
// empty. On SOCK_SEQPACKET an empty message is the end of the stream.
func (m *Manager) WrapFD(fd int, fn Handler, fnData any) (*Conn, error) {
	fail := func(err error) (*Conn, error) {
		return nil, fmt.Errorf("reactor: WrapFD: descriptor %d: %w", fd, err)
	}
	r := roleWrapped
	kind, err := poll.SocketType(fd)
	switch {
	case errors.Is(err, unix.ENOTSOCK):
		r, kind = roleFile, unix.SOCK_STREAM
	case err != nil:
		return fail(err)
	case poll.IsListening(fd):
		return fail(errors.New("socket listens: use ListenFD"))
	case kind != unix.SOCK_STREAM && kind != unix.SOCK_DGRAM && kind != unix.SOCK_SEQPACKET:
		return fail(fmt.Errorf("socket type %d is not supported", kind))
	}
	c, err := m.adopt(fd, r, fn, fnData)
	if err != nil {
		return fail(err)
	}
	d := newMessageTransport(c, kind)
	if d != nil {
		c.extra().transport = d
	}
	connected := false
	if r == roleWrapped {
		if sa, err := unix.Getpeername(fd); err == nil {
			c.setRemote(poll.AddrPort(sa))
			connected = true
		}
	}
	if d != nil {
		v4, v6 := poll.IPFamily(fd)
		if err := d.bound(!connected && (v4 || v6), netip.AddrPort{}); err != nil {
			m.log.Warn("socket options not set", append(c.attrs(), "error", err)...)
		}
	}
	return c, nil
}

// adopt makes a connection from a descriptor of the program and registers it for reading. The
// registration fails if the poller does not accept such a descriptor.
func (m *Manager) adopt(fd int, r role, fn Handler, fnData any) (*Conn, error) {
	if err := m.newConnError(); err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, os.NewSyscallError("fcntl", unix.EBADF)
	}
	if r := m.registered.find(fd); r != nil && r.owner != nil {
		return nil, errors.New("already belongs to a connection of this manager")
	}
	if err := poll.SetNonblockCloexec(fd); err != nil {
		return nil, err
	}
	c := m.newConn(fd, r, fn, fnData)
	if err := m.register(fd, c, poll.Readable); err != nil {
		m.unregister(fd)
		m.conns.remove(c)
		return nil, err
	}
	m.newConns.add(c)
	return c, nil
}

// ClosedConn returns a connection that is closed already. It has no socket, its ID is 0, and every
// call on it is harmless. It is for protocols that must call a Handler when there is no
// connection yet, such as that of a session before its first attempt to connect. Find finds
// its layers, which get no events.
func ClosedConn(m *Manager, fn Handler, fnData any, layers ...Protocol) *Conn {
	c := &Conn{Fn: fn, FnData: fnData, mgr: m, fd: -1, role: roleClient, life: closed, flags: opened}
	for _, p := range layers {
		c.layers.push(p, &c.mgr.spareStacks)
	}
	return c
}
