package netconn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/netconn"
)

// Dial returns when the connection is established, and says why it is not.
func TestDial(t *testing.T) {
	ca := looptest.NewAuthority(t)
	l := run(t)
	plain := l.listen("tcp://127.0.0.1:0", nil, nil).Addr().String()
	secure := l.listen("tls://127.0.0.1:0", ca.Server(t), nil).Addr().String()
	path := "unix://" + filepath.Join(t.TempDir(), "socket")
	l.listen(path, nil, nil)
	_, free := looptest.ListenSocket(t)
	unused, err := freeport.Addr()
	must(t, err)
	for _, test := range []struct {
		name, url string
		cfg       *tls.Config
		want      func(error) bool
	}{
		{"tcp", "tcp://" + plain, nil, nil},
		{"unix", path, nil, nil},
		{"tls", "tls://" + secure, ca.Client(), nil},
		{"nobody listens", "tcp://" + unused, nil, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"an unknown authority", "tls://" + secure, &tls.Config{}, func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) }},
		{"a bad URL", "tcp://", nil, func(err error) bool { return strings.Contains(err.Error(), "URL") }},
		{"udp", "udp://" + free, nil, func(err error) bool { return err == netconn.ErrDatagram }},
	} {
		n, err := netconn.Dial(t.Context(), l.m, test.url, test.cfg, nil)
		if test.want == nil {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			tlsOn := false
			l.do(func() { tlsOn = n.Conn().TLS() != nil })
			if tlsOn != (test.cfg != nil) || strings.HasPrefix(test.url, "tcp") && n.RemoteAddr().String() != plain {
				t.Errorf("%s: connected to %v, TLS %v", test.name, n.RemoteAddr(), tlsOn)
			}
			n.Close()
		} else if err == nil || n != nil || !test.want(err) {
			t.Errorf("%s: error %v", test.name, err)
		}
	}
}

// Dial ends with its context and with the manager, and leaves no connection.
func TestDialIsCancelled(t *testing.T) {
	silent, addr := looptest.ListenSocket(t) // never answers the handshake
	_ = silent
	l := run(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := netconn.Dial(ctx, l.m, "tls://"+addr, nil, nil)
		ended <- err
	}()
	conns := 0
	count := func() { conns = l.m.Stats().Conns }
	for conns == 0 {
		l.do(count)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Dial returned %v", err)
	}
	for conns > 0 {
		l.do(count)
	}
	l.m.Post(func() { l.m.Close() })
	<-l.ended
	if _, err := netconn.Dial(t.Context(), l.m, "tcp://"+addr, nil, nil); !errors.Is(err, reactor.ErrClosed) {
		t.Errorf("Dial returned %v", err)
	}
	if _, err := netconn.Dialer(l.m, nil)(t.Context(), "udp", addr); !errors.As(err, new(net.UnknownNetworkError)) {
		t.Errorf("Dialer returned %v", err)
	}
}

// A Conn may be used while its connection is not established yet: the addresses in its errors are
// not read while the loop writes them.
func TestErrorsWhileConnecting(t *testing.T) {
	l := run(t)
	ln := l.listen("tcp://127.0.0.1:0", nil, nil)
	var n *netconn.Conn
	l.do(func() {
		c, err := l.m.Connect("tcp://"+ln.Addr().String(), nil, nil)
		must(t, err)
		n, err = netconn.New(c, nil)
		must(t, err)
		must(t, n.SetReadDeadline(time.Now().Add(-time.Second)))
	})
	for range 1000 {
		if _, err := n.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	must(t, n.Close())
	must(t, ln.Close())
}
