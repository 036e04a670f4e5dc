package reactor_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// cutWire sends in pieces, each read by the loop before the next, and may
// vanish after so many bytes.
type cutWire struct {
	turningWire
	sent   int
	piece  func(sent int) int
	limit  int // -1: none
	vanish func()
}

func (w *cutWire) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		n := min(w.piece(w.sent), len(left))
		if w.limit >= 0 {
			n = min(n, w.limit-w.sent)
		}
		if n == 0 {
			w.vanish()
			return 0, io.ErrClosedPipe
		}
		w.feed(left[:n], n)
		w.sent += n
		left = left[n:]
	}
	return len(p), nil
}

func endless(int) int { return 1 << 20 }

// ticketCount is a cache that counts sessions and remembers none.
type ticketCount int

func (n *ticketCount) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (n *ticketCount) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		*n++
	}
}

// pairing is one kind of handshake, and the loop's side of it.
type pairing struct {
	role    string
	version uint16
	mutual  bool // with a client's certificate
	tickets *ticketCount
}

func forPairings(t *testing.T, test func(t *testing.T, p pairing)) {
	for name, version := range versions {
		for _, role := range []string{"server", "client"} {
			for _, mutual := range []bool{false, true} {
				t.Run(fmt.Sprint(role, " ", name, map[bool]string{true: " mutual"}[mutual]), func(t *testing.T) {
					test(t, pairing{role, version, mutual, new(ticketCount)})
				})
			}
		}
	}
}

// connect lets the loop be its side of as many connections as are asked for, one
// after the other; talk lets crypto/tls be the other.
func (p pairing) connect(t *testing.T, m *reactor.Manager, fn reactor.Handler) (next func() *peer, talk func(w *cutWire) error) {
	server, client := small(serverConfig().Clone(), p.version), small(authority().Client(), p.version)
	client.ClientSessionCache = p.tickets
	if p.mutual {
		server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, authority().Pool
		client.Certificates = server.Certificates
	}
	if p.role == "server" {
		l, _ := tlsListen(t, m, server, fn)
		return func() *peer {
			p := dialRaw(t, l.LocalAddr())
			looptest.NoDelay(t, p.fd)
			return p
		}, func(w *cutWire) error { return pingOnce(tls.Client(w, client)) }
	}
	l, addr := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
	return func() (p *peer) {
		tlsConnect(t, m, "tcp://"+addr.String(), client, fn)
		await(t, m, "the connection", func() bool { p = acceptRaw(t, l); return p != nil })
		looptest.NoDelay(t, p.fd)
		return p
	}, func(w *cutWire) error { return pingOnce(tls.Server(w, server)) }
}

// pingOnce sends a message, reads as much, and ends in order.
func pingOnce(c *tls.Conn) error {
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != "ping" {
		return fmt.Errorf("%q came back", b)
	}
	return c.Close()
}

// A handshake, a ticket and a message behind it and close_notify, byte by byte, and cut
// in two at every byte.
func TestTLSSplitAtEveryByte(t *testing.T) {
	forPairings(t, func(t *testing.T, p pairing) {
		m := newManager(t)
		var r *recorder
		next, talk := p.connect(t, m, func(c *reactor.Conn, ev reactor.Event, data any) { r.handle(c, ev, data) })
		run := func(what string, piece func(int) int) (sent int) {
			r = &recorder{on: hooks{reactor.EvRead: sendBack}}
			*p.tickets = 0
			w := &cutWire{turningWire: turningWire{peer: next(), m: m}, piece: piece, limit: -1}
			defer w.close()
			if err := talk(w); err != nil || len(r.errs) > 0 {
				t.Fatalf("%s: the peer: %v; the loop: %v", what, err, r.errs)
			}
			await(t, m, "the end", r.closed)
			if len(r.errs) > 0 || r.count(reactor.EvTLSHS) != 1 || r.count(reactor.EvOpen) != 1 || r.count(reactor.EvClose) != 1 || *p.tickets != 1 {
				t.Fatalf("%s: errors %v, events %s, %d tickets", what, r.errs, eventList(r.events), *p.tickets)
			}
			return w.sent
		}
		total := run("byte by byte", func(int) int { return 1 })
		step := 1
		if testing.Short() || raced {
			step = 17
		}
		for at := 1; at < total; at += step {
			run(fmt.Sprint("cut at ", at), func(sent int) int {
				if sent < at {
					return at - sent
				}
				return 1 << 20
			})
		}
	})
}

// A peer that vanishes in mid-handshake, in order or with a reset, leaves one
// error that says so, one EvClose, and nothing else, wherever it stops. (That
// no coroutine is left is what newManager checks.)
func TestTLSPeerVanishes(t *testing.T) {
	forPairings(t, func(t *testing.T, p pairing) {
		for _, reset := range []bool{false, true} {
			m := newManager(t)
			var r *recorder
			next, talk := p.connect(t, m, func(c *reactor.Conn, ev reactor.Event, data any) { r.handle(c, ev, data) })
			step := 1
			if testing.Short() || raced {
				step = 7
			}
			for limit := 0; ; limit += step {
				r = &recorder{}
				far := next()
				w := &cutWire{turningWire: turningWire{peer: far, m: m}, piece: endless, limit: limit, vanish: far.shutdown}
				if reset {
					w.vanish = far.reset
				}
				talk(w)
				await(t, m, "the end", r.closed)
				far.close()
				if r.count(reactor.EvTLSHS) > 0 {
					if limit < 100 {
						t.Errorf("a handshake of %d bytes", limit)
					}
					break // it fits into so many bytes
				}
				is, says := error(io.ErrUnexpectedEOF), "closed during the handshake"
				if reset {
					is, says = syscall.ECONNRESET, "reset"
				}
				looptest.WantErr(t, r.err(t), is, "tls handshake", says)
				if n := m.Stats().HalfOpen; n != 0 || r.count(reactor.EvClose) != 1 {
					t.Fatalf("after %d bytes: %d half open, events %s", limit, n, eventList(r.events))
				}
			}
		}
	})
}
