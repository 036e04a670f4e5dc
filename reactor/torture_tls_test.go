package reactor_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// config returns a Config, in most cases one for the connection's role.
func (x *torture) config(c *reactor.Conn) *tls.Config {
	switch n := x.rnd.IntN(8); {
	case n == 0:
		return nil
	case c.IsClient() == (n > 1):
		return clientConfig()
	}
	return serverConfig()
}

// vandalWire is a vandal's socket as crypto/tls wants it. Read gives up soon.
type vandalWire struct {
	net.Conn // nil: nothing else is called
	fd       int
}

func (w vandalWire) Read(p []byte) (n int, err error) {
	for range 5 { // of 2 ms
		if n, err = unix.Read(w.fd, p); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (w vandalWire) Write(p []byte) (int, error) {
	n, err := unix.Write(w.fd, p)
	return max(n, 0), err
}

func (vandalWire) Close() error { return nil }

// shake begins TLS on a socket, with whatever peer it has, and writes something if the handshake
// succeeds.
func (v *vandal) shake(fd int) {
	cfg := clientConfig()
	cfg.ServerName = "localhost"
	c := tls.Client(vandalWire{fd: fd}, cfg)
	if c.Handshake() == nil {
		v.did["something over TLS"]++
		c.Write(v.junk[:v.rnd.IntN(1<<15)])
	}
}

// clientHello returns the first bytes of a TLS client.
var clientHello = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	cfg := clientConfig()
	cfg.ServerName = "localhost"
	tls.Client(&memoryWire{in: &bytes.Buffer{}, out: &out}, cfg).Handshake()
	return out.Bytes()
})
