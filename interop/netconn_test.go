package interop

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// TestNetConnConformance runs the tests that golang.org/x/net has for every net.Conn. crypto/tls
// over a Conn is tested elsewhere: a tls.Conn cannot go on after a Write that timed out.
func TestNetConnConformance(t *testing.T) {
	ca := looptest.NewAuthority(t)
	server, client := ca.Server(t), ca.Client()
	client.ServerName = "localhost"
	tests := []struct {
		name string
		make func(m *reactor.Manager) (a, b net.Conn, err error)
	}{
		{"socketpair", wrapPair},
		{"tcp", func(m *reactor.Manager) (a, b net.Conn, err error) { return dialPair(m, "tcp://127.0.0.1:0", nil, nil) }},
		{"tls by the loop", func(m *reactor.Manager) (a, b net.Conn, err error) {
			return dialPair(m, "tls://127.0.0.1:0", server, client)
		}},
		{"beside a socket of package net", mixedPair},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
				m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
				if err != nil {
					return nil, nil, nil, err
				}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					m.Run(ctx)
					m.Close()
				}()
				a, b, err = test.make(m)
				return a, b, func() {
					for _, c := range []io.Closer{a, b} {
						c.Close()
					}
					cancel()
					<-ended
				}, err
			})
		})
	}
}

// wrapPair makes a Conn of each end of a pair of UNIX-domain sockets.
func wrapPair(m *reactor.Manager) (a, b net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]net.Conn
	doErr := m.Do(context.Background(), func() {
		for i, fd := range fds {
			var c *reactor.Conn
			if c, err = m.WrapFD(fd, nil, nil); err == nil {
				ends[i], err = netconn.New(c, nil)
			}
		}
	})
	if err == nil {
		err = doErr
	}
	return ends[0], ends[1], err
}

// listenOn makes a Listener.
func listenOn(m *reactor.Manager, url string, cfg *tls.Config) (ln *netconn.Listener, err error) {
	doErr := m.Do(context.Background(), func() {
		var l *reactor.Conn
		if l, err = m.Listen(url, nil, nil); err != nil {
			return
		}
		if cfg != nil {
			l.StartTLS(cfg)
		}
		ln, err = netconn.NewListener(l, nil)
	})
	if doErr != nil {
		return nil, doErr
	}
	return ln, err
}

// dialPair makes a Conn with Dial, and one with a Listener.
func dialPair(m *reactor.Manager, url string, server, client *tls.Config) (a, b net.Conn, err error) {
	ln, err := listenOn(m, url, server)
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	scheme := "tcp://"
	if client != nil {
		scheme = "tls://"
	}
	dialed, err := netconn.Dial(context.Background(), m, scheme+ln.Addr().String(), client, nil)
	if err != nil {
		return nil, nil, err
	}
	b, err = ln.Accept()
	return dialed, b, err
}

// mixedPair makes a Conn with a Listener, for a client of package net.
func mixedPair(m *reactor.Manager) (a, b net.Conn, err error) {
	ln, err := listenOn(m, "tcp://127.0.0.1:0", nil)
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = ln.Accept()
	return a, b, err
}
