package allocs_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// tlsPair makes a listener that sends back what arrives, and returns what connects to it.
func tlsPair(t *testing.T) (m *reactor.Manager, connect func(reactor.Handler) *reactor.Conn) {
	m = looptest.NewManager(t)
	authority := looptest.NewAuthority(t)
	l, err := m.Listen("tls://127.0.0.1:0", echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := authority.Server(t)
	server.MinVersion = tls.VersionTLS13
	l.StartTLS(server)
	url, config := "tls://"+l.LocalAddr().String(), authority.Client()
	return m, func(fn reactor.Handler) *reactor.Conn {
		c, err := m.Connect(url, fn, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.StartTLS(config)
		return c
	}
}

// tlsEcho measures an echo of that many bytes. Both sides are in the manager.
func tlsEcho(size int) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		m, connect := tlsPair(t)
		got, p := 0, make([]byte, size)
		c := connect(func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev == reactor.EvRead {
				got += c.Recv.Len()
				c.Recv.Reset()
			}
		})
		return func() {
			got = 0
			c.Write(p)
			until(t, m, func() bool { return got == size })
		}
	}
}

var tlsRows = []measurement{
	{name: "an echo over tls://, 64 bytes, both sides", pooled: true, setup: tlsEcho(64)},
	{name: "an echo over tls://, 16 KiB, both sides", pooled: true, setup: tlsEcho(16 << 10)},
	{name: "a tls:// connection from handshake to EvClose, both sides", pooled: true, runs: 30, setup: func(t *testing.T) func() {
		m, connect := tlsPair(t)
		closed := 0
		handler := func(c *reactor.Conn, ev reactor.Event, _ any) {
			switch ev {
			case reactor.EvTLSHS:
				c.Drain()
			case reactor.EvClose:
				closed++
			}
		}
		return func() {
			before := closed
			connect(handler)
			until(t, m, func() bool { return closed > before && m.Stats().Conns == 0 })
		}
	}},
}
