package reactor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
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

// A listener of UDP answers each peer later, with WriteTo. A client of the same program asks.
func ExampleConn_WriteTo() {
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	l, err := m.Listen("udp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			from, question := c.RemoteAddr(), string(c.Recv.Bytes())
			m.AddTimer(time.Millisecond, reactor.TimerOnce, func() {
				c.WriteTo([]byte("answer to "+question), from)
			})
		}
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	done := false
	c, err := m.Connect("udp://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			fmt.Println(string(c.Recv.Bytes()))
			done = true
		}
	}, nil)
	if err == nil {
		_, err = c.Write([]byte("question"))
	}
	for !done && err == nil {
		err = m.Poll(time.Second)
	}
	// Output: answer to question
}

// A client of a server that listens on a UNIX-domain socket. The URL of the connection still names
// the server: TLS and protocols use its host.
func ExampleConn_SetDialURL() {
	dir, err := os.MkdirTemp("", "rikki")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	socket := "unix://" + filepath.Join(dir, "app.sock")
	m, err := reactor.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = m.Listen(socket, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvAccept {
			fmt.Fprint(c, "hello")
			c.Drain()
		}
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := m.Connect("tcp://app.example:443", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
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
	if err := c.SetDialURL(socket); err != nil {
		fmt.Println(err)
	}

	for m.Poll(time.Second) == nil {
	}
	// Output:
	// hello
}
