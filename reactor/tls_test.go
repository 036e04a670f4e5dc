package reactor_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"sync"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// authority signs the certificates of these tests.
var authority = sync.OnceValue(func() *looptest.Authority { return looptest.NewAuthority(fataler{}) })

// fataler is a test for what is made once for all.
type fataler struct{ testing.TB }

func (fataler) Helper()           {}
func (fataler) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

var serverConfig = sync.OnceValue(func() *tls.Config { return authority().Server(fataler{}) })

// versions are those of TLS that are in use.
var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// tlsListen makes a TLS listener and returns its URL; the handler hears of those
// it accepts only.
func tlsListen(t *testing.T, m *reactor.Manager, cfg *tls.Config, fn reactor.Handler) (l *reactor.Conn, url string) {
	t.Helper()
	l, err := m.Listen("tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		if !c.IsListening() && fn != nil {
			fn(c, ev, data)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		l.StartTLS(cfg)
	}
	return l, "tls://" + l.LocalAddr().String()
}

// tlsConnect connects with a Config.
func tlsConnect(t *testing.T, m *reactor.Manager, url string, cfg *tls.Config, fn reactor.Handler) *reactor.Conn {
	t.Helper()
	c, err := m.Connect(url, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.StartTLS(cfg)
	return c
}

// sendBack sends everything back.
func sendBack(c *reactor.Conn, _ any) {
	c.Write(c.Recv.Bytes())
	c.Recv.Reset()
}

// Both sides on one loop. What the client writes before the handshake is sent
// after it; a message of many records comes back whole.
func TestTLSBothSides(t *testing.T) {
	for name, version := range versions {
		for _, size := range []int{1, 1000, 16 << 10, 16<<10 + 1, 300_000} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				m := newManager(t)
				msg := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
				server := &recorder{on: hooks{reactor.EvRead: sendBack}}
				_, url := tlsListen(t, m, serverConfig(), server.handle)
				client := &recorder{on: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) {
					c.Write(msg)
					if !c.IsTLS() || c.TLS() != nil {
						t.Errorf("IsTLS %v, TLS %v before the handshake", c.IsTLS(), c.TLS())
					}
				}}}
				cfg := authority().Client()
				cfg.MaxVersion = version
				c := tlsConnect(t, m, url, cfg, client.handle)
				await(t, m, "the echo", func() bool { return len(client.got) >= size })
				if !bytes.Equal(client.got, msg) || client.wrote != size || server.wrote != size {
					t.Errorf("%d bytes came back, client wrote %d, server %d, want %d", len(client.got), client.wrote, server.wrote, size)
				}
				if s := c.TLS(); s == nil || s.Version != version || s.ServerName != "127.0.0.1" && s.ServerName != "" || len(s.PeerCertificates) != 1 {
					t.Errorf("state %+v", s)
				}
				c.Drain()
				await(t, m, "the end", func() bool { return client.closed() && server.closed() })
				if len(client.errs)+len(server.errs) > 0 {
					t.Errorf("errors %v, %v", client.errs, server.errs)
				}
				if size == 1 {
					client.want(t, "OPEN RESOLVE CONNECT TLS_HS WRITE READ CLOSE")
					server.want(t, "OPEN ACCEPT TLS_HS READ WRITE CLOSE")
				}
			})
		}
	}
}
