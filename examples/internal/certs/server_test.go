package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// writeFile makes a file with a text.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// An error in a server's flags names the flag and the file.
func TestServerConfig(t *testing.T) {
	a := looptest.NewAuthority(t)
	cert, key, ca := a.Files(t, a.Issue(t, nil))
	_, otherKey, _ := a.Files(t, a.Issue(t, nil))
	locked := writeFile(t, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for _, row := range []struct {
		server Server
		url    string
		words  string // of the error
		tls    bool
	}{
		{Server{}, "ws://h:1", "", false},
		{Server{}, "WSS://h:1", "WSS://h:1 needs -cert and -key", false},
		{Server{own: pair{cert: cert}}, "wss://h:1", "-cert and -key must be given together", false},
		{Server{own: pair{key: key}}, "wss://h:1", "-cert and -key must be given together", false},
		{Server{own: pair{cert, key}}, "ws://h:1", "need a URL with TLS, such as https://… or wss://…; there is none in mqtt://h, ws://h:1", false},
		{Server{clientCA: ca}, "ws://h:1", "need a URL with TLS, such as https://… or wss://…; there is none in mqtt://h, ws://h:1", false},
		{Server{clientCA: ca}, "wss://h:1", "needs -cert and -key", false},
		{Server{own: pair{cert, key}}, "mqtts://h:1", "", true},
		{Server{pair{cert, key}, ca}, "wss://h:1", "", true},
		{Server{pair{cert, key}, key}, "wss://h:1", "-client-ca " + key + ": no PEM certificate in this file", false},
		{Server{pair{cert, key}, "no/such"}, "wss://h:1", "-client-ca: open no/such", false},
		{Server{own: pair{cert, otherKey}}, "mqtts://h:1", "-cert " + cert + " -key " + otherKey + ": tls: private key does not match", false},
		{Server{own: pair{"no/such", key}}, "mqtts://h:1", "-cert: open no/such", false},
		{Server{own: pair{cert, t.TempDir()}}, "mqtts://h:1", "is a directory", false},
		{Server{own: pair{cert, locked}}, "mqtts://h:1", "-key " + locked + ": the key is encrypted", false},
	} {
		cfg, err := row.server.Config([]string{"mqtt://h", row.url}, slog.New(slog.DiscardHandler))
		if (cfg != nil) != row.tls {
			t.Errorf("%+v: Config %v", row, cfg)
		}
		if row.words != "" {
			looptest.WantErr(t, err, nil, row.words)
		} else if err != nil {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

// A server uses an expired certificate, and logs a warning.
func TestServerWarnsAboutExpiredCertificate(t *testing.T) {
	a := looptest.NewAuthority(t)
	for _, row := range []struct {
		from, until time.Duration
		warns       bool
	}{{-2, -1, true}, {-1, 1, false}, {1, 2, true}} {
		cert, key, _ := a.Files(t, a.Issue(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(row.from*time.Hour), time.Now().Add(row.until*time.Hour)
		}))
		var log bytes.Buffer
		s := &Server{own: pair{cert, key}}
		if _, err := s.Config([]string{"wss://h"}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Error(err)
		}
		if got := log.String(); strings.Contains(got, "level=WARN") != row.warns || !strings.Contains(got, "names=localhost,127.0.0.1") {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

// After a reload new connections get the certificate and the authorities that the files now
// contain. Open connections go on. Files with errors change nothing.
func TestReload(t *testing.T) {
	first, second := looptest.NewAuthority(t), looptest.NewAuthority(t)
	var log bytes.Buffer
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := &Server{}
	s.own.cert, s.own.key, s.clientCA = first.Files(t, first.Issue(t, nil))
	cfg, err := s.Config([]string{"tls://h"}, m.Logger())
	if err != nil {
		t.Fatal(err)
	}
	l, err := m.Listen("tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(cfg)

	// echo sends a byte over c and reads it back while the loop runs.
	echo := func(c *tls.Conn) error {
		done := make(chan error, 1)
		go func() {
			p := []byte("x")
			_, err := c.Write(p)
			if err == nil {
				_, err = c.Read(p)
			}
			done <- err
		}()
		for late := time.Now().Add(time.Minute); time.Now().Before(late); {
			select {
			case err := <-done:
				return err
			default:
				m.Poll(10 * time.Millisecond)
			}
		}
		return errors.New("no echo")
	}
	dial := func(trusted, own *looptest.Authority) *tls.Conn {
		raw, err := net.Dial("tcp", l.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		cfg := trusted.Client()
		cfg.ServerName, cfg.Certificates = "localhost", []tls.Certificate{own.Issue(t, nil)}
		return tls.Client(raw, cfg)
	}
	// expect wants the server to have a certificate of the authority in, and to accept clients
	// of that authority only.
	expect := func(state string, in, out *looptest.Authority) *tls.Conn {
		t.Helper()
		c := dial(in, in)
		if err := echo(c); err != nil {
			t.Errorf("%s: %v\n%s", state, err, log.String())
		}
		if err := echo(dial(in, out)); err == nil || !strings.Contains(err.Error(), "unknown certificate authority") {
			t.Errorf("%s: the other authority's client: %v", state, err)
		}
		return c
	}

	old := expect("at first", first, second)
	cert, key, ca := second.Files(t, second.Issue(t, nil))
	for from, to := range map[string]string{cert: s.own.cert, key: s.own.key, ca: s.clientCA} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	expect("before reloading", first, second)
	s.reload(m)
	expect("reloaded", second, first)
	if err := echo(old); err != nil {
		t.Errorf("the old connection: %v", err)
	}
	if err := os.WriteFile(s.own.cert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.reload(m)
	expect("a broken file", second, first)
	for _, words := range []string{"certificate loaded", "certificate reloaded", "level=ERROR msg=\"certificate not reloaded, the old one stays in use\" error=\"-cert " + s.own.cert} {
		if n := strings.Count(log.String(), words); n != 1 {
			t.Errorf("%d times %q in\n%s", n, words, log.String())
		}
	}
}
