package reactor_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// What follows is about a second answer that comes when connecting has begun.

// fate is a port that is a black hole on one address of loopback, and that
// somebody listens on on another.
func fate(t *testing.T, hole, good string) uint16 {
	t.Helper()
	port := blackHole(t, hole).Port()
	listenAt(t, netipAddrPort(good, port), 8)
	return port
}

// An address that is learned while an attempt hangs is tried when that has
// had its 250 ms [RFC 8305 3, 5]: a family that is broken on the way costs a
// pause, not the connection.
func TestLateAddressesAreTried(t *testing.T) {
	for _, test := range []struct {
		first, hole, second, good string
		after, left               time.Duration // the attempt began: until the answer, and from then on
	}{
		{"ip6", "::1", "ip4", "127.0.0.1", 50 * time.Millisecond, 200 * time.Millisecond},
		{"ip4", "127.0.0.1", "ip6", "::1", 50 * time.Millisecond, 200 * time.Millisecond},
		{"ip6", "::1", "ip4", "127.0.0.1", 400 * time.Millisecond, 0},
		{"ip4", "127.0.0.1", "ip6", "::1", 250 * time.Millisecond, 0},
	} {
		t.Run(fmt.Sprint(test.first, " ", test.after), func(t *testing.T) {
			port := fate(t, test.hole, test.good)
			r := &recorder{}
			s, m, k, c := scripted(t, port, r.handle, reactor.WithDeadlines(reactor.Deadlines{Connect: 10 * time.Second}))
			s.answer(test.first, nil, test.hole)
			if test.first == "ip4" {
				k.advance(50 * time.Millisecond)
			}
			await(t, m, "EvResolve", r.saw(reactor.EvResolve))
			spin(t, m, 2)
			k.advance(test.after)
			spin(t, m, 2)
			s.answer(test.second, nil, test.good)
			if test.left > 0 {
				k.advance(test.left - 1)
				spin(t, m, 3)
				r.want(t, "OPEN RESOLVE")
				k.advance(1)
			}
			await(t, m, "EvConnect", r.saw(reactor.EvConnect))
			if got := c.RemoteAddr(); got != netipAddrPort(test.good, port) {
				t.Errorf("connected to %v", got)
			}
			r.want(t, "OPEN RESOLVE CONNECT")
		})
	}
}

// The attempt that hangs may still win the race.
func TestLateAddressesDoNotEndWhatIsUnderWay(t *testing.T) {
	port := fate(t, "127.0.0.1", "127.0.0.2")
	r := &recorder{}
	s, m, k, c := scripted(t, port, r.handle)
	s.answer("ip6", nil)
	s.answer("ip4", nil, "127.0.0.1", "127.0.0.2")
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
	k.advance(250 * time.Millisecond)
	await(t, m, "EvConnect", r.saw(reactor.EvConnect))
	if got := c.RemoteAddr(); got != netipAddrPort("127.0.0.2", port) {
		t.Errorf("connected to %v", got)
	}
}

// All that were tried have failed while a look-up is pending: its addresses
// are waited for, and tried at once.
func TestAllTriedWhileALookUpIsPending(t *testing.T) {
	at := netipAddrPort("127.0.0.1", reserve(t))
	listenAt(t, at, 8)
	for _, more := range [][]string{{"127.0.0.1"}, nil} {
		r := &recorder{}
		s, m, k, c := scripted(t, at.Port(), r.handle)
		s.answer("ip6", nil, "::1") // nobody listens there
		spin(t, m, 5)
		r.want(t, "OPEN RESOLVE")
		k.advance(time.Second)
		spin(t, m, 5)
		r.want(t, "OPEN RESOLVE")
		s.answer("ip4", nil, more...)
		if len(more) > 0 {
			await(t, m, "EvConnect", r.saw(reactor.EvConnect))
			if c.RemoteAddr() != at {
				t.Errorf("connected to %v", c.RemoteAddr())
			}
			continue
		}
		spin(t, m, 2)
		r.want(t, "OPEN RESOLVE ERROR CLOSE")
		if err := r.err(t); !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), "[::1]:") {
			t.Errorf("%v", err)
		}
	}
}

// The look-up that is pending is bounded by the resolve time-out, which
// counts from the beginning: then what was tried is the error.
func TestPendingLookUpIsBounded(t *testing.T) {
	r := &recorder{}
	s, m, k, _ := scripted(t, reserve(t), r.handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 4 * time.Second}))
	s.answer("ip4", nil, "127.0.0.1")
	k.advance(50 * time.Millisecond)
	await(t, m, "EvResolve", r.saw(reactor.EvResolve))
	spin(t, m, 5)
	r.want(t, "OPEN RESOLVE")
	k.advance(4*time.Second - 50*time.Millisecond)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	if err := r.err(t); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v, want what became of the address that was tried", err)
	}
}

// When its time is up the look-up is cancelled, and what is under way goes on.
func TestPendingLookUpIsCancelled(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	r := &recorder{}
	s, m, k, _ := scripted(t, at.Port(), r.handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 4 * time.Second}))
	s.answer("ip4", nil, "127.0.0.1")
	k.advance(50 * time.Millisecond)
	await(t, m, "EvResolve", r.saw(reactor.EvResolve))
	k.advance(4*time.Second - 50*time.Millisecond)
	await(t, m, "the look-up to be cancelled", func() bool { return s.cancelled.Load() == 1 })
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
}

// The resolve time-out may pass within the delay: what is known is tried.
func TestResolveTimeoutWithinTheDelay(t *testing.T) {
	r := &recorder{}
	s, m, k, _ := scripted(t, reserve(t), r.handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 20 * time.Millisecond}))
	s.answer("ip4", nil, "127.0.0.1")
	if d := m.NextTimeout(); d != 20*time.Millisecond {
		t.Fatalf("NextTimeout %v", d)
	}
	k.advance(20 * time.Millisecond)
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// EvResolve comes once, whatever is learned later, and a connection that its
// handler closes tries nothing.
func TestCloseInEvResolve(t *testing.T) {
	_, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 8)
	r := &recorder{on: hooks{reactor.EvResolve: func(c *reactor.Conn, _ any) { c.Close() }}}
	s, m, k, _ := scripted(t, at.Port(), r.handle)
	s.answer("ip4", nil, "127.0.0.1")
	k.advance(50 * time.Millisecond)
	spin(t, m, 3)
	k.advance(time.Hour)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE CLOSE")
	if m.NextTimeout() != math.MaxInt64 {
		t.Error("a timer is left")
	}
}
