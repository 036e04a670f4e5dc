package reactor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// A listener, and a client that trusts its certificate, on one loop. When their handlers
// read and write they do not notice TLS.
func ExampleConn_StartTLS() {
	pair, pool := selfSigned("greeter.example")
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := m.Listen("tls://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			fmt.Fprint(c, "hello") // waits for the handshake
			c.Drain()
		case reactor.EvError:
			fmt.Println("server:", data.(error))
		}
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	l.StartTLS(&tls.Config{Certificates: []tls.Certificate{pair}})

	c, err := m.Connect("tls://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvTLSHS:
			fmt.Println(tls.VersionName(c.TLS().Version), "with", c.TLS().PeerCertificates[0].DNSNames[0])
		case reactor.EvRead:
			fmt.Printf("%s\n", c.Recv.Bytes())
			c.Recv.Reset()
		case reactor.EvError:
			fmt.Println("client:", data.(error))
		case reactor.EvClose:
			m.Close()
		}
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	c.StartTLS(&tls.Config{RootCAs: pool, ServerName: "greeter.example"})

	for m.Poll(time.Second) == nil {
	}
	// Output:
	// TLS 1.3 with greeter.example
	// hello
}

// selfSigned makes a certificate, and a pool that contains it. It panics if there is no
// randomness.
func selfSigned(name string) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
