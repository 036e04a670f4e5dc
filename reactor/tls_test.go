package reactor_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Both sides are on one loop. What the client writes before the handshake is sent after
// it. A message of many records comes back whole.
func TestTLSBothSides(t *testing.T) {
	for name, version := range versions {
		for _, size := range []int{1, 1000, 16 << 10, 16<<10 + 1, 300_000} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				m := newManager(t)
				msg := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
				server := &recorder{On: hooks{reactor.EvRead: sendBack}}
				_, url := tlsListen(t, m, serverConfig(), server.Handle)
				client := &recorder{On: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) {
					c.Write(msg)
					if !c.IsTLS() || c.TLS() != nil {
						t.Errorf("IsTLS %v, TLS %v before the handshake", c.IsTLS(), c.TLS())
					}
				}}}
				cfg := authority().Client()
				cfg.MaxVersion = version
				c := tlsConnect(t, m, url, cfg, client.Handle)
				await(t, m, "the echo", func() bool { return len(client.Got) >= size })
				if !bytes.Equal(client.Got, msg) || client.Wrote != size || server.Wrote != size {
					t.Errorf("%d bytes came back, client wrote %d, server %d, want %d", len(client.Got), client.Wrote, server.Wrote, size)
				}
				if s := c.TLS(); s == nil || s.Version != version || s.ServerName != "127.0.0.1" && s.ServerName != "" || len(s.PeerCertificates) != 1 {
					t.Errorf("state %+v", s)
				}
				c.Drain()
				await(t, m, "the end", func() bool { return client.Closed() && server.Closed() })
				if len(client.Errs)+len(server.Errs) > 0 {
					t.Errorf("errors %v, %v", client.Errs, server.Errs)
				}
				if size == 1 {
					client.Want(t, "OPEN RESOLVE CONNECT TLS_HS WRITE READ CLOSE")
					server.Want(t, "OPEN ACCEPT TLS_HS READ WRITE CLOSE")
				}
			})
		}
	}
}

// A tls:// URL starts TLS without a call, and trusts only the authorities of the system.
func TestTLSByURL(t *testing.T) {
	m := newManager(t)
	server, client := &recorder{}, &recorder{}
	_, url := tlsListen(t, m, serverConfig(), server.Handle)
	dial(t, m, url, client.Handle)
	await(t, m, "the end", client.Closed)
	var unknown *tls.CertificateVerificationError
	if err := client.Err(t); !errors.As(err, &unknown) {
		t.Error(err)
	}
	client.Want(t, "OPEN RESOLVE CONNECT ERROR CLOSE")
}

// A connection of WrapFD is the server, as in Mongoose.
func TestTLSOverWrappedDescriptor(t *testing.T) {
	m := newManager(t)
	r := &recorder{On: hooks{reactor.EvOpen: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }, reactor.EvRead: sendBack}}
	a, b := looptest.Socketpair(t)
	if _, err := m.WrapFD(a, r.Handle, nil); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(b), "")
	theirs, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(t, m, theirs, peerClient(small(authority().Client(), tls.VersionTLS13)))
	p.run(-1, whole)
	await(t, m, "the end", r.Closed)
	if p.err != nil {
		t.Error(p.err)
	}
}

// The server name has no zone, because certificates have none [RFC 6874 4].
func TestTLSServerNameWithoutZone(t *testing.T) {
	m := newManager(t)
	local := authority().Issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv6loopback} })
	l, err := m.Listen("tls://[::1]:0", nil, nil)
	if err != nil {
		t.Skip(err)
	}
	l.StartTLS(&tls.Config{Certificates: []tls.Certificate{local}})
	r := &recorder{}
	url := fmt.Sprintf("tls://[::1%%251]:%d", l.LocalAddr().Port())
	tlsConnect(t, m, url, authority().Client(), r.Handle)
	await(t, m, "the handshake", func() bool { return r.Count(reactor.EvTLSHS)+len(r.Errs) > 0 })
	if len(r.Errs) > 0 {
		t.Error(r.Errs)
	}
}

// StartTLS fails the connection if it cannot do what is asked.
func TestStartTLSMisuse(t *testing.T) {
	m := newManager(t)
	check := func(what, url string, cfg *tls.Config, is error, call func(c *reactor.Conn)) {
		t.Helper()
		r := &recorder{}
		l := listen(t, m, url, r.Handle)
		l.StartTLS(cfg)
		if call != nil {
			call(l)
		}
		await(t, m, what, r.Closed)
		if err := r.Err(t); is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v", what, err)
		}
		l.StartTLS(cfg) // harmless
	}
	check("a listener without a Config", "tls://127.0.0.1:0", nil, reactor.ErrNoCertificate, nil)
	check("a listener without a certificate", "tcp://127.0.0.1:0", &tls.Config{}, reactor.ErrNoCertificate, nil)
	check("udp", "udp://127.0.0.1:0", serverConfig(), nil, nil)

	server, client := &recorder{}, &recorder{}
	server.On = hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }}
	_, url := tlsListen(t, m, serverConfig(), server.Handle)
	tlsConnect(t, m, url, authority().Client(), client.Handle)
	await(t, m, "a second StartTLS", server.Closed)
	if err := server.Err(t); !errors.Is(err, reactor.ErrTLSStarted) {
		t.Error(err)
	}
}

// A connection that is accepted before its listener has a Config fails, unless its
// handler gives it one.
func TestTLSListenerWithoutConfig(t *testing.T) {
	for _, late := range []bool{false, true} {
		m := newManager(t)
		server, client := &recorder{}, &recorder{}
		if late {
			server.On = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }}
		}
		_, url := tlsListen(t, m, nil, server.Handle)
		tlsConnect(t, m, url, authority().Client(), client.Handle)
		if late {
			await(t, m, "the handshake", func() bool { return client.Count(reactor.EvTLSHS)+server.Count(reactor.EvTLSHS) == 2 })
			continue
		}
		await(t, m, "the end", func() bool { return server.Closed() && client.Closed() })
		looptest.WantErr(t, server.Err(t), reactor.ErrNoCertificate, "StartTLS on the listener")
	}
}
