package reactor

import (
	"errors"
	"net"
	"net/netip"
)

// ErrClosed is the error of calls on a closed Manager. It is also the error of Write on a
// connection that is closed, is about to be closed, or has ended its sending side. It wraps
// net.ErrClosed.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string { return "reactor: closed" }
func (closedError) Unwrap() error { return net.ErrClosed }

// ErrPanicked is the error of Poll, Run, Drain, Connect, Listen, ListenFD and WrapFD after a
// handler, timer or posted function has panicked and the program has recovered. The state of
// the manager is unknown then, so Close is the only call that still makes sense.
var ErrPanicked = errors.New("reactor: a handler has panicked: the manager can only be closed")

// opError wraps err with the operation, the network and the peer's address, in the form that
// package net uses. A zero addr is left out.
func opError(op, network string, addr netip.AddrPort, err error) error {
	e := &net.OpError{Op: op, Net: network, Err: err}
	if addr.IsValid() {
		if network == "udp" {
			e.Addr = net.UDPAddrFromAddrPort(addr)
		} else {
			e.Addr = net.TCPAddrFromAddrPort(addr)
		}
	}
	return e
}

// namedAddr is a net.Addr for what has no netip form: a path, or a host name that is not
// resolved yet.
type namedAddr struct{ network, name string }

func (a namedAddr) Network() string { return a.network }
func (a namedAddr) String() string  { return a.name }
