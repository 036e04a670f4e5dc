package reactor_test

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Who trickles its handshake so that there is something of it in every turn does not
// keep others from theirs, however few steps a turn may take.
func TestTLSStepsAreTakenInTurns(t *testing.T) {
	m := newManager(t, reactor.WithHandshakes(reactor.Handshakes{PerTurn: 1}))
	all := &recorder{}
	l, _ := tlsListen(t, m, serverConfig(), all.handle)
	slow := netDial(t, l.LocalAddr().String())
	slow.Write([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0}) // a ClientHello of 16 KB begins
	quick := netDial(t, l.LocalAddr().String())
	done := make(chan error, 1)
	go func() { done <- tls.Client(quick, small(authority().Client(), tls.VersionTLS13)).Handshake() }()
	for range turns {
		slow.Write([]byte{0})
		m.Poll(time.Millisecond)
		runtime.Gosched() // the turn of the client's goroutine
		if all.count(reactor.EvTLSHS) > 0 {
			break
		}
	}
	if all.count(reactor.EvTLSHS) != 1 {
		t.Fatalf("no handshake in %d turns; %s", turns, eventList(all.events))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The deadline is for the peer: what it has sent in time counts, though the loop has
// not come to it yet.
func TestTLSDeadlineWaitsForStep(t *testing.T) {
	const clients = 5
	clock := newClock()
	m := newManager(t, reactor.WithClock(clock.now), reactor.WithHandshakes(reactor.Handshakes{PerTurn: 1}),
		reactor.WithDeadlines(reactor.Deadlines{TLS: time.Second, Idle: time.Second}))
	heard := 0
	cfg := serverConfig().Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		heard++
		return nil, nil
	}
	all := &recorder{}
	l, _ := tlsListen(t, m, cfg, all.handle)
	var raws []net.Conn
	for range clients {
		raws = append(raws, netDial(t, l.LocalAddr().String()))
	}
	await(t, m, "the connections", func() bool { return all.count(reactor.EvAccept) == clients })
	done := make(chan error, clients)
	said := make(chan struct{}, 2*clients)
	for _, raw := range raws {
		go func() {
			done <- tls.Client(&saying{raw, said}, small(authority().Client(), tls.VersionTLS13)).Handshake()
		}()
		<-said // ClientHello
	}
	clock.advance(time.Minute) // the loop was busy elsewhere
	spin(t, m, clients)
	if heard != clients {
		t.Errorf("%d of %d ClientHellos were heard; errors %v", heard, clients, all.errs)
	}
	await(t, m, "the end", func() bool {
		clock.advance(time.Second)
		return all.count(reactor.EvClose) == clients
	})
	for _, raw := range raws {
		raw.Close()
		<-done
	}
}

// saying tells of what was written.
type saying struct {
	net.Conn
	said chan struct{}
}

func (s *saying) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.said <- struct{}{}
	return n, err
}
