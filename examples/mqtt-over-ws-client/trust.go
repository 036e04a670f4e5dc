package main

import (
	"crypto/tls"
	"errors"
	"flag"

	"github.com/rikki-go/rikki/examples/internal/certs"
)

// trust are the arguments that say whom to trust over TLS, and who we are.
type trust struct {
	ca       string
	insecure bool
	own      certs.Files
}

func (t *trust) flags(f *flag.FlagSet) {
	f.StringVar(&t.ca, "ca", "", "PEM `file` of the authorities to trust (default: the system's)")
	f.BoolVar(&t.insecure, "insecure", false, "do not verify the broker's certificate: for trials only")
	t.own.Flags(f, "to show to the broker")
}

// config returns the Config for the URL of a broker. own says that its own broker
// is to speak TLS.
func (t *trust) config(url string, own bool) (*tls.Config, error) {
	if own && url != "" {
		return nil, errors.New("-tls is for the program's own broker, without -url")
	}
	if *t != (trust{}) && !certs.Secure(url) {
		return nil, errors.New("-ca, -insecure, -cert and -key are for -url wss://…")
	}
	cfg := &tls.Config{InsecureSkipVerify: t.insecure}
	var err error
	if t.ca != "" {
		if cfg.RootCAs, err = certs.Trust(t.ca); err != nil {
			return nil, err
		}
	}
	cfg.Certificates, err = t.own.Load()
	return cfg, err
}
