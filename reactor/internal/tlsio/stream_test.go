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

func (*wire) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (*wire) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// side is one end of a connection in memory.
type side struct {
	*tlsio.Stream
	out  wire
	done bool
	err  error
}

// pair makes both ends, for one version of TLS.
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

// feed hands what one side has sent to the other in pieces, and calls take for each.
func feed(from, to *side, piece int, take func()) {
	sent := bytes.Clone(from.out.Bytes())
	from.out.Reset()
	for len(sent) > 0 {
		n := min(piece, len(sent))
		to.In, sent = sent[:n:n], sent[n:]
		take()
	}
}

// step goes on with a handshake.
func (s *side) step() {
	if !s.done {
		s.done, s.err = s.Handshake()
	}
}

// shake makes the whole handshake.
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

// readAll decrypts what lies in In.
func (s *side) readAll(got *[]byte) (err error) {
	buf := make([]byte, tlsio.MaxPlaintext)
	for err == nil {
		var n int
		n, err = s.Read(buf)
		*got = append(*got, buf[:n]...)
	}
	return err
}

// However the ciphertext is cut, the handshake goes on where it stood, and so do records.
func TestEverySplit(t *testing.T) {
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

// An end of the socket's stream without close_notify is told from one with it, and wraps
// io.ErrUnexpectedEOF.
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

// A handshake that is stopped in the middle leaves no coroutine behind, and may be stopped
// twice.
func TestStop(t *testing.T) {
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

// An alert that comes in the clear is known for what it is; an encrypted one is not.
func TestClearAlert(t *testing.T) {
	_, refused := pair(t, tls.VersionTLS13)
	refused.In = []byte{21, 3, 3, 0, 2, 2, 46} // fatal, certificate_unknown
	refused.step()
	if alert, ok := refused.ClearAlert(); !ok || alert != 46 || !refused.done {
		t.Errorf("alert %v %v", alert, ok)
	}
	client, server := pair(t, tls.VersionTLS13)
	shake(t, client, server, 1<<20)
	client.CloseWrite()
	feed(client, server, 1<<20, func() { server.readAll(new([]byte)) })
	if alert, ok := server.ClearAlert(); ok {
		t.Errorf("an encrypted alert is taken for %v in the clear", alert)
	}
}

func TestLooksLikeTLS(t *testing.T) {
	for in, want := range map[string]bool{
		"\x16\x03\x01\x00\xf0": true, "\x15\x03\x03": true, "\x16\x03": false, "\x16\x03\x05": false,
		"\x17\x03\x03": false, "GET /": false, "": false,
	} {
		if got := tlsio.LooksLikeTLS([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}
