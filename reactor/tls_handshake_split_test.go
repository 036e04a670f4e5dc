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

// cutWire sends in pieces, each read by the loop before the next. At one place it may vanish.
type cutWire struct {
	turningWire
	piece   int    // the size of pieces; 0: as they are written, but cut at the place
	place   place  // where
	vanish  func() // called at the place; nil: the rest follows
	records int    // whose sending has begun
	reached bool   // the place
}

// place is a number of bytes of one record.
type place struct{ record, bytes int }

// nowhere is behind every record.
var nowhere = place{record: 1 << 20}

// The places in a record that matter: its boundary, within and behind the header, within the
// content.
const inTheMiddle, beforeTheLastByte = -1, -2

var placesInRecord = []int{0, 1, 4, 5, 6, inTheMiddle, beforeTheLastByte}

func init() {
	if raced { // one of each kind, because the race detector makes handshakes slow
		placesInRecord = []int{0, 4, inTheMiddle}
	}
}

// within returns the number of bytes in a record of a size.
func (p place) within(size int) int {
	switch p.bytes {
	case inTheMiddle:
		return size / 2
	case beforeTheLastByte:
		return size - 1
	}
	return min(p.bytes, size-1)
}

// Write takes whole records, as crypto/tls writes them.
func (w *cutWire) Write(p []byte) (int, error) {
	cut := len(p)
	for at := 0; at < len(p); w.records++ {
		size := 5 + int(p[at+3])<<8 + int(p[at+4])
		if w.records == w.place.record {
			cut, w.reached = at+w.place.within(size), true
		}
		at += size
	}
	size := w.piece
	if size == 0 {
		size = len(p)
	}
	w.feed(p[:cut], size)
	if w.reached && w.vanish != nil {
		w.vanish()
		return cut, io.ErrClosedPipe
	}
	w.feed(p[cut:], size)
	return len(p), nil
}

// ticketCount is a cache that counts sessions and remembers none.
type ticketCount int

func (n *ticketCount) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (n *ticketCount) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		*n++
	}
}

// pairing is one kind of handshake, with the role of the loop.
type pairing struct {
	role    string
	version uint16
	mutual  bool // with a client's certificate
	tickets *ticketCount
}

func forPairings(t *testing.T, test func(t *testing.T, p pairing)) {
	for name, version := range versions {
		for _, role := range []string{"server", "client"} {
			for _, mutual := range []bool{true, false} {
				if raced && !mutual {
					continue // a mutual handshake has all messages of the other, and more
				}
				t.Run(fmt.Sprint(role, " ", name, map[bool]string{true: " mutual"}[mutual]), func(t *testing.T) {
					test(t, pairing{role, version, mutual, new(ticketCount)})
				})
			}
		}
	}
}

// connect prepares a side of the loop. next makes one connection after the other. talk
// lets crypto/tls be the other side.
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
			return looptest.DialSocket(t, l.LocalAddr())
		}, func(w *cutWire) error { return pingOnce(tls.Client(w, client)) }
	}
	l, addr := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
	return func() *peer {
		tlsConnect(t, m, "tcp://"+addr.String(), client, fn)
		return l.AwaitAccept(m)
	}, func(w *cutWire) error { return pingOnce(tls.Server(w, server)) }
}

// pingOnce sends a message, reads as many bytes, and closes the connection in order.
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

// A handshake, a ticket, a message and close_notify arrive byte by byte, or are cut in two at
// any place of any record.
func TestTLSHandshakeInPieces(t *testing.T) {
	forPairings(t, func(t *testing.T, p pairing) {
		m := newManager(t)
		var r *recorder
		next, talk := p.connect(t, m, func(c *reactor.Conn, ev reactor.Event, data any) { r.Handle(c, ev, data) })
		run := func(piece int, at place) (reached bool) {
			r = &recorder{On: hooks{reactor.EvRead: sendBack}}
			*p.tickets = 0
			w := &cutWire{turningWire: turningWire{peer: next(), m: m}, piece: piece, place: at}
			defer w.Close()
			if err := talk(w); err != nil || len(r.Errs) > 0 {
				t.Fatalf("%+v: the peer: %v; the loop: %v", at, err, r.Errs)
			}
			await(t, m, "the end", r.Closed)
			if len(r.Errs) > 0 || r.Count(reactor.EvTLSHS) != 1 || r.Count(reactor.EvOpen) != 1 || r.Count(reactor.EvClose) != 1 || *p.tickets != 1 {
				t.Fatalf("%+v: errors %v, events %s, %d tickets", at, r.Errs, eventList(r.Events), *p.tickets)
			}
			return w.reached
		}
		run(1, nowhere)
		for record, more := 0, true; more; record++ {
			for _, n := range placesInRecord {
				more = run(0, place{record, n})
			}
			if !more && record < 4 { // a flight each, the message, close_notify
				t.Errorf("%d records", record)
			}
		}
	})
}

// A peer vanishes during the handshake, in order or with a reset: there is one error that says
// this, one EvClose, and nothing else, wherever the peer stops. newManager checks that no
// coroutine is left.
func TestTLSPeerVanishesDuringHandshake(t *testing.T) {
	forPairings(t, func(t *testing.T, p pairing) {
		for _, reset := range []bool{false, true} {
			m := newManager(t)
			var r *recorder
			next, talk := p.connect(t, m, func(c *reactor.Conn, ev reactor.Event, data any) { r.Handle(c, ev, data) })
			vanish := func(at place) (completed bool) {
				r = &recorder{}
				far := next()
				w := &cutWire{turningWire: turningWire{peer: far, m: m}, place: at, vanish: far.Shutdown}
				if reset {
					w.vanish = far.Reset
				}
				talk(w)
				await(t, m, "the end", r.Closed)
				far.Close()
				if r.Count(reactor.EvTLSHS) > 0 {
					return true
				}
				is, says := error(io.ErrUnexpectedEOF), "closed during the handshake"
				if reset {
					is, says = syscall.ECONNRESET, "reset"
				}
				looptest.WantErr(t, r.Err(t), is, "tls handshake", says)
				if n := m.Stats().TLSHandshaking; n != 0 || r.Count(reactor.EvClose) != 1 {
					t.Fatalf("%+v: %d handshakes in progress, events %s", at, n, eventList(r.Events))
				}
				return false
			}
			for record, completed := 0, false; !completed; record++ {
				for _, n := range placesInRecord {
					if completed = vanish(place{record, n}); completed {
						break
					}
				}
				if completed && record < 2 {
					t.Errorf("the handshake is complete after %d records", record)
				}
			}
		}
	})
}
