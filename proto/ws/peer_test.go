package ws_test

import (
	"net/netip"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// peer is the other end of a connection: a bare non-blocking TCP socket, so
// that a test decides what is in a segment.
type peer struct {
	t   testing.TB
	fd  int
	in  []byte // what was read
	eof bool   // the end of stream, or an error, was read
}

func newPeer(t testing.TB, fd int) *peer {
	t.Helper()
	p := &peer{t: t, fd: fd}
	looptest.Own(t, &p.fd)
	return p
}

func (p *peer) close() { looptest.Close(&p.fd) }

// write sends s as a segment of its own. A connection that is gone is no
// failure: the test sees what the other side made of it.
func (p *peer) write(s string) {
	p.t.Helper()
	for s != "" {
		n, err := unix.Write(p.fd, []byte(s))
		switch err {
		case nil:
			s = s[n:]
		case unix.EPIPE, unix.ECONNRESET:
			return
		default:
			p.t.Fatalf("peer: write: %v", err)
		}
	}
}

// shutdown sends the end of stream.
func (p *peer) shutdown() {
	p.t.Helper()
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil && err != unix.ENOTCONN {
		p.t.Fatal(err)
	}
}

// pump reads what is there.
func (p *peer) pump() {
	if !p.eof {
		var err error
		p.in, p.eof, err = looptest.Read(p.fd, p.in)
		p.eof = p.eof || err != nil
	}
}

func (p *peer) ended() bool { p.pump(); return p.eof }

// dialPeer connects to a listener of the manager, whose kernel answers
// without the loop.
func dialPeer(t testing.TB, a netip.AddrPort) *peer {
	t.Helper()
	p := newPeer(t, looptest.Open(t, a.Addr(), unix.SOCK_STREAM))
	looptest.NoDelay(t, p.fd)
	looptest.Connect(t, p.fd, a)
	return p
}

// listenPeer makes a bare listener on 127.0.0.1 and returns its port.
func listenPeer(t testing.TB) (*peer, int) {
	t.Helper()
	a := netip.MustParseAddrPort("127.0.0.1:0")
	l := newPeer(t, looptest.Open(t, a.Addr(), unix.SOCK_STREAM))
	return l, int(looptest.Bind(t, l.fd, a, 16).Port())
}

// accept takes the next connection of a bare listener, or returns nil.
func (p *peer) accept() *peer {
	p.t.Helper()
	fd, ok := looptest.Accept(p.t, p.fd)
	if !ok {
		return nil
	}
	looptest.NoDelay(p.t, fd)
	return newPeer(p.t, fd)
}
