package reactor_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestErrClosedWrapsNetErrClosed(t *testing.T) {
	if !errors.Is(reactor.ErrClosed, net.ErrClosed) {
		t.Error("ErrClosed does not wrap net.ErrClosed")
	}
}

// A reset raises EvError and then EvClose. The error is ECONNRESET of a read, with the
// address of the peer.
func TestResetIsAReadError(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	p := looptest.DialSocket(t, l.LocalAddr())
	await(t, m, "EvAccept", r.Saw(reactor.EvAccept))
	spin(t, m, 2)
	p.Reset()
	await(t, m, "EvClose", r.Closed)
	err := r.Err(t)
	var op *net.OpError
	if !errors.Is(err, unix.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" || op.Addr == nil {
		t.Errorf("error %v (%T), want ECONNRESET of a read from an address", err, err)
	}
	if got := eventList(r.Events[len(r.Events)-2:]); got != "ERROR CLOSE" {
		t.Errorf("the last events are %s, want ERROR CLOSE", got)
	}
}

// The error of a failed call names the operation, the network and the address, in the form
// of package net.
func TestErrorsNameOperationNetworkAndAddress(t *testing.T) {
	m := newManager(t, reactor.WithResolver(resolverFunc(func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	})))
	_, refused := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, -1) // does not listen
	_, taken := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_DGRAM, -1)
	dials := func(url string) func() error {
		return func() error {
			r := &recorder{}
			dial(t, m, url, r.Handle)
			await(t, m, "EvClose", r.Closed)
			return r.Err(t)
		}
	}
	for _, test := range []struct {
		name              string
		call              func() error
		op, network, addr string
		cause             error
	}{
		{"tcp", dials("tcp://" + refused.String()), "dial", "tcp", refused.String(), unix.ECONNREFUSED},
		{"unix", dials("unix:///nowhere/s"), "dial", "unix", "/nowhere/s", fs.ErrNotExist},
		{"unknown host", dials("tcp://unknown.test:80"), "dial", "tcp", "unknown.test:80", nil},
		{"udp", func() error {
			r := &recorder{}
			c := dial(t, m, "udp://"+taken.String(), r.Handle)
			await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
			_, err := c.Write(make([]byte, 1<<17))
			return err
		}, "write", "udp", taken.String(), syscall.EMSGSIZE},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.call()
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != test.op || op.Net != test.network || op.Addr == nil || op.Addr.String() != test.addr {
				t.Errorf("error %v (%T), want %s %s %s", err, err, test.op, test.network, test.addr)
			}
			if op != nil && op.Addr != nil && op.Addr.Network() != test.network {
				t.Errorf("the address is of the network %q, want %q", op.Addr.Network(), test.network)
			}
			if test.cause != nil && !errors.Is(err, test.cause) {
				t.Errorf("error %v, want %v", err, test.cause)
			}
		})
	}
}
