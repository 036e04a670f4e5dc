package reactor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Short names for what most tests use.
var (
	newManager = looptest.NewManager
	await      = looptest.Await
	spin       = looptest.Spin
	wrap       = looptest.Wrap
	eventList  = looptest.EventNames
)

const turns = looptest.Turns

// recorder is a handler that records its events.
type (
	recorder = looptest.Recorder
	hooks    = looptest.Hooks
)

// harmless calls fn, which must not panic.
func harmless(t *testing.T, what string, fn func()) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panics: %v", what, p)
		}
	}()
	fn()
}

// wantPanic calls fn, which must panic with a text that contains the words.
func wantPanic(t *testing.T, words string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if p := recover(); p == nil {
			t.Errorf("no panic, want one about %q", words)
		} else if s := fmt.Sprint(p); !strings.Contains(s, words) {
			t.Errorf("panic %q, want one about %q", s, words)
		}
	}()
	fn()
}

// indifferent is a layer that does nothing.
type indifferent struct{}

func (*indifferent) Handle(*reactor.Conn, reactor.Event, any) {}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func urlOf(address string) string { return "tcp://" + address }

// listenURL returns the URL that a test listens on, for "tcp4", "tcp6", "udp4", "udp6" or
// "unix".
func listenURL(t *testing.T, transport string) string {
	t.Helper()
	switch transport {
	case "tcp4", "udp4":
		return transport[:3] + "://127.0.0.1:0"
	case "tcp6", "udp6":
		return transport[:3] + "://[::1]:0"
	case "unix":
		return "unix://" + filepath.Join(t.TempDir(), "s")
	}
	t.Fatalf("transport %q", transport)
	return ""
}

// addresses makes a resolver that returns these addresses for every name.
func addresses(addrs ...string) reactor.Resolver {
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	return resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return list, nil })
}

// resolverFunc is a Resolver that uses nothing but the host.
type resolverFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return f(ctx, host)
}

func netipAddrPort(host string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), port)
}

func echo(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		c.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(p)
	return p
}

// connected connects two handlers over one manager. It returns the client.
func connected(t *testing.T, m *reactor.Manager, transport string, server, client reactor.Handler) *reactor.Conn {
	t.Helper()
	url := listenURL(t, transport)
	l := listen(t, m, url, server)
	if transport != "unix" {
		url = transport[:3] + "://" + l.LocalAddr().String()
	}
	return dial(t, m, url, client)
}
