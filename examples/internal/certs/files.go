// Package certs gives the examples what TLS wants: the arguments of clients and
// of servers with certificates from files, and one made on the spot for a program
// that talks to itself.
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

// pair is the arguments -cert and -key: PEM files of a certificate, with those
// between it and its authority behind it, and of its key.
type pair struct{ cert, key string }

// flags defines the arguments. what says whose certificate it is.
func (p *pair) flags(fs *flag.FlagSet, what string) {
	fs.StringVar(&p.cert, "cert", "", "PEM `file` of the certificate "+what)
	fs.StringVar(&p.key, "key", "", "PEM `file` of its key")
}

// load reads the certificate; none if neither argument was given.
func (p *pair) load() ([]tls.Certificate, error) {
	switch {
	case p.cert == "" && p.key == "":
		return nil, nil
	case p.cert == "" || p.key == "":
		return nil, cli.Usage("-cert and -key go together")
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
		return nil, cli.Usage("-key %s: the key is encrypted, which is not supported", p.key)
	}
	return nil, cli.Usage("-cert %s -key %s: %w", p.cert, p.key, err)
}

// authorities reads the PEM file of an argument.
func authorities(arg, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, cli.Usage("%s: %w", arg, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, cli.Usage("%s %s: no certificate in PEM form", arg, file)
	}
	return pool, nil
}

// names are what a certificate is for.
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
