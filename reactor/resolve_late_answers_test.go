package reactor_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// What follows is about a second answer that comes when connecting has begun.

// The tests below are about a second answer that comes after connecting has begun.
// halfBlackHole returns a port that is a black hole on one loopback address, and that
// somebody listens on on the other.
func halfBlackHole(t *testing.T, hole, good string) uint16 {
	t.Helper()
	port := blackHole(t, hole).Port()
	listenAt(t, netipAddrPort(good, port), 8)
	return port
}

// An address that is learned while an attempt hangs is tried when the attempt has had its
// 250 ms [RFC 8305 3, 5]. So a family that does not work costs a delay, not the
// connection.
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
			port := halfBlackHole(t, test.hole, test.good)
			r := &recorder{}
			s, m, k, c := scripted(t, port, r.Handle, reactor.WithDeadlines(reactor.Deadlines{Connect: 10 * time.Second}))
			s.answer(test.first, nil, test.hole)
			if test.first == "ip4" {
				k.Advance(50 * time.Millisecond)
			}
			await(t, m, "EvResolve", r.Saw(reactor.EvResolve))
			spin(t, m, 2)
			k.Advance(test.after)
			spin(t, m, 2)
			s.answer(test.second, nil, test.good)
			if test.left > 0 {
				k.Advance(test.left - 1)
				spin(t, m, 3)
				r.Want(t, "OPEN RESOLVE")
				k.Advance(1)
			}
			await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
			if got := c.RemoteAddr(); got != netipAddrPort(test.good, port) {
				t.Errorf("connected to %v", got)
			}
			r.Want(t, "OPEN RESOLVE CONNECT")
		})
	}
}

// Other addresses do not end the attempt that hangs. It may still succeed first.
func TestLateAddressesDoNotEndWhatIsUnderWay(t *testing.T) {
	port := halfBlackHole(t, "127.0.0.1", "127.0.0.2")
	r := &recorder{}
	s, m, k, c := scripted(t, port, r.Handle)
	s.answer("ip6", nil)
	s.answer("ip4", nil, "127.0.0.1", "127.0.0.2")
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
	k.Advance(250 * time.Millisecond)
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	if got := c.RemoteAddr(); got != netipAddrPort("127.0.0.2", port) {
		t.Errorf("connected to %v", got)
	}
}

// All known addresses have failed while a look-up is pending. The dialer waits for its
// addresses and tries them at once.
func TestAllTriedWhileALookUpIsPending(t *testing.T) {
	at := netipAddrPort("127.0.0.1", reserve(t))
	listenAt(t, at, 8)
	for _, more := range [][]string{{"127.0.0.1"}, nil} {
		r := &recorder{}
		s, m, k, c := scripted(t, at.Port(), r.Handle)
		s.answer("ip6", nil, "::1") // nobody listens there
		spin(t, m, 5)
		r.Want(t, "OPEN RESOLVE")
		k.Advance(time.Second)
		spin(t, m, 5)
		r.Want(t, "OPEN RESOLVE")
		s.answer("ip4", nil, more...)
		if len(more) > 0 {
			await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
			if c.RemoteAddr() != at {
				t.Errorf("connected to %v", c.RemoteAddr())
			}
			continue
		}
		spin(t, m, 2)
		r.Want(t, "OPEN RESOLVE ERROR CLOSE")
		if err := r.Err(t); !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), "[::1]:") {
			t.Errorf("%v", err)
		}
	}
}

// The resolve deadline bounds a pending look-up. It counts from the beginning. When it
// passes, the error is that of the addresses that were tried.
func TestPendingLookUpIsBounded(t *testing.T) {
	r := &recorder{}
	s, m, k, _ := scripted(t, reserve(t), r.Handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 4 * time.Second}))
	s.answer("ip4", nil, "127.0.0.1")
	k.Advance(50 * time.Millisecond)
	await(t, m, "EvResolve", r.Saw(reactor.EvResolve))
	spin(t, m, 5)
	r.Want(t, "OPEN RESOLVE")
	k.Advance(4*time.Second - 50*time.Millisecond)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	if err := r.Err(t); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v, want what became of the address that was tried", err)
	}
}

// When the resolve deadline passes the look-up is cancelled. The attempt in progress
// continues.
func TestPendingLookUpIsCancelled(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	r := &recorder{}
	s, m, k, _ := scripted(t, at.Port(), r.Handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 4 * time.Second}))
	s.answer("ip4", nil, "127.0.0.1")
	k.Advance(50 * time.Millisecond)
	await(t, m, "EvResolve", r.Saw(reactor.EvResolve))
	k.Advance(4*time.Second - 50*time.Millisecond)
	await(t, m, "the look-up to be cancelled", func() bool { return s.cancelled.Load() == 1 })
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
}

// The resolve deadline may pass within the delay. The known addresses are tried then.
func TestResolveTimeoutWithinTheDelay(t *testing.T) {
	r := &recorder{}
	s, m, k, _ := scripted(t, reserve(t), r.Handle, reactor.WithDeadlines(reactor.Deadlines{Resolve: 20 * time.Millisecond}))
	s.answer("ip4", nil, "127.0.0.1")
	if d := m.NextTimeout(); d != 20*time.Millisecond {
		t.Fatalf("NextTimeout %v", d)
	}
	k.Advance(20 * time.Millisecond)
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// EvResolve comes once, whatever is learned later. If its handler closes the connection,
// no address is tried.
func TestCloseInEvResolve(t *testing.T) {
	_, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 8)
	r := &recorder{On: hooks{reactor.EvResolve: func(c *reactor.Conn, _ any) { c.Close() }}}
	s, m, k, _ := scripted(t, at.Port(), r.Handle)
	s.answer("ip4", nil, "127.0.0.1")
	k.Advance(50 * time.Millisecond)
	spin(t, m, 3)
	k.Advance(time.Hour)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE CLOSE")
	if m.NextTimeout() != math.MaxInt64 {
		t.Error("a timer is left")
	}
}
