package certs

import (
	"crypto/tls"
	"flag"
	"log/slog"
	"slices"

	"github.com/rikki-go/rikki/examples/internal/cli"
)

// Client is the TLS flags of a client: -ca and -insecure for the server's certificate, -cert
// and -key for its own.
type Client struct {
	ca       string
	insecure bool
	own      pair
}

// Flags defines the flags.
func (t *Client) Flags(f *flag.FlagSet) {
	t.TrustFlags(f)
	t.own.flags(f, "that is sent to the server")
}

// TrustFlags defines -ca and -insecure only, for a program that is a server too.
func (t *Client) TrustFlags(f *flag.FlagSet) {
	cli.File(f, &t.ca, "ca", "PEM `file` of the trusted certificate authorities (default: the system's)")
	f.BoolVar(&t.insecure, "insecure", false, "do not verify the server's certificate; only for tests")
}

// ConfigFor is Config for several URLs. The configuration is for those with TLS. It is nil if there
// are none, and then it is an error if a flag was given.
func (t *Client) ConfigFor(urls []string, log *slog.Logger) (*tls.Config, error) {
	if i := slices.IndexFunc(urls, secure); i >= 0 {
		return t.Config(urls[i], log)
	}
	if *t != (Client{}) {
		return nil, errNotSecure
	}
	return nil, nil
}

var errNotSecure = cli.Usage("-ca, -insecure, -cert and -key need a URL with TLS, such as wss://…")

// Config returns the configuration for connecting to url. It must not be used if url has a
// scheme without TLS. Config logs a warning if the server is not verified.
func (t *Client) Config(url string, log *slog.Logger) (*tls.Config, error) {
	switch {
	case *t != (Client{}) && !secure(url):
		return nil, errNotSecure
	case t.ca != "" && t.insecure:
		return nil, cli.Usage("-ca and -insecure exclude each other")
	}
	cfg := &tls.Config{InsecureSkipVerify: t.insecure}
	var err error
	if t.ca != "" {
		if cfg.RootCAs, err = authorities("-ca", t.ca); err != nil {
			return nil, err
		}
	}
	if cfg.Certificates, err = t.own.load(); err != nil {
		return nil, err
	}
	if t.insecure {
		log.Warn("-insecure: THE SERVER'S CERTIFICATE IS NOT VERIFIED. Others on the network can read and change everything, including passwords.")
	}
	return cfg, nil
}
