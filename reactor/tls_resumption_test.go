package reactor_test

import (
	"crypto/tls"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// Sessions are resumed with tickets, and both sides report it, in whatever way the server
// gets its Config. Another Config on the listener cannot use the tickets of the old one,
// unless both have the same keys.
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
				server := &recorder{On: hooks{
					reactor.EvTLSHS: func(c *reactor.Conn, _ any) { theirs = c.TLS().DidResume },
					reactor.EvRead:  sendBack,
				}}
				l, url := tlsListen(t, m, row.first, server.Handle)
				cfg := clientConfig()
				cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
				for i, resumed := range row.resumed {
					if i == 3 && row.second != nil {
						l.StartTLS(row.second)
					}
					client := &recorder{}
					c := tlsConnect(t, m, url, cfg, client.Handle)
					c.Write([]byte("hi"))
					await(t, m, "the echo", client.Saw(reactor.EvRead))
					if ours := c.TLS().DidResume; ours != resumed || theirs != resumed {
						t.Errorf("connection %d: resumed %v here, %v there, want %v", i, ours, theirs, resumed)
					}
					if len(c.TLS().PeerCertificates) != 1 {
						t.Errorf("connection %d: %d certificates", i, len(c.TLS().PeerCertificates))
					}
					c.Drain()
					await(t, m, "the end", client.Closed)
				}
				if cfg.ServerName != "" {
					t.Errorf("the program's Config has got the ServerName %q", cfg.ServerName)
				}
				if n := m.Stats().TLSHandshakes; n != 10 {
					t.Errorf("%d handshakes", n)
				}
			})
		}
	}
}

// A client's authority is no longer trusted. Its session is not resumed although its
// ticket can still be read, by a clone of the Config or by the Config itself.
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
				server := &recorder{On: hooks{
					reactor.EvTLSHS: func(c *reactor.Conn, _ any) { resumed = append(resumed, c.TLS().DidResume) },
					reactor.EvRead:  sendBack,
				}}
				cfg := &tls.Config{Certificates: serverConfig().Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority().Pool}
				l, url := tlsListen(t, m, cfg, server.Handle)
				client := clientConfig()
				client.Certificates = []tls.Certificate{authority().Issue(t, nil)}
				client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
				connect := func() *recorder {
					r := &recorder{}
					c := tlsConnect(t, m, url, client, r.Handle)
					c.Write([]byte("hi"))
					await(t, m, "an answer", func() bool { return r.Count(reactor.EvRead) > 0 || r.Closed() })
					c.Drain()
					await(t, m, "the end", r.Closed)
					return r
				}
				for range 2 {
					if r := connect(); len(r.Errs) > 0 {
						t.Fatal(r.Errs)
					}
				}
				cfg = narrow(cfg)
				cfg.ClientCAs = other.Pool
				l.StartTLS(cfg)
				r := connect()
				if len(resumed) != 2 || resumed[0] || !resumed[1] {
					t.Errorf("sessions resumed: %v", resumed)
				}
				looptest.WantErr(t, r.Err(t), nil, "remote error")
			})
		}
	}
}

// All connections with the same Config resume each other's sessions, wherever the Config
// was given, and whatever they negotiate.
func TestTLSResumptionByConfig(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			cfg := authority().Server(t) // it has no ticket keys yet
			server := &recorder{On: hooks{
				reactor.EvAccept: func(c *reactor.Conn, _ any) {
					c.Stack().Push(&alpnLayer{"one"})
					c.StartTLS(cfg)
				},
				reactor.EvRead: sendBack,
			}}
			l := listen(t, m, "tcp://127.0.0.1:0", server.Handle)
			url := "tls://" + l.LocalAddr().String()
			clientConfig := clientConfig()
			clientConfig.MaxVersion, clientConfig.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
			clientConfig.NextProtos = []string{"one"}
			for i, resumed := range []bool{false, true, true} {
				client := &recorder{On: hooks{reactor.EvConnect: func(c *reactor.Conn, _ any) { c.Write([]byte("hi")) }}}
				c := tlsConnect(t, m, url, clientConfig, client.Handle)
				await(t, m, "the echo", client.Saw(reactor.EvRead))
				if s := c.TLS(); s.DidResume != resumed || s.NegotiatedProtocol != "one" {
					t.Errorf("connection %d: resumed %v, want %v; negotiated %q", i, s.DidResume, resumed, s.NegotiatedProtocol)
				}
				c.Drain()
				await(t, m, "the end", client.Closed)
			}
		})
	}
}
