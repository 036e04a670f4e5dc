package reactor_test

import (
	"context"
	"math"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// stubborn ignores that its context is cancelled.
type stubborn struct{ *script }

func (s *stubborn) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	return s.script.LookupNetIP(context.Background(), network, host)
}

// A look-up was given up but answers later, while an attempt is in progress. If the
// attempt fails, the dialer still ends.
func TestAnswerAfterTheResolveTimeout(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	r := &recorder{}
	deaf := &stubborn{script: &script{t: t, answers: map[string]chan answer{"ip4": make(chan answer, 1), "ip6": make(chan answer, 1)}}}
	m, k := timed(t, reactor.WithResolver(deaf), reactor.WithDeadlines(reactor.Deadlines{Resolve: 20 * time.Millisecond, Connect: -1}))
	deaf.m = m
	dial(t, m, urlOf(hostPort("many.test", at.Port())), r.Handle)
	spin(t, m, 1)
	deaf.answer("ip4", nil, "127.0.0.1")
	k.Advance(20 * time.Millisecond)
	spin(t, m, 2)
	r.Want(t, "OPEN RESOLVE")
	deaf.answer("ip6", nil)
	broken := 0
	for _, f := range looptest.OpenFiles() { // the attempt's socket, and others that wait for the same listener
		fd, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		const synSent = 2
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.State == synSent {
			unix.Shutdown(fd, unix.SHUT_RDWR)
			broken++
		}
	}
	if broken == 0 {
		t.Fatal("there is no attempt under way")
	}
	spin(t, m, 5)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}
