//go:build linux

package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/gobwas/ws"
	"github.com/lxzan/gws"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// tlsServers are the servers with TLS.
var tlsServers = []*server{
	{"rikki-tls", "epoll loop, crypto/tls on it", "github.com/rikki-go/rikki", false, serveRikkiTLS, ""},
	{"gws-tls", "a goroutine for each connection, the library's own echo", "github.com/lxzan/gws", true, serveGWSTLS, ""},
	{"gobwas-tls", "a goroutine for each connection, with gobwas/ws", "github.com/gobwas/ws", true, serveGobwasTLS, ""},
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

func serveRikkiTLS(listening func(addr string)) error {
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

func serveGWSTLS(listening func(addr string)) error {
	l, err := listenTLS(listening)
	if err != nil {
		return err
	}
	return gws.NewServer(gwsEcho{}, &gws.ServerOption{ReadMaxPayloadSize: maxMessage, CheckUtf8Enabled: true}).RunListener(l)
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

func serveGobwasTLS(listening func(addr string)) error {
	l, err := listenTLS(listening)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echoGobwas(c)
	}
}

// echoGobwas echoes binary messages of one frame. It writes each echo with one call.
func echoGobwas(c net.Conn) {
	defer c.Close()
	if _, err := ws.Upgrade(c); err != nil {
		return
	}
	r := bufio.NewReader(c)
	var out []byte
	for {
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > maxMessage || h.OpCode != ws.OpBinary {
			return
		}
		out = appendHeader(out[:0], int(h.Length), 0)
		at := len(out)
		out = append(out, make([]byte, h.Length)...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			return
		}
		ws.Cipher(out[at:], h.Mask, 0)
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
