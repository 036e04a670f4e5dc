package main

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// With -tls the program's own broker uses TLS.
func TestEmbeddedTLS(t *testing.T) {
	r := client(t, "-tls")
	wantSuccess(t, r)
	for _, words := range []string{"Secured with TLS 1.3", "CONNECTED to wss://127.0.0.1:", "RECEIVED hello <- mg/test"} {
		if !strings.Contains(r.Stdout, words) {
			t.Errorf("no %q in\n%s", words, r.Stdout)
		}
	}
}

// tlsBroker runs a broker on wss:// until the test ends and returns its URL.
func tlsBroker(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	m, err := reactor.New(reactor.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := broker.New(m, m.Logger()).Listen("wss://127.0.0.1:0/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	l.StartTLS(cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m.Poll(-1) == nil {
		}
	}()
	t.Cleanup(func() {
		m.Post(func() { m.Close() })
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("the broker does not end")
		}
	})
	return "wss://" + l.LocalAddr().String() + "/mqtt"
}

// The flags say which servers the client trusts and which certificate it sends.
func TestTrust(t *testing.T) {
	authority, foreign := looptest.NewAuthority(t), looptest.NewAuthority(t)
	own, key, ca := authority.Files(t, authority.Issue(t, nil))
	_, _, other := foreign.Files(t, foreign.Issue(t, nil))
	cfg := authority.Server(t)
	url := tlsBroker(t, cfg)
	mutual := authority.Server(t)
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool
	mutualURL := tlsBroker(t, mutual)
	for _, row := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"the system's authorities", []string{"-url", url}, 1, "unknown authority"},
		{"another authority", []string{"-url", url, "-ca", other}, 1, "unknown authority"},
		{"the right one", []string{"-url", url, "-ca", ca}, 0, ""},
		{"none verified", []string{"-url", url, "-insecure"}, 0, ""},
		{"mutual, without", []string{"-url", mutualURL, "-ca", ca}, 1, "certificate required"},
		{"mutual", []string{"-url", mutualURL, "-ca", ca, "-cert", own, "-key", key}, 0, ""},
		{"no file", []string{"-url", url, "-ca", "no/such/file"}, 2, "no/such/file"},
		{"no PEM", []string{"-url", url, "-ca", key}, 2, "no PEM certificate in this file"},
		{"no key", []string{"-url", url, "-cert", own}, 2, "-cert and -key must be given together"},
		{"plain", []string{"-url", "ws://127.0.0.1:1", "-insecure"}, 2, "need a URL with TLS, such as wss://"},
		{"both brokers", []string{"-url", url, "-tls"}, 2, "own broker"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := client(t, row.args...)
			if r.Status != row.status || !strings.Contains(r.Stderr, row.says) {
				t.Errorf("status %d, stderr %q, want %d and %q", r.Status, r.Stderr, row.status, row.says)
			}
			if warned := strings.Contains(r.Stdout, "NOT VERIFIED"); warned != (row.name == "none verified") {
				t.Errorf("warned: %v\n%s", warned, r.Stdout)
			}
		})
	}
}
