package reactor

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// socketKind is what a URL's scheme says about the socket.
type socketKind struct {
	network string // "tcp", "udp" or "unix"
	kind    int    // SOCK_STREAM or SOCK_DGRAM
	secure  bool   // tls://
}

// parseSocket accepts tcp://, tls:// and udp://host:port, and unix:///path.
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
		t.kind = unix.SOCK_DGRAM
	case "tls":
		t.network, t.secure = "tcp", true
	default:
		return bad("unknown scheme " + u.Scheme + " (want tcp, tls, udp or unix)")
	}
	switch {
	case u.RawQuery != "":
		return bad(u.Scheme + " takes no query")
	case u.Scheme != "unix" && !u.HasPort:
		return bad("no port")
	case u.Scheme != "unix" && u.Path != "" && u.Path != "/":
		return bad(u.Scheme + " takes no path")
	case u.User != "" || u.HasPassword:
		return bad(u.Scheme + " takes no user")
	}
	return u, t, nil
}

// newConn makes a connection that the manager knows but no handler yet.
func (m *Manager) newConn(fd int, r role, fn Handler, fnData any) *Conn {
	m.lastID++
	c := &Conn{Fn: fn, FnData: fnData, mgr: m, id: m.lastID, fd: int32(fd), role: r}
	c.Send.owner = c
	m.conns[c.id] = c
	m.stats.Opened++
	return c
}

// Connect makes a connection to tcp://host:port, tls://host:port,
// udp://host:port or unix:///path. A bad URL is an error at once. The rest happens in Poll:
// EvOpen, EvResolve (not for unix) and EvConnect, or EvError and EvClose. What is written
// before EvConnect is sent after it. With tls://, EvTLSHS comes after EvConnect, see
// StartTLS.
func (m *Manager) Connect(url string, fn Handler, fnData any) (*Conn, error) {
	if err := m.mayMake(); err != nil {
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
	c.extra().dial = &dialer{c: c, socketKind: t, url: u}
	c.setTrip()
	c.ext.transport = messageTransport(c, t.kind)
	if t.secure {
		c.planTLS()
	}
	m.fresh.add(c)
	return c, nil
}

// Listen makes a listener on tcp://host:port, tls://host:port, udp://host:port or
// unix:///path. The host is an IP address or localhost (127.0.0.1); an empty
// one means all interfaces, IPv6 and IPv4. Port 0 lets the system choose, see
// LocalAddr. The path of a UNIX-domain socket must not exist yet. It is removed just
// before EvClose, unless the file there is not the listener's any more. What cannot be
// bound is an error at once.
//
// Accepted connections inherit fn, fnData and the layers; each begins with
// EvOpen and EvAccept. A udp listener has one Conn for all its peers. That of
// tls:// needs a Config by StartTLS, or each connection does at EvAccept.
func (m *Manager) Listen(url string, fn Handler, fnData any) (*Conn, error) {
	if err := m.mayMake(); err != nil {
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
	c.listens(t.kind)
	if u.Scheme == "unix" {
		c.ext.accept.path = boundPath(u.Path)
	}
	if t.secure {
		c.ext.accept.tls = true
	}
	m.fresh.add(c)
	m.log.Debug("listening", "id", c.id, "url", u.Redacted(), "local", c.ext.local)
	return c, nil
}

// listens makes the connection a listener, of a socket of that type.
func (c *Conn) listens(kind int) {
	x := c.extra()
	x.local = poll.LocalAddr(int(c.fd))
	if x.transport = messageTransport(c, kind); x.transport == nil {
		x.accept = &acceptor{}
		x.accept.group.listener = c
	}
}

// bindURL makes the bound, listening socket.
func (m *Manager) bindURL(u URL, t socketKind) (int, error) {
	if u.Scheme == "unix" {
		return m.bindSocket(unix.AF_UNIX, &unix.SockaddrUnix{Name: u.Path}, t.kind, false)
	}
	switch {
	case u.Host == "":
		fd, err := m.bindSocket(unix.AF_INET6, poll.Sockaddr(netip.AddrPortFrom(netip.IPv6Unspecified(), u.Port)), t.kind, true)
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
	return m.bindSocket(poll.Family(a), poll.Sockaddr(netip.AddrPortFrom(a, u.Port)), t.kind, false)
}

// errNoDual says that an IPv6 socket cannot take IPv4 too, as on OpenBSD and DragonFly.
var errNoDual = errors.New("no dual-stack sockets")

// noIPv6 reports whether a bind failed because the system has no IPv6, or none
// that takes IPv4 as well.
func noIPv6(err error) bool {
	return err == errNoDual || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func (m *Manager) bindSocket(family int, sa unix.Sockaddr, kind int, dual bool) (int, error) {
	fd, err := m.newSocket(family, kind)
	if err != nil {
		return -1, err
	}
	err = m.prepareListener(fd, family, kind, dual)
	if err == nil {
		err = m.listenOn(fd, sa, kind)
	}
	if err != nil {
		poll.Close(fd)
		return -1, err
	}
	return fd, nil
}

// ListenFD makes a listener of a socket that listens already, or of a bound datagram
// socket, such as a service manager hands over. It sets O_NONBLOCK. From now on the
// descriptor belongs to the listener, which closes it but removes no path; if ListenFD
// returns an error it stays the caller's.
func (m *Manager) ListenFD(fd int, fn Handler, fnData any) (*Conn, error) {
	bad := func(err error) (*Conn, error) {
		return nil, fmt.Errorf("reactor: ListenFD: descriptor %d: %w", fd, err)
	}
	kind, err := poll.SocketType(fd)
	if err != nil {
		return bad(err)
	}
	if kind != unix.SOCK_DGRAM && !poll.IsListening(fd) {
		return bad(errors.New("socket does not listen"))
	}
	if kind == unix.SOCK_SEQPACKET {
		return bad(errors.New("listening SOCK_SEQPACKET sockets are not supported"))
	}
	c, err := m.adopt(fd, roleListener, fn, fnData)
	if err != nil {
		return bad(err)
	}
	c.listens(kind)
	if c.accepts() && c.ext.local.IsValid() { // for those it accepts
		if err := m.tune(fd); err != nil {
			m.log.Warn("listener", "id", c.id, "error", err)
		}
	}
	return c, nil
}

// WrapFD makes a connection of a descriptor that the program has: a connected socket of any
// type, a pipe, a terminal. It sets O_NONBLOCK. From now on the descriptor belongs to the
// connection, which closes it; if WrapFD returns an error it stays the caller's. EvOpen is
// the first event; there is neither EvConnect nor EvAccept.
//
// Sockets of the types SOCK_DGRAM and SOCK_SEQPACKET keep message boundaries: each Write is
// one message, and each EvRead has one in Recv. An empty message on SOCK_DGRAM is a message,
// on SOCK_SEQPACKET it is the end.
func (m *Manager) WrapFD(fd int, fn Handler, fnData any) (*Conn, error) {
	bad := func(err error) (*Conn, error) {
		return nil, fmt.Errorf("reactor: WrapFD: descriptor %d: %w", fd, err)
	}
	r := roleWrapped
	kind, err := poll.SocketType(fd)
	switch {
	case errors.Is(err, unix.ENOTSOCK):
		r, kind = roleFile, unix.SOCK_STREAM
	case err != nil:
		return bad(err)
	case poll.IsListening(fd):
		return bad(errors.New("socket listens: use ListenFD"))
	case kind != unix.SOCK_STREAM && kind != unix.SOCK_DGRAM && kind != unix.SOCK_SEQPACKET:
		return bad(fmt.Errorf("socket type %d is not supported", kind))
	}
	c, err := m.adopt(fd, r, fn, fnData)
	if err != nil {
		return bad(err)
	}
	if t := messageTransport(c, kind); t != nil {
		c.extra().transport = t
	}
	if r == roleWrapped {
		if sa, err := unix.Getpeername(fd); err == nil {
			c.setRemote(poll.AddrPort(sa))
		}
	}
	return c, nil
}

// adopt makes a connection of the program's descriptor.
func (m *Manager) adopt(fd int, r role, fn Handler, fnData any) (*Conn, error) {
	if err := m.mayMake(); err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, sysErr("fcntl", unix.EBADF)
	}
	if fd < len(m.registered) && m.registered[fd].src != nil {
		return nil, errors.New("is the manager's already")
	}
	if err := poll.Prepare(fd); err != nil {
		return nil, err
	}
	c := m.newConn(fd, r, fn, fnData)
	if err := m.register(fd, c, poll.Readable); err != nil {
		m.unregister(fd)
		delete(m.conns, c.id)
		return nil, err
	}
	m.fresh.add(c)
	return c, nil
}
