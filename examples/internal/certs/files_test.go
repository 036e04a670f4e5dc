package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestSecureSchemes(t *testing.T) {
	for url, want := range map[string]bool{
		"wss://h": true, "WSS://h": true, "mqtts://h": true, "https://h": true, "tls://h": true,
		"ws://h": false, "mqtt://h": false, "http://h": false, "tcp://h": false, "": false, "h:1": false,
	} {
		if secure(url) != want {
			t.Errorf("secure(%q) is %v", url, !want)
		}
	}
}

func TestNames(t *testing.T) {
	a := looptest.NewAuthority(t)
	if got := names(a.Issue(t, nil).Leaf); got != "localhost,127.0.0.1" {
		t.Errorf("names %q", got)
	}
	bare := a.Issue(t, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses, c.Subject = nil, nil, pkix.Name{CommonName: "nameless"}
	})
	if got := names(bare.Leaf); got != "CN=nameless" {
		t.Errorf("names %q of a certificate without any", got)
	}
}
