package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Multicast says how a socket of UDP sends to multicast groups. The zero value is the default.
type Multicast struct {
	// Interface is the name of the network interface, such as "eth0". "" leaves the choice to the
	// system, which looks at its routes.
	Interface string
	// TTL is how many hops a datagram may make, 255 at most. 0 means 1: routers do not forward it.
	// If TTL is negative, it does not leave this host.
	TTL int
	// NoLoopback keeps other sockets of this host from getting what is sent.
	NoLoopback bool
}

// SetMulticast sets how the socket sends to multicast groups. On a client, call it at EvConnect. It
// returns an error if the connection is not UDP or not connected yet, if there is no such
// interface, or if the system does not take an option.
func (c *Conn) SetMulticast(o Multicast) error {
	c.mgr.checkOwner()
	d, err := c.multicastSocket("set multicast")
	if err != nil {
		return err
	}
	if o.TTL > 255 {
		return fmt.Errorf("reactor: set multicast: TTL %d is more than 255", o.TTL)
	}
	ttl := o.TTL
	switch {
	case ttl == 0:
		ttl = 1
	case ttl < 0:
		ttl = 0
	}
	fd := int(c.fd)
	err = poll.SetMulticastTTL(fd, ttl, d.v4, d.v6)
	if err == nil {
		err = poll.SetMulticastLoopback(fd, !o.NoLoopback, d.v4, d.v6)
	}
	if err == nil && o.Interface != "" {
		var ifi *net.Interface
		if ifi, err = net.InterfaceByName(o.Interface); err == nil {
			err = poll.SetMulticastInterface(fd, ifi, d.v4, d.v6)
		}
	}
	if err != nil {
		return fmt.Errorf("reactor: set multicast%s: %w", onInterface(o.Interface), err)
	}
	return nil
}

// JoinGroup makes the socket a member of a multicast group. It then receives what is sent to this
// group and the port of the socket. iface is the name of a network interface, such as "eth0". If
// it is "", the zone of the group names the interface. If there is none, the system chooses.
//
// A socket may join several groups, and one group on several interfaces. On a client, call
// JoinGroup at EvConnect. The errors are those of SetMulticast, and EADDRINUSE if the socket is a
// member already.
func (c *Conn) JoinGroup(group netip.Addr, iface string) error {
	return c.setMembership("join group", group, iface, true)
}

// LeaveGroup ends a membership of JoinGroup. The arguments must be the same. The error is
// EADDRNOTAVAIL if the socket is not a member.
func (c *Conn) LeaveGroup(group netip.Addr, iface string) error {
	return c.setMembership("leave group", group, iface, false)
}

func (c *Conn) setMembership(what string, group netip.Addr, iface string, join bool) error {
	c.mgr.checkOwner()
	d, err := c.multicastSocket(what)
	if err != nil {
		return err
	}
	group = group.Unmap()
	if iface == "" {
		iface = group.Zone()
	}
	var ifi *net.Interface
	switch {
	case !group.IsMulticast():
		err = errors.New("not a multicast address")
	case group.Is4() && !d.v4, group.Is6() && !d.v6:
		err = errors.New("the socket has another address family")
	case iface != "":
		ifi, err = net.InterfaceByName(iface)
	}
	if err == nil {
		err = poll.JoinGroup(int(c.fd), group, ifi, join)
	}
	if err != nil {
		return fmt.Errorf("reactor: %s %v%s: %w", what, group, onInterface(iface), err)
	}
	return nil
}

// multicastSocket returns the transport if the options of multicast can be set.
func (c *Conn) multicastSocket(what string) (*datagrams, error) {
	if c.life == closed {
		return nil, fmt.Errorf("reactor: %s: %w", what, ErrClosed)
	}
	d, errno := c.udp()
	if errno != 0 {
		return nil, fmt.Errorf("reactor: %s: %w", what, os.NewSyscallError("setsockopt", errno))
	}
	return d, nil
}

// onInterface returns the part of an error that names an interface.
func onInterface(name string) string {
	if name == "" {
		return ""
	}
	return " on " + name
}

// hasManyPeers reports whether a client of UDP for this address hears several peers. That is so if
// the address is a multicast group or a broadcast address.
func hasManyPeers(a netip.Addr) bool { return a.IsMulticast() || isBroadcast(a) }

// isBroadcast reports whether a is 255.255.255.255 or the broadcast address of a network that this
// host has an address of [RFC 919, RFC 922].
func isBroadcast(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	if b == [4]byte{255, 255, 255, 255} {
		return true
	}
	if b[3]&3 != 3 { // the host part of a broadcast address is all ones, and has at least 2 bits
		return false
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok && broadcastOf(n) == b {
			return true
		}
	}
	return false
}

// broadcastOf returns the broadcast address of a network of IPv4, or 0.0.0.0 if there is none.
func broadcastOf(n *net.IPNet) (b [4]byte) {
	ip := n.IP.To4()
	if ones, bits := n.Mask.Size(); ip == nil || bits != 32 || ones > 30 {
		return b
	}
	for i := range b {
		b[i] = ip[i] | ^n.Mask[i]
	}
	return b
}
