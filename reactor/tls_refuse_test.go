package reactor_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
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
	asking := with(serverConfig(), func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, authority().Pool
	})
	showing := func(a *looptest.Authority, change func(*x509.Certificate)) *tls.Config {
		return with(trusting, func(c *tls.Config) { c.Certificates = []tls.Certificate{a.Issue(t, change)} })
	}
	cause := errors.New("a reason of the program's")
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
		{"not yet valid", issued(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), trusting,
			"remote error: tls: bad certificate", "certificate has expired or is not yet valid: current time"},
		{"no certificate of a server", issued(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), trusting,
			"remote error: tls: bad certificate", "incompatible key usage"},
		{"no common version", with(serverConfig(), func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }),
			with(trusting, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
			"client offered only unsupported versions", "remote error: tls: protocol version not supported"},
		{"no common cipher", with(serverConfig(), func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}), with(trusting, func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} }),
			"no cipher suite supported by both", "remote error: tls: handshake failure"},
		{"client certificate required", asking, trusting,
			"client didn't provide a certificate", "remote error: tls: certificate required"},
		{"client certificate required by TLS 1.2", asking, with(trusting, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
			"client didn't provide a certificate", "remote error: tls: handshake failure"},
		{"client of an unknown authority", asking, showing(stranger, nil),
			"certificate signed by unknown authority", "remote error: tls: unknown certificate authority"},
		{"client certificate expired", asking, showing(authority(), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			"certificate has expired", "remote error: tls: expired certificate"},
		{"no certificate of a client", asking, showing(authority(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			"incompatible key usage", "remote error: tls: bad certificate"},
		{"the server's program", with(serverConfig(), func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, cause }
		}), trusting, cause.Error(), "remote error: tls: internal error"},
		{"the client's program", serverConfig(), with(trusting, func(c *tls.Config) {
			c.VerifyConnection = func(tls.ConnectionState) error { return cause }
		}), "remote error: tls: bad certificate", cause.Error()},
		{"no common ALPN", with(serverConfig(), func(c *tls.Config) { c.NextProtos = []string{"one"} }),
			with(trusting, func(c *tls.Config) { c.NextProtos = []string{"two"} }),
			"client requested unsupported application protocols", "remote error: tls: no application protocol"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newManager(t)
			server, client := &recorder{}, &recorder{}
			_, url := tlsListen(t, m, row.server, server.handle)
			stateless := func(r *recorder) func(*reactor.Conn, any) {
				return func(c *reactor.Conn, _ any) {
					if c.TLS() != nil && r.count(reactor.EvTLSHS) == 0 {
						t.Errorf("there is a state without EvTLSHS: %+v", c.TLS())
					}
				}
			}
			server.on = hooks{reactor.EvError: stateless(server)}
			client.on = hooks{reactor.EvError: stateless(client), reactor.EvConnect: func(c *reactor.Conn, _ any) { c.Write([]byte("secret")) }}
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

// Plain HTTP on a TLS port is told so, in plain; others are named. So they are if
// what they send comes byte by byte.
func TestTLSPlainPeers(t *testing.T) {
	for _, row := range []struct{ send, want, says string }{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 400 Bad Request", "plain HTTP to a TLS port"},
		{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 400 Bad Request", "plain HTTP to a TLS port"},
		{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "", "does not speak TLS"},
		{"SSH-2.0-client\r\n", "", `does not speak TLS, its first bytes are "SSH-2"`},
		{string(noise(100)), "", "does not speak TLS"},
		{string(make([]byte, 100)), "", "does not speak TLS"},
		{"\x80\x2e\x01\x03\x01\x00\x15", "", "unsupported SSLv2 handshake"},
		{"\x16\x03\x01\x48\x01", "\x15\x03\x01\x00\x02\x02\x16", "oversized record received with length 18433"},
		{"\x16\x03\x01\x00\x00", "\x15\x03\x01\x00\x02\x02\x0a", "tls: unexpected message"},
		{"\x16\x03\x01\x00\x04\x00\x00\x00\x00", "\x15\x03\x01\x00\x02\x02\x0a", "tls: received unexpected handshake message"},
		{"\x16\x03\x01\x00\x06\x01\x00\x00\x02ab", "\x15\x03\x01\x00\x02\x02\x32", "tls: error decoding message"},
		{string(clientHello()) + "\x16\x03\x03\x48\x01", "\x16\x03\x03", "oversized record received with length 18433"},
		{"\x15\x03\x01\x00\x02\x02\x50", "", "remote error: tls: internal error"},
		{"\x15\x03\x01\x00\x02\x01\x00", "", "tls handshake"},
	} {
		for _, size := range []int{1 << 20, 1} {
			m := newManager(t)
			r := &recorder{on: hooks{reactor.EvAccept: func(c *reactor.Conn, _ any) { c.Write([]byte("never said")) }}}
			l, _ := tlsListen(t, m, serverConfig(), r.handle)
			w := &turningWire{peer: dialRaw(t, l.LocalAddr()), m: m}
			looptest.NoDelay(t, w.fd)
			if size > 1 { // what is left unread is a reason for a reset
				w.Write(append([]byte(row.send), make([]byte, 256<<10)...))
			} else {
				w.feed([]byte(row.send), size)
			}
			await(t, m, row.says, w.ended)
			if w.err == nil {
				w.shutdown()
			}
			await(t, m, "the end", r.closed)
			looptest.WantErr(t, r.err(t), nil, "tls handshake", row.says)
			if !strings.HasPrefix(string(w.in), row.want) || w.err != nil && size > 1 {
				t.Errorf("%q: answer %q, %v, want %q", row.send, w.in, w.err, row.want)
			}
			if says := "does not speak TLS"; row.send[0] == '\x16' && strings.Contains(r.errs[0].Error(), says) {
				t.Errorf("error %q of a peer that does", r.errs[0])
			}
			r.want(t, "OPEN ACCEPT ERROR CLOSE")
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
	if err := server.err(t); !errors.Is(err, reactor.ErrTLSStarted) {
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
