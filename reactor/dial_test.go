package reactor_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestRefusedPort(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			at := netipAddrPort(host, reserve(t))
			dial(t, m, urlOf(at.String()), r.Handle)
			await(t, m, "EvClose", r.Closed)
			r.Want(t, "OPEN RESOLVE ERROR CLOSE")
			err := r.Err(t)
			var op *net.OpError
			if !errors.Is(err, unix.ECONNREFUSED) || !errors.As(err, &op) || op.Op != "dial" || op.Addr.String() != at.String() {
				t.Errorf("%v (%T), want a refused dial of %v", err, err, at)
			}
		})
	}
}

func TestUnixSocketMissing(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	path := filepath.Join(t.TempDir(), "missing")
	dial(t, m, "unix://"+path, r.Handle)
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN ERROR CLOSE")
	if err := r.Err(t); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// When an address fails the next one is tried. The first that answers is used.
func TestNextAddressIsTried(t *testing.T) {
	for _, list := range [][]string{
		{"127.0.0.1"},
		{"127.0.0.2", "127.0.0.1"},
		{"127.0.0.2", "127.0.0.3", "::1", "127.0.0.1"},
		{"::1", "127.0.0.1"},
		{"::ffff:127.0.0.1"},
		{"127.0.0.1", "127.0.0.1"},
	} {
		t.Run(strings.Join(list, " "), func(t *testing.T) {
			m := newManager(t, reactor.WithResolver(addresses(list...)))
			r := &recorder{}
			port := reserve(t)
			l := listen(t, m, urlOf(hostPort("127.0.0.1", port)), echo)
			c := dial(t, m, urlOf(hostPort("many.test", port)), r.Handle)
			c.Write([]byte("hello"))
			await(t, m, "the echo", func() bool { return string(r.Got) == "hello" })
			if c.RemoteAddr() != l.LocalAddr() {
				t.Errorf("RemoteAddr %v, want %v", c.RemoteAddr(), l.LocalAddr())
			}
			r.Want(t, "OPEN RESOLVE CONNECT WRITE READ")
		})
	}
}

func TestLocalhostNeedsNoResolver(t *testing.T) {
	m := newManager(t, reactor.WithResolver(resolverFunc(func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, errors.New("the resolver was asked for " + host)
	})))
	for host, listener := range map[string]string{
		"localhost": "tcp://127.0.0.1:0", "LOCALHOST.": "tcp://[::1]:0", "x.localhost": "tcp://127.0.0.1:0",
		"127.0.0.1": "tcp://127.0.0.1:0", "::1": "tcp://[::1]:0",
	} {
		l := listen(t, m, listener, nil)
		r := &recorder{}
		dial(t, m, urlOf(hostPort(host, l.LocalAddr().Port())), r.Handle)
		await(t, m, "EvConnect for "+host, func() bool { return len(r.Events) >= 3 })
		r.Want(t, "OPEN RESOLVE CONNECT")
	}
}

// When all addresses fail, the error names each of them and the reason.
func TestAllAddressesAreNamed(t *testing.T) {
	m := newManager(t, reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2", "::1")))
	r := &recorder{}
	dial(t, m, urlOf(hostPort("many.test", reserve(t))), r.Handle)
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	err := r.Err(t)
	for _, want := range []string{"many.test", "127.0.0.1:", "127.0.0.2:", "[::1]:", "refused"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %q", err, want)
		}
	}
	var op *net.OpError
	if !errors.Is(err, unix.ECONNREFUSED) || !errors.As(err, &op) || op.Timeout() {
		t.Errorf("%v: Is ECONNREFUSED %v", err, errors.Is(err, unix.ECONNREFUSED))
	}
}

// blackHole returns the address of a listener whose backlog is full. Attempts to connect
// get no answer.
func blackHole(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	at := netipAddrPort(host, reserve(t))
	listenAt(t, at, 0)
	for range 8 { // more than fit into the backlog
		looptest.DialSocket(t, at)
	}
	return at
}

func TestConnectTimeout(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 3 * time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.Handle)
	spin(t, m, 3)
	k.Advance(3*time.Second - 1)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.Advance(1)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE ERROR CLOSE")
	err := r.Err(t)
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !strings.Contains(err.Error(), at.String()) {
		t.Errorf("%v (%T)", err, err)
	}
	if d := m.NextTimeout(); d < time.Hour {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// If an address does not answer, the next one is tried after 250 ms [RFC 8305 8].
func TestNextAddressAfterADelay(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2")))
	r := &recorder{}
	l := listen(t, m, urlOf(hostPort("127.0.0.2", at.Port())), nil)
	c := dial(t, m, urlOf(hostPort("two.test", at.Port())), r.Handle)
	await(t, m, "EvResolve", r.Saw(reactor.EvResolve))
	k.Advance(250*time.Millisecond - 1)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
	k.Advance(1)
	await(t, m, "EvConnect", r.Saw(reactor.EvConnect))
	if c.RemoteAddr() != l.LocalAddr() {
		t.Errorf("connected to %v", c.RemoteAddr())
	}
	k.Advance(time.Hour) // neither a deadline nor another attempt is left
	spin(t, m, 5)
	r.Want(t, "OPEN RESOLVE CONNECT")
}

func TestConnectTimeoutNamesAllThatWereTried(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithResolver(addresses("127.0.0.2", "127.0.0.1")), reactor.WithDeadlines(reactor.Deadlines{Connect: time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(hostPort("two.test", at.Port())), r.Handle)
	await(t, m, "EvResolve", r.Saw(reactor.EvResolve))
	spin(t, m, 5)
	k.Advance(time.Second)
	await(t, m, "EvClose", r.Closed)
	err := r.Err(t)
	if !errors.Is(err, unix.ECONNREFUSED) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want one refused and one timed out", err)
	}
	for _, want := range []string{"two.test", "127.0.0.1:", "127.0.0.2:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// A connection is closed, or fails, while it is being established. Nothing is left of it;
// newManager checks that no descriptor is.
func TestCloseWhileConnecting(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	for want, end := range map[string]func(c *reactor.Conn){
		"OPEN RESOLVE CLOSE":       (*reactor.Conn).Close,
		"OPEN RESOLVE ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m, k := timed(t)
		r := &recorder{}
		c := dial(t, m, urlOf(at.String()), r.Handle)
		spin(t, m, 3)
		end(c)
		spin(t, m, 1)
		k.Advance(time.Hour)
		spin(t, m, 3)
		r.Want(t, want)
		if len(looptest.OpenFiles()) == 0 {
			t.Error("descriptors cannot be counted")
		}
	}
}

func TestConnectTimeoutOfZeroIsNone(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: -1}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.Handle)
	spin(t, m, 2)
	k.Advance(1000 * time.Hour)
	spin(t, m, 3)
	r.Want(t, "OPEN RESOLVE")
}

// A resolver may return a thousand addresses. The first 16 are tried, and no others.
func TestNumberOfAttemptsIsBounded(t *testing.T) {
	const most = 16
	for _, goodAt := range []int{1, most, most + 1, 1000} {
		list := slices.Repeat([]string{"127.0.0.2"}, 1000) // refused
		list[goodAt-1] = "127.0.0.1"
		m := newManager(t, reactor.WithResolver(addresses(list...)))
		r := &recorder{}
		port := reserve(t)
		listen(t, m, urlOf(hostPort("127.0.0.1", port)), echo)
		dial(t, m, urlOf(hostPort("many.test", port)), r.Handle)
		await(t, m, "the result", func() bool { return r.Saw(reactor.EvConnect)() || r.Closed() })
		if got := r.Saw(reactor.EvConnect)(); got != (goodAt <= most) {
			t.Errorf("the good address is number %d: connected %v", goodAt, got)
		}
		if goodAt > most {
			if n := strings.Count(r.Err(t).Error(), "refused"); n != most {
				t.Errorf("%d attempts, want %d", n, most)
			}
		}
	}
}

// Attempts without an answer hold descriptors. Their number is bounded too.
func TestDescriptorsOfAttemptsAreBounded(t *testing.T) {
	const most = 16
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithResolver(addresses(slices.Repeat([]string{"127.0.0.1"}, 1000)...)),
		reactor.WithDeadlines(reactor.Deadlines{Connect: -1}))
	before := len(looptest.OpenFiles())
	resolved := &recorder{}
	dial(t, m, urlOf(hostPort("many.test", at.Port())), resolved.Handle)
	await(t, m, "EvResolve", resolved.Saw(reactor.EvResolve))
	for range 3 * most {
		k.Advance(250 * time.Millisecond)
		spin(t, m, 1)
	}
	if n := len(looptest.OpenFiles()) - before; n != most || len(resolved.Errs) > 0 {
		t.Errorf("%d descriptors, want %d; errors %v", n, most, resolved.Errs)
	}
}
