package reactor_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestRefusedPort(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			m := newManager(t)
			r := &recorder{}
			at := netipAddrPort(host, reserve(t))
			dial(t, m, urlOf(at.String()), r.handle)
			await(t, m, "EvClose", r.closed)
			r.want(t, "OPEN RESOLVE ERROR CLOSE")
			err := r.err(t)
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
	dial(t, m, "unix://"+path, r.handle)
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN ERROR CLOSE")
	if err := r.err(t); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// The next address is tried when one fails, and the one that answers is used.
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
			c := dial(t, m, urlOf(hostPort("many.test", port)), r.handle)
			c.Write([]byte("hello"))
			await(t, m, "the echo", func() bool { return string(r.got) == "hello" })
			if c.RemoteAddr() != l.LocalAddr() {
				t.Errorf("RemoteAddr %v, want %v", c.RemoteAddr(), l.LocalAddr())
			}
			r.want(t, "OPEN RESOLVE CONNECT WRITE READ")
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
		dial(t, m, urlOf(hostPort(host, l.LocalAddr().Port())), r.handle)
		await(t, m, "EvConnect for "+host, func() bool { return len(r.events) >= 3 })
		r.want(t, "OPEN RESOLVE CONNECT")
	}
}

// When all fail, the error names each address and why.
func TestAllAddressesAreNamed(t *testing.T) {
	m := newManager(t, reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2", "::1")))
	r := &recorder{}
	dial(t, m, urlOf(hostPort("many.test", reserve(t))), r.handle)
	await(t, m, "EvClose", r.closed)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	err := r.err(t)
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

// blackHole is a listener whose backlog is full: attempts to connect get no
// answer.
func blackHole(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	at := netipAddrPort(host, reserve(t))
	listenAt(t, at, 0)
	for range 8 { // more than fit; what the kernel answered is in the queue
		dialRaw(t, at)
	}
	return at
}

func TestConnectTimeout(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: 3 * time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.handle)
	spin(t, m, 3)
	k.advance(3*time.Second - 1)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
	if d := m.NextTimeout(); d != 1 {
		t.Errorf("NextTimeout %v, want 1ns", d)
	}
	k.advance(1)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE ERROR CLOSE")
	err := r.err(t)
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !strings.Contains(err.Error(), at.String()) {
		t.Errorf("%v (%T)", err, err)
	}
	if d := m.NextTimeout(); d < time.Hour {
		t.Errorf("a timer is left, due in %v", d)
	}
}

// An address that does not answer delays the next by 250 ms [RFC 8305 8].
func TestNextAddressAfterAPause(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithResolver(addresses("127.0.0.1", "127.0.0.2")))
	r := &recorder{}
	l := listen(t, m, urlOf(hostPort("127.0.0.2", at.Port())), nil)
	c := dial(t, m, urlOf(hostPort("two.test", at.Port())), r.handle)
	await(t, m, "EvResolve", r.saw(reactor.EvResolve))
	k.advance(250*time.Millisecond - 1)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
	k.advance(1)
	await(t, m, "EvConnect", r.saw(reactor.EvConnect))
	if c.RemoteAddr() != l.LocalAddr() {
		t.Errorf("connected to %v", c.RemoteAddr())
	}
	k.advance(time.Hour) // neither time-out nor another attempt is left
	spin(t, m, 5)
	r.want(t, "OPEN RESOLVE CONNECT")
}

func TestConnectTimeoutNamesAllThatWereTried(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithResolver(addresses("127.0.0.2", "127.0.0.1")), reactor.WithDeadlines(reactor.Deadlines{Connect: time.Second}))
	r := &recorder{}
	dial(t, m, urlOf(hostPort("two.test", at.Port())), r.handle)
	await(t, m, "EvResolve", r.saw(reactor.EvResolve))
	spin(t, m, 5)
	k.advance(time.Second)
	await(t, m, "EvClose", r.closed)
	err := r.err(t)
	if !errors.Is(err, unix.ECONNREFUSED) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want one refused and one timed out", err)
	}
	for _, want := range []string{"two.test", "127.0.0.1:", "127.0.0.2:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// A connection that is closed or fails while it is being established leaves
// nothing behind (the leak check sees to the descriptors).
func TestCloseWhileConnecting(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	for want, end := range map[string]func(c *reactor.Conn){
		"OPEN RESOLVE CLOSE":       (*reactor.Conn).Close,
		"OPEN RESOLVE ERROR CLOSE": func(c *reactor.Conn) { c.Fail(errors.New("x")) },
	} {
		m, k := timed(t)
		r := &recorder{}
		c := dial(t, m, urlOf(at.String()), r.handle)
		spin(t, m, 3)
		end(c)
		spin(t, m, 1)
		k.advance(time.Hour)
		spin(t, m, 3)
		r.want(t, want)
		if len(openFiles()) == 0 {
			t.Error("descriptors cannot be counted")
		}
	}
}

func TestConnectTimeoutOfZeroIsNone(t *testing.T) {
	at := blackHole(t, "127.0.0.1")
	m, k := timed(t, reactor.WithDeadlines(reactor.Deadlines{Connect: -1}))
	r := &recorder{}
	dial(t, m, urlOf(at.String()), r.handle)
	spin(t, m, 2)
	k.advance(1000 * time.Hour)
	spin(t, m, 3)
	r.want(t, "OPEN RESOLVE")
}
