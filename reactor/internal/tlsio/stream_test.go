package tlsio_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// wire keeps what a Stream sends.
type wire struct{ bytes.Buffer }

func (*wire) LocalAddr() net.Addr { return &net.TCPAddr{} }

func (*wire) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// side is one end of a connection in memory.
type side struct {
	*tlsio.Stream
	out  wire
	done bool
	err  error
}

// pair makes both ends of a connection with one version of TLS.
func pair(t *testing.T, version uint16) (client, server *side) {
	t.Helper()
	certificate, pool := selfSigned(t)
	cfg := &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: version, MaxVersion: version}
	client, server = &side{}, &side{}
	client.Stream = tlsio.Client(&client.out, cfg, nil)
	server.Stream = tlsio.Server(&server.out, &tls.Config{Certificates: []tls.Certificate{certificate}}, nil)
	return client, server
}

// selfSigned makes a certificate for localhost, and a pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// feed gives to one side, in pieces, what the other has sent, and calls take for each
// piece.
func feed(from, to *side, piece int, take func()) {
	sent := bytes.Clone(from.out.Bytes())
	from.out.Reset()
	for len(sent) > 0 {
		n := min(piece, len(sent))
		to.In, sent = sent[:n:n], sent[n:]
		take()
	}
}

// step continues a handshake.
func (s *side) step() {
	if !s.done {
		s.done, s.err = s.Handshake()
	}
}

// shake completes the handshake.
func shake(t *testing.T, client, server *side, piece int) {
	t.Helper()
	client.step()
	for range 10 {
		feed(client, server, piece, server.step)
		feed(server, client, piece, client.step)
	}
	if !client.done || !server.done || client.err != nil || server.err != nil {
		t.Fatalf("pieces of %d: client %v %v, server %v %v", piece, client.done, client.err, server.done, server.err)
	}
}

// readAll decrypts all of In.
func (s *side) readAll(got *[]byte) (err error) {
	buf := make([]byte, tlsio.MaxPlaintext)
	for err == nil {
		var n int
		n, err = s.Read(buf)
		*got = append(*got, buf[:n]...)
	}
	return err
}

// The handshake and the records continue where they stopped, with pieces of any size.
func TestInputInPieces(t *testing.T) {
	text := bytes.Repeat([]byte("plaintext "), 5000)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, piece := range []int{1, 2, 5, 6, 100, 1 << 20} {
			client, server := pair(t, version)
			if client.State() != nil {
				t.Error("there is a state before the handshake")
			}
			shake(t, client, server, piece)
			if s := client.State(); s == nil || s.Version != version {
				t.Errorf("state %v", s)
			}
			if n, err := client.Write(text); n != len(text) || err != nil {
				t.Fatal(n, err)
			}
			client.CloseWrite()
			var got []byte
			var end error
			feed(client, server, piece, func() {
				if end = server.readAll(&got); end != tlsio.ErrNoData && end != io.EOF {
					t.Fatal(end)
				}
			})
			if !bytes.Equal(got, text) || end != io.EOF {
				t.Errorf("%x, pieces of %d: %d bytes, then %v", version, piece, len(got), end)
			}
		}
	}
}

// An end of the socket's stream without close_notify is an error that wraps
// io.ErrUnexpectedEOF. With close_notify the stream ends without an error.
func TestTruncated(t *testing.T) {
	client, server := pair(t, tls.VersionTLS13)
	shake(t, client, server, 1<<20)
	client.Write([]byte("hello"))
	feed(client, server, 1<<20, func() {
		server.Ended = true
		var got []byte
		err := server.readAll(&got)
		if string(got) != "hello" || !errors.Is(err, tlsio.ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, then %v", got, err)
		}
	})
}

// Stop in the middle of a handshake leaves no coroutine. It may be called twice.
func TestStopEndsTheCoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	client, server := pair(t, tls.VersionTLS13)
	client.step()
	feed(client, server, 1<<20, server.step)
	for _, s := range []*side{client, server} {
		s.Stop()
		s.Stop()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}
