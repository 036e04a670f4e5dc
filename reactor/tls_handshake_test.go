package reactor_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Both sides name what is wrong with a handshake: the side that finds it, and the side
// that gets the alert.
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
	trusting := clientConfig()
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
		{"not yet valid", issued(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), trusting,
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
			_, url := tlsListen(t, m, row.server, server.Handle)
			stateless := func(r *recorder) func(*reactor.Conn, any) {
				return func(c *reactor.Conn, _ any) {
					if c.TLS() != nil && r.Count(reactor.EvTLSHS) == 0 {
						t.Errorf("there is a state without EvTLSHS: %+v", c.TLS())
					}
				}
			}
			server.On = hooks{reactor.EvError: stateless(server)}
			client.On = hooks{reactor.EvError: stateless(client), reactor.EvConnect: func(c *reactor.Conn, _ any) { c.Write([]byte("secret")) }}
			tlsConnect(t, m, url, row.client, client.Handle)
			await(t, m, "both ends", func() bool { return client.Closed() && server.Closed() })
			looptest.WantErr(t, server.Err(t), nil, "tls handshake", row.serverSays)
			looptest.WantErr(t, client.Err(t), nil, "tls", row.clientSays)
			if len(server.Got) > 0 || client.Wrote > 0 && client.Count(reactor.EvTLSHS) == 0 { // TLS 1.3 checks client certificates later
				t.Errorf("server got %q, client wrote %d bytes", server.Got, client.Wrote)
			}
		})
	}
}
