package reactor_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestBadURLs(t *testing.T) {
	m := newManager(t)
	both := []string{
		"", "127.0.0.1:80", "http://127.0.0.1:80", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:65536",
		"tcp://127.0.0.1:80/path", "tcp://127.0.0.1:80?query", "tcp://user@127.0.0.1:80", "udp://user:@127.0.0.1:80",
		"unix://", "unix://relative", "tcp://[::1:80", "unix://" + t.TempDir() + "/s?query", "unix://user@" + t.TempDir() + "/s",
	}
	for _, url := range both {
		if c, err := m.Connect(url, nil, nil); err == nil || c != nil || !strings.Contains(err.Error(), "bad URL") {
			t.Errorf("Connect(%q): %v, %v", url, c, err)
		}
		if c, err := m.Listen(url, nil, nil); err == nil || c != nil {
			t.Errorf("Listen(%q): %v, %v", url, c, err)
		}
	}
	for _, url := range []string{"tcp://:80", "tcp://127.0.0.1:0", "udp://:80", "udp://127.0.0.1:0"} {
		if _, err := m.Connect(url, nil, nil); err == nil {
			t.Errorf("Connect(%q) took it", url)
		}
	}
	for _, url := range []string{"tcp://host.test:80", "udp://host.test:80", "tcp://192.0.2.1:0"} {
		if _, err := m.Listen(url, nil, nil); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("Listen(%q): %v", url, err)
		}
	}
	if n := countConns(m); n != 0 {
		t.Errorf("%d connections of refused URLs", n)
	}
}

// The error names a zone that is no network interface, instead of an invalid argument.
func TestUnknownZone(t *testing.T) {
	m := newManager(t)
	for _, scheme := range []string{"tcp", "udp"} {
		url := scheme + "://[fe80::1%25nosuch]:80"
		const want = `zone "nosuch" is no network interface`
		if _, err := m.Listen(url, nil, nil); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q): %v", url, err)
		}
		var r recorder
		dial(t, m, url, r.Handle)
		await(t, m, "EvClose", r.Closed)
		if err := r.Err(t); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), want) {
			t.Errorf("Connect(%q): %v", url, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			var accepted *reactor.Conn
			r := &recorder{}
			c := connected(t, m, transport, func(c *reactor.Conn, ev reactor.Event, _ any) {
				if ev == reactor.EvAccept {
					accepted = c
				}
			}, r.Handle)
			await(t, m, "both ends", func() bool { return accepted != nil && r.Count(reactor.EvConnect) > 0 })
			if c.LocalAddr() != accepted.RemoteAddr() || c.RemoteAddr() != accepted.LocalAddr() {
				t.Errorf("client %v->%v, server %v->%v", c.LocalAddr(), c.RemoteAddr(), accepted.LocalAddr(), accepted.RemoteAddr())
			}
			if c.LocalAddr().IsValid() != (transport != "unix") {
				t.Errorf("local address %v", c.LocalAddr())
			}
			if accepted.IsClient() || accepted.IsListening() || accepted.ID() == c.ID() {
				t.Errorf("accepted: IsClient %v, IsListening %v, ID %d", accepted.IsClient(), accepted.IsListening(), accepted.ID())
			}
		})
	}
}

func TestListenOnUsedAddress(t *testing.T) {
	m := newManager(t)
	for _, url := range []string{"tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0"} {
		l := listen(t, m, url, nil)
		again := url[:3] + "://" + l.LocalAddr().String()
		if _, err := m.Listen(again, nil, nil); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), again) {
			t.Errorf("Listen(%q): %v", again, err)
		}
	}
}

// An empty host means all interfaces of both families.
func TestListenOnAllInterfaces(t *testing.T) {
	m := newManager(t)
	var from []netip.Addr
	l := listen(t, m, "tcp://:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			from = append(from, c.RemoteAddr().Addr())
		}
	})
	if !l.IsListening() || l.IsClient() || l.LocalAddr().Port() == 0 {
		t.Errorf("IsListening %v, LocalAddr %v", l.IsListening(), l.LocalAddr())
	}
	for i, host := range []string{"127.0.0.1", "::1"} {
		looptest.DialSocket(t, netipAddrPort(host, l.LocalAddr().Port()))
		await(t, m, "EvAccept", func() bool { return len(from) == i+1 })
		if from[i] != netip.MustParseAddr(host) { // an IPv4 address is not mapped to IPv6
			t.Errorf("accepted from %v, want %s", from[i], host)
		}
	}
}

func TestListenOnLocalhost(t *testing.T) {
	m := newManager(t)
	if l := listen(t, m, "tcp://localhost:0", nil); l.LocalAddr().Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("LocalAddr %v", l.LocalAddr())
	}
}

// LocalAddr returns the listener's address after EvClose too.
func TestListenerAddressAfterClose(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.Handle)
	at := l.LocalAddr()
	l.Close()
	await(t, m, "EvClose", r.Closed)
	if l.LocalAddr() != at || !at.IsValid() {
		t.Errorf("%v, was %v", l.LocalAddr(), at)
	}
	again := listen(t, m, urlOf(at.String()), nil) // the address is free at once
	if again.LocalAddr() != at {
		t.Errorf("%v", again.LocalAddr())
	}
}

// In a listener's EvClose the next listener can take its address, and keeps it.
func TestAddressIsFreeInEvClose(t *testing.T) {
	for _, transport := range []string{"tcp4", "tcp6", "unix", "udp4"} {
		t.Run(transport, func(t *testing.T) {
			m := newManager(t)
			url := listenURL(t, transport)
			var next *reactor.Conn
			heard := &recorder{}
			r := &recorder{On: hooks{reactor.EvClose: func(c *reactor.Conn, _ any) {
				next = listen(t, m, url, heard.Handle)
			}}}
			l := listen(t, m, url, r.Handle)
			if transport != "unix" {
				url = transport[:3] + "://" + l.LocalAddr().String()
			}
			l.Close()
			await(t, m, "EvClose", r.Closed)
			spin(t, m, 2)
			if next.LocalAddr() != l.LocalAddr() {
				t.Errorf("%v, want %v", next.LocalAddr(), l.LocalAddr())
			}
			met := &recorder{}
			c := dial(t, m, url, met.Handle)
			await(t, m, "the connection", func() bool { return met.Saw(reactor.EvConnect)() || met.Closed() })
			c.Write([]byte("x"))
			await(t, m, "the next listener's event", func() bool {
				return heard.Saw(reactor.EvAccept)() || heard.Saw(reactor.EvRead)() || met.Closed()
			})
			if len(met.Errs) > 0 {
				t.Errorf("no listener there: %v", met.Errs)
			}
		})
	}
}
