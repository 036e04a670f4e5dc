package certs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// An error in a client's flags names the flag and the file. Flags that are not safe log a
// warning.
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
		{Client{ca: ca}, "ws://h", "need a URL with TLS, such as wss://"},
		{Client{insecure: true}, "", "need a URL with TLS, such as wss://"},
		{Client{own: pair{cert, key}}, "ws://h", "need a URL with TLS, such as wss://"},
		{Client{ca: ca, insecure: true}, "wss://h", "exclude each other"},
		{Client{ca: "no/such"}, "wss://h", "-ca: open no/such: no such file"},
		{Client{ca: key}, "wss://h", "-ca " + key + ": no PEM certificate in this file"},
		{Client{own: pair{cert: cert}}, "wss://h", "-cert and -key must be given together"},
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

// With several URLs the configuration is for those with TLS. Without any, a flag is an error.
func TestClientConfigFor(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, row := range []struct {
		client Client
		urls   []string
		tls    bool
		words  string
	}{
		{Client{}, []string{"mqtt://h", "ws://h"}, false, ""},
		{Client{}, []string{"mqtt://h", "wss://h"}, true, ""},
		{Client{insecure: true}, []string{"mqtts://h", "ws://h"}, true, ""},
		{Client{insecure: true}, []string{"mqtt://h", "ws://h"}, false, "need a URL with TLS"},
		{Client{ca: "no/such"}, []string{"ws://h", "wss://h"}, false, "-ca: open no/such"},
	} {
		cfg, err := row.client.ConfigFor(row.urls, log)
		if row.words != "" {
			looptest.WantErr(t, err, nil, row.words)
		} else if err != nil || (cfg != nil) != row.tls {
			t.Errorf("%+v: %v, %v", row, cfg, err)
		}
	}
}
