// Package certs configures TLS for the examples. It has the flags of clients and servers that
// read certificates from files, and it makes a self-signed certificate for a program that
// connects to itself.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/examples/internal/cli"
)

// pair is the flags -cert and -key. The PEM file of -cert has a certificate, followed by the
// intermediate certificates. The PEM file of -key has the key of the certificate.
type pair struct{ cert, key string }

// flags defines the flags. The argument what describes the certificate in the help text.
func (p *pair) flags(fs *flag.FlagSet, what string) {
	cli.File(fs, &p.cert, "cert", "PEM `file` of the certificate "+what)
	cli.File(fs, &p.key, "key", "PEM `file` of its key")
}

// load reads the certificate. If neither flag was given, it returns none.
func (p *pair) load() ([]tls.Certificate, error) {
	switch {
	case p.cert == "" && p.key == "":
		return nil, nil
	case p.cert == "" || p.key == "":
		return nil, cli.Usage("-cert and -key must be given together")
	}
	cert, err := os.ReadFile(p.cert)
	if err != nil {
		return nil, cli.Usage("-cert: %w", err)
	}
	key, err := os.ReadFile(p.key)
	if err != nil {
		return nil, cli.Usage("-key: %w", err)
	}
	c, err := tls.X509KeyPair(cert, key)
	switch {
	case err == nil:
		return []tls.Certificate{c}, nil
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return nil, cli.Usage("-key %s: the key is encrypted; encrypted keys are not supported", p.key)
	}
	return nil, cli.Usage("-cert %s -key %s: %w", p.cert, p.key, err)
}

// authorities reads the PEM file that a flag names.
func authorities(flagName, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, cli.Usage("%s: %w", flagName, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, cli.Usage("%s %s: no PEM certificate in this file", flagName, file)
	}
	return pool, nil
}

// names returns the DNS names and IP addresses of a certificate, or its subject if it has
// none.
func names(leaf *x509.Certificate) string {
	all := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return fmt.Sprint(leaf.Subject)
	}
	return strings.Join(all, ",")
}

// secure reports whether a URL's scheme asks for TLS.
func secure(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	switch strings.ToLower(scheme) {
	case "wss", "mqtts", "https", "tls":
		return true
	}
	return false
}
