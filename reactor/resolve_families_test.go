package reactor_test

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// script is a resolver that answers when a test says so, for each family separately.
type script struct {
	t       *testing.T
	m       *reactor.Manager
	answers map[string]chan answer // by network

	cancelled atomic.Int32
}

type answer struct {
	addrs []netip.Addr
	err   error
}

func (s *script) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	select {
	case a := <-s.answers[network]:
		return a.addrs, a.err
	case <-ctx.Done():
		s.cancelled.Add(1)
		return nil, ctx.Err()
	}
}

// scripted makes a manager with such a resolver, and a connection to many.test that has
// started its look-ups.
func scripted(t *testing.T, port uint16, fn reactor.Handler, opts ...reactor.Option) (*script, *reactor.Manager, *looptest.Clock, *reactor.Conn) {
	t.Helper()
	s := &script{t: t, answers: map[string]chan answer{"ip4": make(chan answer, 1), "ip6": make(chan answer, 1)}}
	m, k := timed(t, append([]reactor.Option{reactor.WithResolver(s), reactor.WithDeadlines(reactor.Deadlines{Resolve: -1, Connect: -1})}, opts...)...)
	s.m = m
	c := dial(t, m, urlOf(hostPort("many.test", port)), fn)
	spin(t, m, 1)
	return s, m, k, c
}

// answer lets one look-up return, and lets the loop take the result.
func (s *script) answer(network string, err error, addrs ...string) {
	s.t.Helper()
	if pollable(s.t, s.m.Fd()) {
		s.t.Fatal("the loop is not idle")
	}
	a := answer{err: err}
	for _, x := range addrs {
		a.addrs = append(a.addrs, netip.MustParseAddr(x))
	}
	s.answers[network] <- a
	for deadline := time.Now().Add(time.Minute); !pollable(s.t, s.m.Fd()); runtime.Gosched() {
		if time.Now().After(deadline) {
			s.t.Fatalf("no answer to %s", network)
		}
	}
	spin(s.t, s.m, 1)
}

// IPv4 addresses that are known first wait 50 ms for IPv6 addresses [RFC 8305 3, 8].
func TestIPv4WaitsForIPv6(t *testing.T) {
	r := &recorder{}
	m0 := newManager(t)
	l := listen(t, m0, "tcp://127.0.0.1:0", nil)
	s, m, k, c := scripted(t, l.LocalAddr().Port(), r.Handle)
	s.answer("ip4", nil, "127.0.0.1")
	k.Advance(50*time.Millisecond - 1)
	spin(t, m, 3)
	r.Want(t, "OPEN")
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.Advance(1)
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	if c.RemoteAddr() != l.LocalAddr() {
		t.Errorf("connected to %v", c.RemoteAddr())
	}
	r.Want(t, "OPEN RESOLVE CONNECT")
	if d := m.NextTimeout(); d != math.MaxInt64 {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// IPv6 addresses that come first are tried at once. IPv4 addresses are tried as soon as
// it is known that there are no IPv6 addresses. An empty answer and an error are answers.
func TestConnectsAsSoonAsItMay(t *testing.T) {
	type step struct {
		network string
		err     error
		addrs   []string
	}
	no := errors.New("no such name")
	for name, steps := range map[string][]step{
		"ip6 alone":                 {{"ip6", nil, []string{"::1"}}},
		"ip6 after no ip4":          {{"ip4", nil, nil}, {"ip6", nil, []string{"::1"}}},
		"ip6 after failure of ip4":  {{"ip4", no, nil}, {"ip6", nil, []string{"::1"}}},
		"ip4 after no ip6":          {{"ip6", nil, nil}, {"ip4", nil, []string{"127.0.0.1"}}},
		"ip4 after failure of ip6":  {{"ip6", no, nil}, {"ip4", nil, []string{"127.0.0.1"}}},
		"ip4 before no ip6":         {{"ip4", nil, []string{"127.0.0.1"}}, {"ip6", nil, nil}},
		"ip4 before failure of ip6": {{"ip4", nil, []string{"127.0.0.1"}}, {"ip6", no, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			m0 := newManager(t)
			l := listen(t, m0, "tcp://:0", nil) // both families
			r := &recorder{}
			s, m, k, c := scripted(t, l.LocalAddr().Port(), r.Handle)
			for i, st := range steps {
				r.Want(t, "OPEN")
				s.answer(st.network, st.err, st.addrs...)
				if i < len(steps)-1 {
					spin(t, m, 3)
				}
			}
			await(t, m, "EvConnect", r.Saw(reactor.EvConnect)) // the clock stands still
			if last := steps[len(steps)-1]; len(last.addrs) > 0 && c.RemoteAddr().Addr().String() != last.addrs[0] {
				t.Errorf("connected to %v", c.RemoteAddr())
			}
			k.Advance(time.Hour)
			spin(t, m, 3)
			r.Want(t, "OPEN RESOLVE CONNECT")
		})
	}
}

// An IPv6 address is tried first if both answers come within the delay, in any order [RFC
// 8305 4].
func TestIPv6IsTriedFirst(t *testing.T) {
	for _, first := range []string{"ip4", "ip6 with an IPv4 address"} {
		m0 := newManager(t)
		l := listen(t, m0, "tcp://:0", nil)
		r := &recorder{}
		s, m, k, c := scripted(t, l.LocalAddr().Port(), r.Handle)
		if first == "ip4" {
			s.answer("ip4", nil, "127.0.0.1", "127.0.0.2")
			k.Advance(49 * time.Millisecond)
			s.answer("ip6", nil, "::1")
		} else { // a resolver that ignores the family
			s.answer("ip6", nil, "127.0.0.1", "::1")
		}
		await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
		if got := c.RemoteAddr().Addr().String(); got != "::1" {
			t.Errorf("%s first: connected to %s, want ::1", first, got)
		}
	}
}

// With both families the attempts alternate.
func TestFamiliesAlternate(t *testing.T) {
	r := &recorder{}
	s, m, _, _ := scripted(t, reserve(t), r.Handle)
	s.answer("ip4", nil, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	s.answer("ip6", nil, "::1", "::ffff:127.0.0.9") // the second belongs to the answer for ip4
	await(t, m, "EvClose", r.Closed)
	text, last := r.Err(t).Error(), -1
	for _, addr := range []string{"[::1]:", "127.0.0.1:", "127.0.0.2:", "127.0.0.3:"} {
		i := strings.Index(text, addr)
		if i <= last {
			t.Errorf("%q: %s is missing or comes too early", text, addr)
		}
		last = i
	}
	if strings.Contains(text, "127.0.0.9") {
		t.Errorf("%q: an IPv4 address from the look-up of IPv6 ones", text)
	}
}

// If both look-ups fail, the error names the host and a reason. A name that exists but
// has no addresses counts as not found.
func TestBothLookUpsFail(t *testing.T) {
	six, four := errors.New("six is down"), errors.New("four is down")
	for name, test := range map[string]struct {
		six, four error
		want      []error // any of them
	}{
		"both":    {six, four, []error{six, four}},
		"six":     {six, nil, []error{six}},
		"four":    {nil, four, []error{four}},
		"neither": {nil, nil, nil},
	} {
		for _, order := range [][2]string{{"ip4", "ip6"}, {"ip6", "ip4"}} {
			t.Run(name+" "+order[0], func(t *testing.T) {
				r := &recorder{}
				s, m, _, _ := scripted(t, 80, r.Handle)
				reasons := map[string]error{"ip4": test.four, "ip6": test.six}
				s.answer(order[0], reasons[order[0]])
				r.Want(t, "OPEN")
				s.answer(order[1], reasons[order[1]])
				spin(t, m, 2)
				r.Want(t, "OPEN ERROR CLOSE")
				err := r.Err(t)
				ok := test.want == nil
				for _, w := range test.want {
					ok = ok || errors.Is(err, w)
				}
				var dns *net.DNSError
				if test.want == nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
					ok = false
				}
				if !ok || !strings.Contains(err.Error(), "many.test") {
					t.Errorf("%v", err)
				}
			})
		}
	}
}
