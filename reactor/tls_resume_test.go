package reactor_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Sessions are resumed with tickets, both ends say so, in whatever way the server
// gets its Config; and another Config on the listener has no use for the tickets
// of the one before, unless they share the keys.
func TestTLSResumption(t *testing.T) {
	fresh := func() *tls.Config { // a clone might have the keys of its original
		return &tls.Config{Certificates: serverConfig().Certificates}
	}
	shared := func() *tls.Config {
		cfg := fresh()
		cfg.SetSessionTicketKeys([][32]byte{{1, 2, 3}})
		return cfg
	}
	always := func(cfg *tls.Config) *tls.Config {
		return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return cfg, nil }}
	}
	for name, version := range versions {
		for _, row := range []struct {
			name          string
			first, second *tls.Config // before and after the third connection
			resumed       [5]bool
		}{
			{"a Config", fresh(), nil, [5]bool{false, true, true, true, true}},
			{"GetConfigForClient", always(fresh()), nil, [5]bool{false, true, true, true, true}},
			{"another Config", fresh(), fresh(), [5]bool{false, true, true, false, true}},
			{"another Config with the keys", shared(), shared(), [5]bool{false, true, true, true, true}},
			{"GetConfigForClient with the keys", shared(), always(shared()), [5]bool{false, true, true, true, true}},
		} {
			t.Run(name+" "+row.name, func(t *testing.T) {
				m := newManager(t)
				var theirs bool
				server := &recorder{on: hooks{
					reactor.EvTLSHS: func(c *reactor.Conn, _ any) { theirs = c.TLS().DidResume },
					reactor.EvRead:  sendBack,
				}}
				l, url := tlsListen(t, m, row.first, server.handle)
				cfg := authority().Client()
				cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
				for i, resumed := range row.resumed {
					if i == 3 && row.second != nil {
						l.StartTLS(row.second)
					}
					client := &recorder{}
					c := tlsConnect(t, m, url, cfg, client.handle)
					c.Write([]byte("hi"))
					await(t, m, "the echo", client.saw(reactor.EvRead))
					if ours := c.TLS().DidResume; ours != resumed || theirs != resumed {
						t.Errorf("connection %d: resumed %v here, %v there, want %v", i, ours, theirs, resumed)
					}
					if len(c.TLS().PeerCertificates) != 1 {
						t.Errorf("connection %d: %d certificates", i, len(c.TLS().PeerCertificates))
					}
					c.Drain()
					await(t, m, "the end", client.closed)
				}
				if cfg.ServerName != "" {
					t.Errorf("the program's Config has got the ServerName %q", cfg.ServerName)
				}
				if n := m.Stats().Handshakes; n != 10 {
					t.Errorf("%d handshakes", n)
				}
			})
		}
	}
}

// A session of a client whose authority is not trusted any more is not resumed,
// though its ticket can still be read: by a clone of the Config, or the Config itself.
func TestTLSResumptionAfterTrust(t *testing.T) {
	other := looptest.NewAuthority(t)
	for name, version := range versions {
		for how, narrow := range map[string]func(*tls.Config) *tls.Config{
			"clone":           (*tls.Config).Clone,
			"the same Config": func(cfg *tls.Config) *tls.Config { return cfg },
			"GetConfigForClient": func(cfg *tls.Config) *tls.Config {
				own := cfg.Clone()
				own.ClientCAs = other.Pool
				cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
				return cfg
			},
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				m := newManager(t)
				var resumed []bool
				server := &recorder{on: hooks{
					reactor.EvTLSHS: func(c *reactor.Conn, _ any) { resumed = append(resumed, c.TLS().DidResume) },
					reactor.EvRead:  sendBack,
				}}
				cfg := &tls.Config{Certificates: serverConfig().Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority().Pool}
				l, url := tlsListen(t, m, cfg, server.handle)
				client := authority().Client()
				client.Certificates = []tls.Certificate{authority().Issue(t, nil)}
				client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
				connect := func() *recorder {
					r := &recorder{}
					c := tlsConnect(t, m, url, client, r.handle)
					c.Write([]byte("hi"))
					await(t, m, "an answer", func() bool { return r.count(reactor.EvRead) > 0 || r.closed() })
					c.Drain()
					await(t, m, "the end", r.closed)
					return r
				}
				for range 2 {
					if r := connect(); len(r.errs) > 0 {
						t.Fatal(r.errs)
					}
				}
				cfg = narrow(cfg)
				cfg.ClientCAs = other.Pool
				l.StartTLS(cfg)
				r := connect()
				if len(resumed) != 2 || resumed[0] || !resumed[1] {
					t.Errorf("sessions resumed: %v", resumed)
				}
				looptest.WantErr(t, r.err(t), nil, "remote error")
			})
		}
	}
}

// A listener's new Config is for those that it accepts from then on; the others keep
// the one that they have begun with.
func TestTLSListenerChangesConfig(t *testing.T) {
	m := newManager(t)
	named := func(cfg *tls.Config, names ...string) *tls.Config {
		cfg = cfg.Clone()
		cfg.NextProtos = names
		return cfg
	}
	client := named(small(authority().Client(), tls.VersionTLS13), "second", "first")
	l, _ := tlsListen(t, m, named(serverConfig(), "first"), nil)
	early := dialRaw(t, l.LocalAddr())
	await(t, m, "the first connection", func() bool { return m.Stats().Accepted == 1 })
	l.StartTLS(named(serverConfig(), "second"))
	for want, p := range map[string]*peer{"first": early, "second": dialRaw(t, l.LocalAddr())} {
		conn := tls.Client(&turningWire{peer: p, m: m}, client)
		if err := conn.Handshake(); err != nil || conn.ConnectionState().NegotiatedProtocol != want {
			t.Errorf("negotiated %q, %v, want %q", conn.ConnectionState().NegotiatedProtocol, err, want)
		}
	}
}
