package reactor_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// One turn of the loop takes no more steps of handshakes than it may.
func TestTLSStepsPerTurn(t *testing.T) {
	const clients, perTurn = 12, 2
	m := newManager(t, reactor.WithHandshakes(reactor.Handshakes{PerTurn: perTurn}))
	all := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), all.handle)
	done := make(chan error)
	for range clients {
		raw := netDial(t, l.LocalAddr().String())
		go func() { done <- tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	}
	await(t, m, "the connections", func() bool { return all.count(reactor.EvAccept) == clients })
	left := clients
	for range turns {
		before := all.count(reactor.EvTLSHS)
		m.Poll(time.Millisecond)
		if n := all.count(reactor.EvTLSHS) - before; n > perTurn {
			t.Fatalf("%d handshakes in one turn, want %d at the most", n, perTurn)
		}
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		default:
		}
		if left == 0 && all.count(reactor.EvTLSHS) == clients {
			break
		}
	}
	if s := m.Stats(); s.Handshakes != clients || s.HalfOpen != 0 {
		t.Errorf("%d handshakes, %d half open", s.Handshakes, s.HalfOpen)
	}
}

// Nor do the loop's own clients, and all of them get their turn.
func TestTLSStepsPerTurnOfClients(t *testing.T) {
	const clients = 12
	m := newManager(t, reactor.WithHandshakes(reactor.Handshakes{PerTurn: 1}))
	all := &recorder{}
	_, url := tlsListen(t, m, serverConfig(), all.handle)
	for range clients {
		tlsConnect(t, m, url, authority().Client(), all.handle)
	}
	for i := 0; all.count(reactor.EvTLSHS) < 2*clients; i++ {
		before := all.count(reactor.EvTLSHS)
		if m.Poll(time.Millisecond); all.count(reactor.EvTLSHS) > before+1 || i == turns || len(all.errs) > 0 {
			t.Fatalf("turn %d: from %d to %d handshakes, errors %v", i, before, all.count(reactor.EvTLSHS), all.errs)
		}
	}
}

// The deadline of TLS ends with EvTLSHS, that of a layer's handshake begins
// then, and a pause counts for neither.
func TestTLSDeadlines(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now),
		reactor.WithDeadlines(reactor.Deadlines{TLS: 5 * time.Second, Handshake: 3 * time.Second}))
	var conn *reactor.Conn
	r := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) {
		conn = c
		c.Stack().SetHandshaking(true)
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		return tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake()
	})
	await(t, m, "the connection", r.saw(reactor.EvAccept))
	clock.advance(4 * time.Second) // beyond Handshake
	spin(t, m, 2)
	conn.Pause()
	spin(t, m, 2)
	clock.advance(4 * time.Second)
	spin(t, m, 2)
	conn.Resume()
	clock.advance(time.Second - 1)
	spin(t, m, 2)
	p.run(-1, whole)
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	clock.advance(2 * time.Second)
	spin(t, m, 2)
	if len(r.errs) > 0 {
		t.Fatal(r.errs)
	}
	clock.advance(time.Second)
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), os.ErrDeadlineExceeded, "handshake deadline of 3s")
}

// A layer's deadline that is over before that of TLS would be is not late.
func TestTLSDeadlineThenShorterOne(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now),
		reactor.WithDeadlines(reactor.Deadlines{TLS: time.Minute, Handshake: 3 * time.Second}))
	r := &recorder{on: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.Stack().SetHandshaking(true) }}}
	wrapHand(t, m, r.handle)
	await(t, m, "the handshake", r.saw(reactor.EvTLSHS))
	spin(t, m, 2)
	clock.advance(3 * time.Second)
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), os.ErrDeadlineExceeded, "handshake deadline of 3s")
}

// Stall is about the socket: what waits for the handshake does not count.
func TestTLSStallDuringHandshake(t *testing.T) {
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now), reactor.WithDeadlines(reactor.Deadlines{TLS: -1, Stall: time.Second}))
	r := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write([]byte("waits")) }}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	netDial(t, l.LocalAddr().String())
	await(t, m, "the connection", r.saw(reactor.EvAccept))
	spin(t, m, 2)
	clock.advance(time.Hour)
	spin(t, m, 5)
	r.want(t, "OPEN ACCEPT")
}

// Limits and water marks count what the socket did not take, encrypted or not; the
// loop does not spin over what waits for the handshake.
func TestTLSLimits(t *testing.T) {
	m := newManager(t)
	r := &recorder{on: hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) {
		c.SetWater(1000, 1<<20)
		c.SetLimits(reactor.Limits{Send: 32 << 20, Recv: 10})
		c.Write(make([]byte, 16<<20))
	}}}
	l, _ := tlsListen(t, m, serverConfig(), r.handle)
	p := startPeer(t, m, netDial(t, l.LocalAddr().String()), func(raw net.Conn) error {
		return tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake()
	})
	p.run(-1, whole)
	await(t, m, "the mark", r.saw(reactor.EvHighWater))
	spin(t, m, 20)
	writes := m.Stats().Writes
	spin(t, m, 20)
	if s := m.Stats(); s.Writes != writes || s.Queued < 1<<20 || s.Queued > 16<<20 {
		t.Errorf("%d writes, %d of them for nothing; %d bytes queued", s.Writes, s.Writes-writes, s.Queued)
	}
	for c := range m.Conns() {
		c.SetLimits(reactor.Limits{Send: 1 << 20})
	}
	await(t, m, "the end", r.closed)
	var limit *reactor.LimitError
	if err := r.err(t); !errors.As(err, &limit) || limit.Buffer != "Send" {
		t.Error(err)
	}
}
