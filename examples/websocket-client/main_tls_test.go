package main

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/rikki-go/rikki/internal/looptest"
)

// The flags say which servers the client trusts over wss://, and which certificate it sends.
func TestTrust(t *testing.T) {
	authority, foreign := looptest.NewAuthority(t), looptest.NewAuthority(t)
	own, key, ca := authority.Files(t, authority.Issue(t, nil))
	_, _, other := foreign.Files(t, foreign.Issue(t, nil))
	cfg := authority.Server(t)
	mutual := cfg.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool
	for _, row := range []struct {
		name   string
		server *tls.Config
		args   []string
		status int
		says   string
	}{
		{"the system's authorities", cfg, nil, 1, "unknown authority"},
		{"another authority", cfg, []string{"-ca", other}, 1, "unknown authority"},
		{"the right one", cfg, []string{"-ca", ca}, 0, ""},
		{"none verified", cfg, []string{"-insecure"}, 0, ""},
		{"mutual, without", mutual, []string{"-ca", ca}, 1, "certificate required"},
		{"mutual", mutual, []string{"-ca", ca, "-cert", own, "-key", key}, 0, ""},
		{"no file", cfg, []string{"-ca", "no/such/file"}, 2, "no/such/file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			addr, _ := looptest.ServeTLS(t, row.server, func(p *looptest.Peer) {
				io.WriteString(p, p.Agreement("")+looptest.Frame(0x81, false, -1, "reply")+looptest.Frame(0x88, false, -1, code(ws.StatusNormalClosure, "")))
			})
			r := looptest.Run(t, run, append(row.args, "-url", "wss://"+addr)...)
			if r.Status != row.status || !strings.Contains(r.Stderr, row.says) || strings.Count(r.Stderr, "\n") > 1 {
				t.Errorf("status %d, stderr %q, want %d and %q", r.Status, r.Stderr, row.status, row.says)
			}
			if warned := strings.Contains(r.Stdout, "NOT VERIFIED"); warned != (row.name == "none verified") {
				t.Errorf("warned: %v\n%s", warned, r.Stdout)
			}
			if row.status != 0 || row.name == "none verified" {
				return
			}
			want := []string{"SECURED with TLS 1.3 cipher=TLS_AES_128_GCM_SHA256", "CONNECTED to wss://" + addr, "SENT hello 1", "RECEIVED reply", "CLOSED 1000 normal closure"}
			if got := texts(t, r.Stdout); !slices.Equal(got, want) {
				t.Errorf("log %q, want %q", got, want)
			}
		})
	}
	if r := looptest.Run(t, run, "-url", "ws://127.0.0.1:1", "-ca", ca); r.Status != 2 || !strings.Contains(r.Stderr, "need a URL with TLS, such as wss://") {
		t.Errorf("without TLS: %+v", r)
	}
}
