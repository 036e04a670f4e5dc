// Package certs gives the examples what TLS wants: certificates from files, and
// one made on the spot for a program that talks to itself.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// Files are the arguments -cert and -key: PEM files of a certificate, with
// those between it and its authority behind it, and of its key.
type Files struct{ Cert, Key string }

// Flags defines the arguments. what says whose certificate it is.
func (f *Files) Flags(fs *flag.FlagSet, what string) {
	fs.StringVar(&f.Cert, "cert", "", "PEM `file` of the certificate "+what)
	fs.StringVar(&f.Key, "key", "", "PEM `file` of its key")
}

// Load reads the certificate; nil if neither argument was given.
func (f *Files) Load() ([]tls.Certificate, error) {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil, nil
	case f.Cert == "" || f.Key == "":
		return nil, errors.New("-cert and -key go together")
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	return []tls.Certificate{pair}, nil
}

// Secure reports whether a URL's scheme asks for TLS.
func Secure(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	switch strings.ToLower(scheme) {
	case "wss", "mqtts", "https", "tls":
		return true
	}
	return false
}

// Server returns the Config of a server on those URLs; nil if none of them asks
// for TLS, an error if one does and there is no certificate.
func (f *Files) Server(urls ...string) (*tls.Config, error) {
	pairs, err := f.Load()
	if err != nil {
		return nil, err
	}
	for _, url := range urls {
		if Secure(url) && pairs == nil {
			return nil, fmt.Errorf("%s wants -cert and -key", url)
		}
	}
	if pairs == nil {
		return nil, nil
	}
	return &tls.Config{Certificates: pairs}, nil
}

// Trust reads a PEM file of authorities.
func Trust(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM form", file)
	}
	return pool, nil
}

// OnTheSpot makes a certificate for 127.0.0.1 and localhost that is good for a
// day, and Configs of a server that has it and of a client that trusts nobody
// else. Nothing is written to a file.
func OnTheSpot() (server, client *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, &tls.Config{RootCAs: pool}, nil
}
