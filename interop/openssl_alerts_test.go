package interop

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// The errors have the names of the alerts of openssl's client. With TLS 1.3 it sends those
// about our certificate unencrypted.
func TestOpenSSLAlerts(t *testing.T) {
	t.Parallel()
	foreign := looptest.NewAuthority(t)
	_, _, other := foreign.Files(t, foreign.Issue(t, nil))
	both := []string{"-tls1_2", "-tls1_3"}
	for _, row := range []struct {
		name     string
		versions []string
		ca       string
		args     []string
		says     string
		alert    tls.AlertError
	}{
		{"unknown authority", both, other, nil, "remote error: tls: unknown certificate authority", 48},
		{"wrong host name", both, identities().ca, []string{"-verify_hostname", "other.test"}, "remote error: tls: bad certificate", 42},
		{"old version", []string{"-tls1_1"}, identities().ca, []string{"-cipher", "ALL:@SECLEVEL=0"}, "client offered only unsupported versions", 0},
		{"no common cipher", []string{"-tls1_2"}, identities().ca, []string{"-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, "no cipher suite supported by both", 0},
	} {
		for _, version := range row.versions {
			t.Run(row.name+" "+version, func(t *testing.T) {
				l := newLoop(t)
				s, addr := opensslListen(t, l, identities().server())
				args := []string{"s_client", "-connect", addr, "-servername", "localhost", "-verify_return_error", "-CAfile", row.ca, version}
				startOpenSSL(t, append(args, row.args...)...)
				l.until("the end", s.Closed)
				if len(s.Errs) != 1 || !strings.Contains(s.Errs[0].Error(), row.says) {
					t.Fatalf("errors %v, want %q", s.Errs, row.says)
				}
				if alert := tls.AlertError(0); row.alert > 0 && (!errors.As(s.Errs[0], &alert) || alert != row.alert) {
					t.Errorf("alert %d, want %d", alert, row.alert)
				}
			})
		}
	}
}

// The same holds for the alerts of openssl's server about our client's certificate. With
// TLS 1.3 they come encrypted, after EvTLSHS.
func TestOpenSSLServerAlerts(t *testing.T) {
	t.Parallel()
	foreign := looptest.NewAuthority(t).Issue(t, nil)
	old := identities().authority.Issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	for _, row := range []struct {
		name string
		cert *tls.Certificate
		says map[string]string
	}{
		{"none", &tls.Certificate{}, map[string]string{"-tls1_2": "handshake failure", "-tls1_3": "certificate required"}},
		{"unknown authority", &foreign, map[string]string{"-tls1_2": "unknown certificate authority", "-tls1_3": "unknown certificate authority"}},
		{"expired", &old, map[string]string{"-tls1_2": "expired certificate", "-tls1_3": "expired certificate"}},
	} {
		for version, says := range row.says {
			t.Run(row.name+" "+version, func(t *testing.T) {
				_, addr := opensslServe(t, version, "-Verify", "1", "-verify_return_error", "-CAfile", identities().ca)
				l := newLoop(t)
				s := &secured{}
				c, err := l.m.Connect("tls://"+addr, s.handle, nil)
				if err != nil {
					t.Fatal(err)
				}
				cfg := identities().client()
				cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return row.cert, nil }
				c.StartTLS(cfg)
				l.until("the end", s.Closed)
				if len(s.Errs) != 1 || !strings.Contains(s.Errs[0].Error(), "remote error: tls: "+says) {
					t.Errorf("errors %v, want %q", s.Errs, says)
				}
			})
		}
	}
}
