package reactor_test

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rikki-go/rikki/reactor"
)

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func urlOf(address string) string { return "tcp://" + address }

// listenURL is where a test listens: "tcp4", "tcp6", "udp4", "udp6" or "unix".
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

// addresses resolves every name to these.
func addresses(addrs ...string) reactor.Resolver {
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	return resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return list, nil })
}

// resolverFunc is a Resolver that asks for nothing but the host.
type resolverFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return f(ctx, host)
}

func netipAddrPort(host string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), port)
}
