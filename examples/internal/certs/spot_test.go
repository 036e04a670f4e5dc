package certs

import (
	"crypto/tls"
	"net"
	"testing"
)

// The two Configs made on the spot go with each other, and with nobody else.
func TestOnTheSpot(t *testing.T) {
	server, client, err := OnTheSpot()
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := OnTheSpot()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		for cfg, want := range map[*tls.Config]bool{client: true, stranger: false} {
			cfg = cfg.Clone()
			cfg.ServerName = name
			err := shake(t, server, cfg)
			if (err == nil) != want {
				t.Errorf("%s: %v, want success %v", name, err, want)
			}
		}
	}
}

// shake makes a handshake over loopback and returns how the client fared.
func shake(t *testing.T, server, client *tls.Config) error {
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
