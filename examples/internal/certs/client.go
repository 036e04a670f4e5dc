package certs

import (
	"crypto/tls"
	"flag"
	"log/slog"

	"github.com/rikki-go/rikki/examples/internal/cli"
)

// Client is the arguments of a client that say whom it trusts over TLS, and who
// it is itself: -ca, -insecure, -cert and -key.
type Client struct {
	ca       string
	insecure bool
	own      pair
}

// Flags defines the arguments.
func (t *Client) Flags(f *flag.FlagSet) {
	f.StringVar(&t.ca, "ca", "", "PEM `file` of the authorities to trust (default: the system's)")
	f.BoolVar(&t.insecure, "insecure", false, "do not verify the server's certificate: for trials only")
	t.own.flags(f, "to show to the server")
}

// Config returns the Config for the URL of a server, which is without meaning if
// that does not ask for TLS. It warns of what is not safe.
func (t *Client) Config(url string, log *slog.Logger) (*tls.Config, error) {
	switch {
	case *t != (Client{}) && !secure(url):
		return nil, cli.Usage("-ca, -insecure, -cert and -key are for -url wss://…")
	case t.ca != "" && t.insecure:
		return nil, cli.Usage("-ca says whom to trust, and -insecure to trust anybody")
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
		log.Warn("-insecure: THE SERVER'S CERTIFICATE IS NOT VERIFIED. Anybody on the way can read and change everything, passwords too.")
	}
	return cfg, nil
}
