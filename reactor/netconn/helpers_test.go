package netconn_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

var must = looptest.Must

// loop is a manager whose loop runs on a goroutine of its own until the test ends.
type loop struct {
	t      testing.TB
	m      *reactor.Manager
	cancel func()
	ended  chan struct{}
}

func run(t testing.TB, opts ...reactor.Option) *loop {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &loop{t, looptest.NewManager(t, opts...), cancel, make(chan struct{})}
	go func() {
		defer close(l.ended)
		l.m.Run(ctx)
	}()
	t.Cleanup(l.stop)
	return l
}

// stop ends the loop. The manager is still open then.
func (l *loop) stop() {
	l.cancel()
	<-l.ended
}

// do runs fn on the loop.
func (l *loop) do(fn func()) {
	l.t.Helper()
	must(l.t, l.m.Do(context.Background(), fn))
}

// wrap makes a Conn of one end of a socket pair, and a socket of package net of the other.
func (l *loop) wrap(opts *netconn.Options) (n *netconn.Conn, peer net.Conn) {
	l.t.Helper()
	return l.accept(l.listen("tcp://127.0.0.1:0", nil, opts))
}

func (l *loop) listen(url string, cfg *tls.Config, opts *netconn.Options) (ln *netconn.Listener) {
	l.t.Helper()
	l.do(func() {
		c, err := l.m.Listen(url, nil, nil)
		if err != nil {
			l.t.Error(err)
			return
		}
		if cfg != nil {
			c.StartTLS(cfg)
		}
		if ln, err = netconn.NewListener(c, opts); err != nil {
			l.t.Error(err)
		}
	})
	if ln == nil {
		l.t.FailNow()
	}
	return ln
}

// accept connects to a listener with package net.
func (l *loop) accept(ln *netconn.Listener) (n *netconn.Conn, peer net.Conn) {
	l.t.Helper()
	peer, err := net.Dial("tcp", ln.Addr().String())
	must(l.t, err)
	l.t.Cleanup(func() { peer.Close() })
	c, err := ln.Accept()
	must(l.t, err)
	return c.(*netconn.Conn), peer
}

// pattern returns n bytes that differ from their neighbours.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

// equal fails the test if two large slices differ.
func equal(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want the %d bytes that were sent", what, len(got), len(want))
	}
}
