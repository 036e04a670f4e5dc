package certs

import (
	"crypto/tls"
	"net"
	"testing"
)

// The server's Config works with the client's of the same call, and with no other.
func TestSelfSigned(t *testing.T) {
	server, client, err := SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		for cfg, want := range map[*tls.Config]bool{client: true, other: false} {
			cfg = cfg.Clone()
			cfg.ServerName = name
			err := handshake(t, server, cfg)
			if (err == nil) != want {
				t.Errorf("%s: %v, want success %v", name, err, want)
			}
		}
	}
}

// handshake makes a TLS handshake over loopback and returns the client's error.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			tls.Server(c, server).Handshake()
			c.Close()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	err = tls.Client(c, client).Handshake()
	c.Close()
	<-done
	return err
}
