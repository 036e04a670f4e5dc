package reactor

import (
	"errors"
	"net"
	"net/netip"
	"os"
)

// ErrClosed is returned by calls on a Manager that was closed, and by Write on a
// connection that is closed or about to be, or whose sending side has ended. It wraps
// net.ErrClosed.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string { return "reactor: closed" }
func (closedError) Unwrap() error { return net.ErrClosed }

// ErrPanicked is returned by Poll, Run, Drain, Connect, Listen, ListenFD and WrapFD after a
// handler, timer or posted function has panicked and the program has recovered from that.
// What the handler was in the middle of cannot be known, so the manager can only be closed.
var ErrPanicked = errors.New("reactor: a handler has panicked: the manager can only be closed")

// opError names the operation, the network and the peer of a failed call, in
// the form that package net uses.
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

// sysErr adds the name of the system call.
func sysErr(call string, err error) error {
	return os.NewSyscallError(call, err)
}

// namedAddr is the address of something that has no netip form: a path, or a
// host name before it is resolved.
type namedAddr struct{ network, name string }

func (a namedAddr) Network() string { return a.network }
func (a namedAddr) String() string  { return a.name }
