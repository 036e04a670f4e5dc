package reactor_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// What is wrong with a handshake is named on both sides: where it was found, and
// where the alert arrives.
func TestTLSErrorsAreNamed(t *testing.T) {
	stranger := looptest.NewAuthority(t)
	issued := func(change func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{authority().Issue(t, change)}}
	}
	with := func(cfg *tls.Config, change func(*tls.Config)) *tls.Config {
		cfg = cfg.Clone()
		change(cfg)
		return cfg
	}
	trusting := authority().Client()
	for _, row := range []struct {
		name           string
		server, client *tls.Config
		serverSays     string
		clientSays     string
	}{
		{"unknown authority", serverConfig(), stranger.Client(),
			"remote error: tls: bad certificate", "certificate signed by unknown authority"},
		{"wrong host name", serverConfig(), with(trusting, func(c *tls.Config) { c.ServerName = "other.test" }),
			"remote error: tls: bad certificate", "certificate is valid for localhost, not other.test"},
		{"expired", issued(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), trusting,
			"remote error: tls: bad certificate", "certificate has expired"},
		{"no common version", with(serverConfig(), func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }),
			with(trusting, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
			"client offered only unsupported versions", "remote error: tls: protocol version not supported"},
		{"no common cipher", with(serverConfig(), func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}), with(trusting, func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} }),
			"no cipher suite supported by both", "remote error: tls: handshake failure"},
		{"client certificate required", with(serverConfig(), func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert }), trusting,
			"client didn't provide a certificate", "remote error: tls: certificate required"},
		{"no common ALPN", with(serverConfig(), func(c *tls.Config) { c.NextProtos = []string{"one"} }),
			with(trusting, func(c *tls.Config) { c.NextProtos = []string{"two"} }),
			"client requested unsupported application protocols", "remote error: tls: no application protocol"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			server, client := &recorder{}, &recorder{}
			_, url := tlsListen(t, m, row.server, server.handle)
			client.on = hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) { c.Write([]byte("secret")) }}
			tlsConnect(t, m, url, row.client, client.handle)
			await(t, m, "both ends", func() bool { return client.closed() && server.closed() })
			looptest.WantErr(t, server.err(t), nil, "tls handshake", row.serverSays)
			looptest.WantErr(t, client.err(t), nil, "tls", row.clientSays)
			if len(server.got) > 0 || client.wrote > 0 && client.count(reactor.EvTLSHS) == 0 { // of client certificates TLS 1.3 judges later
				t.Errorf("server got %q, client wrote %d bytes", server.got, client.wrote)
			}
		})
	}
}

// Plain HTTP on a TLS port is told so, in plain; others are named.
func TestTLSPlainPeers(t *testing.T) {
	for _, row := range []struct{ send, want, says string }{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 400 Bad Request", "plain HTTP to a TLS port"},
		{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "", "does not speak TLS"},
	} {
		m := newManager(t)
		r := &recorder{}
		l, _ := tlsListen(t, m, serverConfig(), r.handle)
		raw := netDial(t, l.LocalAddr().String())
		raw.Write([]byte(row.send))
		raw.(*net.TCPConn).CloseWrite()
		await(t, m, "the end", r.closed)
		looptest.WantErr(t, r.err(t), nil, row.says)
		if got, _ := io.ReadAll(raw); !strings.HasPrefix(string(got), row.want) {
			t.Errorf("answer %q, want %q", got, row.want)
		}
	}
}

// A server that does not speak TLS is named by what it says.
func TestTLSToPlainPort(t *testing.T) {
	m := newManager(t)
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			if !reactor.LooksLikeTLS(c.Recv.Bytes()) {
				t.Errorf("ClientHello %q does not look like TLS", c.Recv.Bytes()[:5])
			}
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Drain()
		}
	})
	r := &recorder{}
	if _, err := m.Connect("tls://"+l.LocalAddr().String(), r.handle, nil); err != nil {
		t.Fatal(err)
	}
	await(t, m, "the end", r.closed)
	looptest.WantErr(t, r.err(t), nil, "does not speak TLS on this port", `"HTTP/"`)
	r.want(t, "OPEN RESOLVE CONNECT ERROR CLOSE")
}

func TestLooksLikeTLS(t *testing.T) {
	for s, want := range map[string]bool{"\x16\x03\x01": true, "\x15\x03\x03": true, "\x16\x03": false, "GET": false, "\x17\x03\x03": false, "\x16\x02\x00": false} {
		if got := reactor.LooksLikeTLS([]byte(s)); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// What StartTLS cannot do fails the connection.
func TestStartTLSMisuse(t *testing.T) {
	m := newManager(t)
	check := func(what, url string, cfg *tls.Config, is error, call func(c *reactor.Conn)) {
		t.Helper()
		r := &recorder{}
		l := listen(t, m, url, r.handle)
		l.StartTLS(cfg)
		if call != nil {
			call(l)
		}
		await(t, m, what, r.closed)
		if err := r.err(t); is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v", what, err)
		}
		l.StartTLS(cfg) // harmless
	}
	check("a listener without a Config", "tls://127.0.0.1:0", nil, reactor.ErrNoCertificate, nil)
	check("a listener without a certificate", "tcp://127.0.0.1:0", &tls.Config{}, reactor.ErrNoCertificate, nil)
	check("udp", "udp://127.0.0.1:0", serverConfig(), nil, nil)

	server, client := &recorder{}, &recorder{}
	server.on = hooks{reactor.EvTLSHS: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }}
	_, url := tlsListen(t, m, serverConfig(), server.handle)
	tlsConnect(t, m, url, authority().Client(), client.handle)
	await(t, m, "a second StartTLS", server.closed)
	if err := server.err(t); err != reactor.ErrTLSStarted {
		t.Error(err)
	}
}

// A connection that comes before its listener has a Config fails, unless its
// handler gives it one.
func TestTLSListenerWithoutConfig(t *testing.T) {
	for _, late := range []bool{false, true} {
		m := newManager(t)
		server, client := &recorder{}, &recorder{}
		if late {
			server.on = hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.StartTLS(serverConfig()) }}
		}
		_, url := tlsListen(t, m, nil, server.handle)
		tlsConnect(t, m, url, authority().Client(), client.handle)
		if late {
			await(t, m, "the handshake", func() bool { return client.count(reactor.EvTLSHS)+server.count(reactor.EvTLSHS) == 2 })
			continue
		}
		await(t, m, "the end", func() bool { return server.closed() && client.closed() })
		looptest.WantErr(t, server.err(t), reactor.ErrNoCertificate, "StartTLS on the listener")
	}
}
