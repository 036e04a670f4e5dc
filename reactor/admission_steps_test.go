package reactor_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// One turn takes no more steps of handshakes than PerTurn.
func TestHandshakeStepsPerTurn(t *testing.T) {
	const clients, perTurn = 12, 2
	m := newManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: perTurn}))
	all := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), all.Handle)
	done := make(chan error)
	for range clients {
		raw := netDial(t, l.LocalAddr().String())
		go func() { done <- tls.Client(raw, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	}
	await(t, m, "the connections", func() bool { return all.Count(reactor.EvAccept) == clients })
	deadline := time.Now().Add(time.Minute)
	for left := clients; left > 0 || all.Count(reactor.EvTLSHS) < clients; {
		before := all.Count(reactor.EvTLSHS)
		m.Poll(time.Millisecond)
		if n := all.Count(reactor.EvTLSHS) - before; n > perTurn {
			t.Fatalf("%d handshakes in one turn, want %d at the most", n, perTurn)
		}
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d handshakes", all.Count(reactor.EvTLSHS), clients)
		}
	}
	if s := m.Stats(); s.TLSHandshakes != clients || s.TLSHandshaking != 0 {
		t.Errorf("%d handshakes completed, %d in progress", s.TLSHandshakes, s.TLSHandshaking)
	}
}

// The limit of steps holds for the loop's own clients too. All of them complete their
// handshake.
func TestHandshakeStepsPerTurnOfClients(t *testing.T) {
	const clients = 12
	m := newManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: 1}))
	all := &recorder{}
	_, url := tlsListen(t, m, serverConfig(), all.Handle)
	for range clients {
		tlsConnect(t, m, url, clientConfig(), all.Handle)
	}
	for i := 0; all.Count(reactor.EvTLSHS) < 2*clients; i++ {
		before := all.Count(reactor.EvTLSHS)
		if m.Poll(time.Millisecond); all.Count(reactor.EvTLSHS) > before+1 || i == turns || len(all.Errs) > 0 {
			t.Fatalf("turn %d: from %d to %d handshakes, errors %v", i, before, all.Count(reactor.EvTLSHS), all.Errs)
		}
	}
}

// A client sends its ClientHello so slowly that each turn has something of it. It does
// not keep another client from its handshake, even if a turn takes one step only.
func TestSlowHandshakeBlocksNobody(t *testing.T) {
	m := newManager(t, reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: 1}))
	all := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), all.Handle)
	slow := netDial(t, l.LocalAddr().String())
	slow.Write([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0}) // a ClientHello of 16 KB begins
	stop := looptest.EachTurn(m, func() { slow.Write([]byte{0}) })
	defer stop()
	quick := &turningWire{peer: looptest.DialSocket(t, l.LocalAddr()), m: m}
	if err := tls.Client(quick, small(authority().Client(), tls.VersionTLS13)).Handshake(); err != nil {
		t.Fatalf("%v; %s", err, eventList(all.Events))
	}
	await(t, m, "EvTLSHS", all.Saw(reactor.EvTLSHS))
}

// The TLS deadline is the peer's. What the peer has sent in time counts, even if the loop
// has not read it yet.
func TestTLSDeadlineWaitsForStep(t *testing.T) {
	const clients = 5
	clock := looptest.NewClock()
	m := newManager(t, reactor.WithClock(clock.Now), reactor.WithTLSHandshakes(reactor.TLSHandshakes{PerTurn: 1}),
		reactor.WithDeadlines(reactor.Deadlines{TLS: time.Second, Idle: time.Second}))
	heard := 0
	cfg := serverConfig().Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		heard++
		return nil, nil
	}
	all := &recorder{}
	l, _ := tlsListen(t, m, cfg, all.Handle)
	var raws []net.Conn
	for range clients {
		raws = append(raws, netDial(t, l.LocalAddr().String()))
	}
	await(t, m, "the connections", func() bool { return all.Count(reactor.EvAccept) == clients })
	done := make(chan error, clients)
	said := make(chan struct{}, 2*clients)
	for _, raw := range raws {
		go func() {
			done <- tls.Client(&reportingWire{raw, said}, small(authority().Client(), tls.VersionTLS13)).Handshake()
		}()
		<-said // ClientHello
	}
	clock.Advance(time.Minute) // the loop was busy elsewhere
	spin(t, m, clients)
	if heard != clients {
		t.Errorf("%d of %d ClientHellos were heard; errors %v", heard, clients, all.Errs)
	}
	await(t, m, "the end", func() bool {
		clock.Advance(time.Second)
		return all.Count(reactor.EvClose) == clients
	})
	for _, raw := range raws {
		raw.Close()
		<-done
	}
}

// reportingWire sends on a channel after each write.
type reportingWire struct {
	net.Conn
	said chan struct{}
}

func (s *reportingWire) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.said <- struct{}{}
	return n, err
}
