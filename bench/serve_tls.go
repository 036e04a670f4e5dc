//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// tlsServers are the servers with TLS.
var tlsServers = []*subject{
	{name: "rikki", kind: "tls", path: rikkiPath, serve: serveRikkiTLS,
		about: "epoll loop, crypto/tls on it"},
	{name: "gws", kind: "tls", path: gwsPath, serve: serveGWSTLS,
		about: "a goroutine for each connection, the library's own echo"},
	{name: "gobwas", kind: "tls", path: gobwasPath, serve: serveGobwasTLS, long: true,
		about: "a goroutine for each connection, frames read and answered in one buffer"},
}

// serverTLS makes a P-256 certificate for a server. The clients do not verify it.
func serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}

func serveRikkiTLS(_ *serving, listening func(addr string)) error {
	cfg, err := serverTLS()
	if err != nil {
		return err
	}
	m, err := reactor.New()
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := http.Listen(m, "https://127.0.0.1:0", echoRikki, nil)
	if err != nil {
		return err
	}
	l.StartTLS(cfg)
	listening(l.LocalAddr().String())
	for {
		if err := m.Poll(-1); err != nil {
			return err
		}
	}
}

func serveGWSTLS(_ *serving, listening func(addr string)) error {
	l, err := listenTLS(listening)
	if err != nil {
		return err
	}
	return gwsServer(gwsEcho{}).RunListener(l)
}

func listenTLS(listening func(addr string)) (net.Listener, error) {
	cfg, err := serverTLS()
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err == nil {
		listening(l.Addr().String())
	}
	return l, err
}

func serveGobwasTLS(_ *serving, listening func(addr string)) error {
	l, err := listenTLS(listening)
	if err != nil {
		return err
	}
	return acceptGobwas(l)
}
