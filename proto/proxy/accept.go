package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// AcceptOptions are the options of Accept. The zero value trusts every peer.
type AcceptOptions struct {
	// Trusted are the addresses of the load balancers. A header says what its sender wants, so
	// a listener that others can reach must set this. Connections from other addresses are
	// refused, or see Direct. Nil trusts all. Peers on UNIX-domain sockets have no address and
	// are always trusted: the permissions of the path decide who they are.
	Trusted []netip.Prefix
	// Direct lets connections from addresses outside of Trusted in without a header. Their
	// RemoteAddr is the address of the socket, and if they send a header, it is input like any
	// other. It needs Trusted.
	Direct bool
	// MaxHeader is how many bytes a header may have. Zero and less mean DefaultMaxHeader. No
	// header has more than 65,551 bytes, so a larger value means the same as that.
	MaxHeader int
}

// Accept makes the connections that listener l accepts from now on begin with a header of the PROXY
// protocol, version 1 or 2, before TLS. Their EvOpen and EvAccept come when it has arrived, and
// RemoteAddr returns the client's address then. If the header has no IP address (LOCAL, UNKNOWN,
// AF_UNSPEC, AF_UNIX), RemoteAddr stays the address of the load balancer. HeaderOf returns both.
//
// A connection without a header, with a bad one, or from an address that is not trusted is refused:
// it closes without an event, and a record at level Warn says why. The number of such records is
// bounded. The Handshake deadline bounds how long the header may take. opts may be nil.
//
// Accept returns an error if l is no listener of streams, or for bad options.
func Accept(l *reactor.Conn, opts *AcceptOptions) error {
	var o AcceptOptions
	if opts != nil {
		o = *opts
		o.Trusted = slices.Clone(o.Trusted)
	}
	if o.Direct && o.Trusted == nil {
		return errors.New("proxy: AcceptOptions.Direct without Trusted: each connection has a header then")
	}
	for _, p := range o.Trusted {
		if !p.IsValid() {
			return errors.New("proxy: AcceptOptions.Trusted contains an invalid prefix")
		}
	}
	if !l.IsListening() {
		return errors.New("proxy: Accept: want a listener")
	}
	isIP := l.LocalAddr().IsValid()
	return l.Stack().SetOpening(func(c *reactor.Conn) reactor.Opening {
		peer := c.RemoteAddr() // not valid on some systems if the peer has reset the connection
		trusted := o.Trusted == nil || !isIP || contains(o.Trusted, peer.Addr())
		if !trusted && o.Direct {
			return nil
		}
		return &acceptor{limit: o.MaxHeader, peer: peer, refused: !trusted}
	})
}

// contains reports whether a is in one of the prefixes. A zone does not count.
func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// HeaderOf returns the header with which an accepted connection has begun, and the address of the
// load balancer, which is the zero AddrPort if that is not an IP address. h is nil if the listener
// expects no headers, and for connections that AcceptOptions.Direct has let in. The caller must not
// change it. It is valid as long as c is used.
func HeaderOf(c *reactor.Conn) (h *Header, peer netip.AddrPort) {
	if o, ok := c.Stack().Opening().(*acceptor); ok {
		return &o.header, o.peer
	}
	return nil, netip.AddrPort{}
}

// acceptor is the Opening of an accepted connection.
type acceptor struct {
	limit   int
	peer    netip.AddrPort
	refused bool // the peer is not trusted
	header  Header
}

// Step implements reactor.Opening.
func (*acceptor) Step() string { return "proxy: PROXY protocol header" }

// Advance implements reactor.Opening.
func (o *acceptor) Advance(c *reactor.Conn, in []byte) (used int, out []byte, done bool, err error) {
	if o.refused {
		return 0, nil, false, fmt.Errorf("proxy: %v is not in AcceptOptions.Trusted", o.peer.Addr())
	}
	used, err = ParseHeader(in, &o.header, o.limit)
	switch {
	case err == ErrIncomplete:
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, err
	}
	for i := range o.header.TLVs {
		o.header.TLVs[i].Value = slices.Clone(o.header.TLVs[i].Value)
	}
	if a := o.header.Source; a.IsValid() {
		c.Stack().SetRemoteAddr(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	return used, nil, true, nil
}

// Send makes a connection of Connect begin with a header, as a load balancer does. It must be
// called in EvOpen or before, and does not work together with Dial. h is copied. Send returns an
// error if AppendHeader does, or if it is too late.
func Send(c *reactor.Conn, h *Header) error {
	b, err := AppendHeader(nil, h)
	if err != nil {
		return err
	}
	return c.Stack().SetOpening(func(*reactor.Conn) reactor.Opening { return sender(b) })
}

// sender is the Opening that sends a header.
type sender []byte

// Step implements reactor.Opening.
func (sender) Step() string { return "proxy: sending of the PROXY protocol header" }

// Advance implements reactor.Opening.
func (s sender) Advance(*reactor.Conn, []byte) (used int, out []byte, done bool, err error) {
	return 0, s, true, nil
}
