package certs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// Whatever is wrong with the arguments of a client is said with the argument and
// the file; what is not safe is warned of.
func TestClientConfig(t *testing.T) {
	a := looptest.NewAuthority(t)
	cert, key, ca := a.Files(t, a.Issue(t, nil))
	for _, row := range []struct {
		client Client
		url    string
		words  string // of the error
	}{
		{Client{}, "", ""},
		{Client{}, "ws://h", ""},
		{Client{}, "wss://h", ""},
		{Client{ca: ca, own: pair{cert, key}}, "wss://h", ""},
		{Client{insecure: true, own: pair{cert, key}}, "mqtts://h", ""},
		{Client{ca: ca}, "ws://h", "are for -url wss://"},
		{Client{insecure: true}, "", "are for -url wss://"},
		{Client{own: pair{cert, key}}, "ws://h", "are for -url wss://"},
		{Client{ca: ca, insecure: true}, "wss://h", "-insecure to trust anybody"},
		{Client{ca: "no/such"}, "wss://h", "-ca: open no/such: no such file"},
		{Client{ca: key}, "wss://h", "-ca " + key + ": no certificate in PEM form"},
		{Client{own: pair{cert: cert}}, "wss://h", "-cert and -key go together"},
		{Client{own: pair{key, key}}, "wss://h", "-cert " + key + " -key " + key + ": tls: "},
	} {
		var log bytes.Buffer
		cfg, err := row.client.Config(row.url, slog.New(slog.NewTextHandler(&log, nil)))
		if row.words != "" {
			looptest.WantErr(t, err, nil, row.words)
			if log.Len() > 0 {
				t.Errorf("%+v: %s", row, log.String())
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", row, err)
			continue
		}
		c := row.client
		if (cfg.RootCAs != nil) != (c.ca != "") || (len(cfg.Certificates) == 1) != (c.own.cert != "") || cfg.InsecureSkipVerify != c.insecure ||
			strings.Contains(log.String(), "NOT VERIFIED") != c.insecure {
			t.Errorf("%+v: %+v\n%s", row, cfg, log.String())
		}
	}
}
