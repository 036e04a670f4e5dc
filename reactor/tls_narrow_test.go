package reactor_test

import (
	"bytes"
	"crypto/tls"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// wrapNarrow is wrap with a socket that takes as little as the system allows.
func wrapNarrow(t *testing.T, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *peer) {
	t.Helper()
	a, b := socketpair(t)
	unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
	c, err := m.WrapFD(a, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, newPeer(t, b)
}

// A flight of the handshake that the socket does not take at once goes on when it
// does, without anything from the peer.
func TestTLSHandshakeThroughNarrowSocket(t *testing.T) {
	chain := serverConfig().Clone()
	chain.Certificates = slices.Clone(chain.Certificates)
	chain.Certificates[0].Certificate = slices.Repeat(chain.Certificates[0].Certificate, 20)
	for name, version := range versions {
		m := newManager(t)
		r := &recorder{on: hooks{reactor.EvRead: sendBack}}
		c, p := wrapNarrow(t, m, r.handle)
		c.StartTLS(chain)
		if err := pingOnce(tls.Client(&turningWire{peer: p, m: m}, small(authority().Client(), version))); err != nil {
			t.Errorf("%s: %v; the loop: %v", name, err, r.errs)
		}
		if s := m.Stats(); s.Writes < 3 && runtime.GOOS == "linux" {
			t.Errorf("%s: %d bytes left with %d system calls", name, s.BytesOut, s.Writes)
		}
	}
}

// Between close_notify and the moment at which the socket takes it, what handlers
// write is too late: it is no error, and it does not leave.
func TestTLSWriteAfterCloseNotify(t *testing.T) {
	late := 0
	for size := 500; size < 5000; size += 500 { // one of them fills the socket
		m := newManager(t)
		r := &recorder{}
		conn, p := wrapNarrow(t, m, r.handle)
		conn.StartTLS(serverConfig())
		h := openHand(t, m, "server", p)
		await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
		msg := noise(size)
		conn.Write(msg)
		conn.Drain()
		spin(t, m, 3)
		if n := m.Stats().Queued; n > 0 && n < 50 { // close_notify alone
			late++
			conn.Write([]byte("too late"))
			spin(t, m, 3)
			h.pump() // there is room for close_notify now
			conn.Write([]byte("too late"))
		}
		all := h.until(-1, 0)
		h.shutdown()
		if await(t, m, "the end", r.closed); !bytes.Equal(all.data, msg) || !all.alerted || len(r.errs) > 0 {
			t.Errorf("the peer got %d bytes of %d, errors %v", len(all.data), size, r.errs)
		}
	}
	if late == 0 && runtime.GOOS == "linux" {
		t.Error("close_notify never had to wait")
	}
}

// Connections that wait for their sockets at the same time do not mix up what they
// have encrypted, though they encrypt into one buffer.
func TestTLSManyWaitForSockets(t *testing.T) {
	const conns, size = 5, 1 << 20
	m := newManager(t)
	var hands []*handPeer
	for i := range conns {
		msg := bytes.Repeat([]byte{byte(i)}, size)
		r := &recorder{on: hooks{reactor.EvRead: func(c *reactor.Conn, _ any) {
			c.Recv.Reset()
			c.Write(msg)
		}}}
		hands = append(hands, wrapHand(t, m, r.handle))
	}
	for _, h := range hands {
		h.feed(h.data("go"), 1<<20)
	}
	var got [conns]int
	for got[conns-1] < size { // a piece of each in turn
		for i, h := range hands {
			all := h.until(min(size-got[i], size/8), 0)
			if got[i] += len(all.data); !bytes.Equal(all.data, bytes.Repeat([]byte{byte(i)}, len(all.data))) {
				t.Fatalf("connection %d has heard something else", i)
			}
		}
	}
}

// One turn encrypts and writes a megabyte of a connection, and then sees to others.
func TestTLSBurst(t *testing.T) {
	m := newManager(t)
	most, total := 0, 0
	var conn *reactor.Conn
	l, _ := tlsListen(t, m, serverConfig(), func(c *reactor.Conn, ev reactor.Event, data any) {
		switch conn = c; ev {
		case reactor.EvWrite:
			most = max(most, *data.(*int))
			total += *data.(*int)
		}
	})
	h := openHand(t, m, "server", dialRaw(t, l.LocalAddr()))
	await(t, m, "the handshake", func() bool { return conn != nil && conn.TLS() != nil })
	conn.Write(make([]byte, 16<<20))
	h.until(16<<20, 0)
	if most > 1<<20+48<<10 || total != 16<<20 {
		t.Errorf("EvWrite counted up to %d bytes, %d in all", most, total)
	}
}

// The rest of a write that goes on and on is progress for the deadline of a stall,
// though nothing new is encrypted meanwhile.
func TestTLSStallHearsOfProgress(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now), reactor.WithDeadlines(reactor.Deadlines{Stall: 5 * time.Second}))
	r := &recorder{}
	conn, p := wrapNarrow(t, m, r.handle)
	conn.StartTLS(serverConfig())
	h := openHand(t, m, "server", p)
	conn.Write(make([]byte, 40_000)) // less than is encrypted at once
	for n := 0; n < 40_000; {
		spin(t, m, 2)
		n += len(h.until(1, 0).data)
		clock.advance(4 * time.Second)
		if spin(t, m, 2); len(r.errs) > 0 {
			t.Fatalf("after %d bytes: %v", n, r.errs)
		}
	}
}
