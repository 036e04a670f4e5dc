package reactor

import (
	"hash/maphash"
	"net/netip"
	"os"
	"syscall"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Unconnected sockets of UDP have many peers. These are unconnected:
//
//	listeners                          Write goes to RemoteAddr, the sender of the last datagram
//	a socket for WrapFD without peer   the same
//	clients of a multicast or          Write goes to the address of the URL; RemoteAddr is the
//	broadcast address                  sender of the last datagram
//
// WriteTo sends to any address. An error of the network about one peer, such as an ICMP message,
// does not end an unconnected socket.
//
// A peer expects the answer from the address that it has asked. If the socket is bound to one
// address of the host, the answer comes from there. If it is bound to all of them, the loop asks
// the kernel for the address of each datagram, and sends answers from it. Asking takes
// recvmsg and sendmsg instead of recvfrom and sendto, which is slower. So other sockets do not ask.

// unconnected is the state of a datagrams transport whose socket is not connected.
type unconnected struct {
	on       bool
	target   netip.AddrPort // where Write sends; the zero AddrPort: to the last sender
	arrivals bool           // the kernel tells the Arrival of each datagram
	last     poll.Arrival   // of the last datagram
	sources  *sourceTable   // of earlier ones; nil until the first has come
}

// mayLose reports whether a datagram that cannot be sent to an address is only logged.
func (o *unconnected) mayLose(to netip.AddrPort) bool {
	return o.on && (!o.target.IsValid() || to != o.target)
}

// bound is called when the transport has got its socket. It notes the families of the socket. If it
// is unconnected, target is the address for Write, or the zero AddrPort.
func (d *datagrams) bound(isOpen bool, target netip.AddrPort) error {
	fd := int(d.c.fd)
	d.v4, d.v6 = poll.IPFamily(fd)
	if !isOpen {
		return nil
	}
	d.open.on, d.open.target = true, target
	for i := range d.bounds { // written before EvConnect
		d.bounds[i].to = target
	}
	local := poll.LocalAddr(fd).Addr()
	if d.open.arrivals = local.IsUnspecified() || local.IsMulticast(); d.open.arrivals {
		return poll.ReportArrivals(fd, d.v6)
	}
	return nil
}

// destination returns where Write sends now, and the source address. On a connected socket, both
// are zero.
func (d *datagrams) destination() (to netip.AddrPort, source netip.Addr) {
	switch o := &d.open; {
	case !o.on:
		return netip.AddrPort{}, netip.Addr{}
	case o.target.IsValid():
		return o.target, netip.Addr{}
	default:
		return d.c.RemoteAddr(), o.last.Source
	}
}

// send sends one datagram. On an unconnected socket, an error may be about an earlier datagram:
// with IP_RECVERR, Linux reports ICMP messages at the next call. So send tries again.
func (d *datagrams) send(b outgoingDatagram, p []byte) error {
	err := d.sendOnce(b, p)
	if d.open.on && (err == syscall.ECONNREFUSED || err == syscall.EHOSTUNREACH) {
		err = d.sendOnce(b, p)
	}
	return err
}

// sendOnce makes the system call. If the source address is not one of the host's any more, the
// kernel chooses another one.
func (d *datagrams) sendOnce(b outgoingDatagram, p []byte) error {
	to := d.socketAddr(b.to)
	if b.source.IsValid() {
		switch err := poll.SendMsg(int(d.c.fd), p, to, b.source, d.v6); err {
		case syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.ENETUNREACH, syscall.ENODEV:
		default:
			return err
		}
	}
	return poll.SendTo(int(d.c.fd), p, to)
}

// socketAddr returns an IPv4 peer of a dual-stack socket as an IPv4-mapped IPv6 address. Not all
// systems take the IPv4 form on an IPv6 socket. It returns other addresses as they are.
func (d *datagrams) socketAddr(to netip.AddrPort) netip.AddrPort {
	if d.v6 && to.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	}
	return to
}

// receive receives one datagram. On an unconnected socket it notes the sender. tooLong is true if
// the datagram did not fit into p.
func (d *datagrams) receive(p []byte) (n int, from netip.AddrPort, tooLong bool, err error) {
	fd, o := int(d.c.fd), &d.open
	var a poll.Arrival
	if o.arrivals {
		n, from, a, tooLong, err = poll.RecvMsg(fd, p)
	} else {
		n, from, err = poll.RecvFrom(fd, p)
		tooLong = n == len(p) // perhaps it fits, but that is the limit
	}
	if err != nil || tooLong || !o.on {
		return n, from, tooLong, err
	}
	d.syncBoundaries() // what the program has appended is for the previous sender
	d.c.setRemote(from)
	if o.last = a; a.Source.IsValid() {
		if o.sources == nil {
			o.sources = &sourceTable{seed: maphash.MakeSeed()}
		}
		o.sources.put(from, a.Source)
	}
	return n, from, false, nil
}

// WriteTo appends a copy of p to Send as one datagram for the address `to`. It is for unconnected
// sockets of UDP: listeners, clients of a multicast or broadcast address, and sockets without
// peer that were given to WrapFD. On a socket that is bound to all addresses of the host,
// the datagram is sent from the address that `to` has last sent to. This is remembered for some
// 1,000 peers. For others the kernel chooses.
//
// The result is len(p) or an error. ErrClosed and EMSGSIZE are as in Write. Further errors are:
//
//	EISCONN       the socket is connected to one peer: use Write
//	ENOTCONN      the socket is still being made: wait for EvConnect
//	EOPNOTSUPP    the connection is not UDP
//	EDESTADDRREQ  `to` is not valid, or has the port 0
//	EAFNOSUPPORT  the socket cannot send to the family of `to`
//	ENODEV        the zone of `to` is no network interface of this host; the error names it
func (c *Conn) WriteTo(p []byte, to netip.AddrPort) (int, error) {
	c.mgr.checkOwner()
	if c.is(failed|closeWrite) || c.life >= lingering {
		return 0, ErrClosed
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	d, errno := c.udp()
	switch {
	case errno != 0:
	case !d.open.on:
		errno = syscall.EISCONN
	case !to.IsValid() || to.Port() == 0:
		errno = syscall.EDESTADDRREQ
	case to.Addr().Is4() && !d.v4, to.Addr().Is6() && !d.v6:
		errno = syscall.EAFNOSUPPORT
	case len(p) > d.maxPayload(to):
		errno = syscall.EMSGSIZE
	}
	if errno != 0 {
		return 0, opError("write", c.network(), to, os.NewSyscallError("sendto", errno))
	}
	if err := poll.CheckZone(to.Addr()); err != nil {
		return 0, opError("write", c.network(), to, err)
	}
	return d.writeTo(p, to, d.open.sourceFor(c.RemoteAddr(), to))
}

// sourceFor returns the source address for a datagram to a peer. The argument last is the sender of
// the last datagram.
func (o *unconnected) sourceFor(last, to netip.AddrPort) netip.Addr {
	switch {
	case to == last:
		return o.last.Source
	case o.sources == nil:
		return netip.Addr{}
	}
	return o.sources.get(to)
}

// udp returns the transport of a socket of UDP. Otherwise, errno tells why there is none.
func (c *Conn) udp() (d *datagrams, errno syscall.Errno) {
	if c.ext != nil {
		d, _ = c.ext.transport.(*datagrams)
	}
	switch {
	case d == nil:
		return nil, syscall.EOPNOTSUPP
	case c.fd < 0:
		return nil, syscall.ENOTCONN
	case !d.v4 && !d.v6:
		return nil, syscall.EOPNOTSUPP
	}
	return d, 0
}

// Arrival tells how a datagram has reached the socket.
type Arrival struct {
	// To is the address that the datagram was sent to: one of the host's, a multicast group, or
	// a broadcast address. It is the zero Addr if the socket has not received yet.
	To netip.Addr
	// Interface is the index of the network interface on which it arrived, as in net.Interface.
	// It is 0 if the kernel does not tell it.
	Interface int
}

// Arrival tells how the last datagram has reached an unconnected socket of UDP. If the socket is
// bound to one address of the host, To is this address, and Interface is 0. On other connections
// the result is the zero Arrival.
func (c *Conn) Arrival() Arrival {
	d, errno := c.udp()
	switch {
	case errno != 0 || !d.open.on || c.peerKind == addrNone:
		return Arrival{}
	case !d.open.arrivals:
		return Arrival{To: c.LocalAddr().Addr()}
	}
	return Arrival{d.open.last.To, d.open.last.Interface}
}

// sourceTable remembers to which of the host's addresses peers have sent last. It has a fixed size,
// because anybody can send datagrams. Each peer belongs to one set, whose oldest entry is replaced.
type sourceTable struct {
	seed maphash.Seed
	sets [256][4]sourceEntry // the newest entry of a set first
}

// sourceEntry is one peer and the host's address that it knows.
type sourceEntry struct {
	peer   netip.AddrPort
	source netip.Addr
}

// set returns the set that a peer belongs to.
func (t *sourceTable) set(peer netip.AddrPort) *[4]sourceEntry {
	var key [18]byte
	ip := peer.Addr().As16()
	copy(key[:], ip[:])
	key[16], key[17] = byte(peer.Port()>>8), byte(peer.Port())
	return &t.sets[maphash.Bytes(t.seed, key[:])%uint64(len(t.sets))]
}

// get returns the address that a peer has sent to, or the zero Addr.
func (t *sourceTable) get(peer netip.AddrPort) netip.Addr {
	for _, e := range t.set(peer) {
		if e.peer == peer {
			return e.source
		}
	}
	return netip.Addr{}
}

// put notes that a peer has sent to an address.
func (t *sourceTable) put(peer netip.AddrPort, source netip.Addr) {
	s := t.set(peer)
	i := 0
	for i < len(s)-1 && s[i].peer != peer {
		i++
	}
	copy(s[1:i+1], s[:i])
	s[0] = sourceEntry{peer, source}
}
