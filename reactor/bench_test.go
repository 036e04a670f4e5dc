package reactor_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// BenchmarkEcho sends 64 bytes from a connection to another of the same manager and back.
// An operation is two reads, two writes and the polls between them.
func BenchmarkEcho(b *testing.B) {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	echo := func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvRead {
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}
	l, err := m.Listen("tcp://127.0.0.1:0", echo, nil)
	if err != nil {
		b.Fatal(err)
	}
	turns := 0
	c, err := m.Connect("tcp://"+l.LocalAddr().String(), func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvConnect:
			c.Write(make([]byte, 64))
		case reactor.EvRead:
			turns++
			c.Write(c.Recv.Bytes())
			c.Recv.Reset()
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for turns < 100 {
		m.Poll(time.Second)
	}
	turns = 0
	b.ReportAllocs()
	for b.Loop() {
		for seen := turns; turns == seen; {
			m.Poll(time.Second)
		}
	}
	c.Close()
}

// BenchmarkPollIdle is a turn with nothing to do while there are idle connections.
func BenchmarkPollIdle(b *testing.B) {
	for _, idle := range []int{0, 100, 400} {
		b.Run(map[int]string{0: "0", 100: "100", 400: "400"}[idle], func(b *testing.B) {
			m, err := reactor.New()
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			l, err := m.Listen("tcp://127.0.0.1:0", nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			open := 0
			for range idle {
				if _, err := m.Connect("tcp://"+l.LocalAddr().String(), func(_ *reactor.Conn, ev reactor.Event, _ any) {
					if ev == reactor.EvConnect {
						open++
					}
				}, nil); err != nil {
					b.Fatal(err)
				}
			}
			for open < idle {
				m.Poll(time.Second)
			}
			for range 10 {
				m.Poll(0)
			}
			b.ReportAllocs()
			for b.Loop() {
				m.Poll(0)
			}
		})
	}
}

// BenchmarkTLSStep measures how long a handshake keeps a server's loop in one turn.
// ns/turn is the median, over all handshakes, of the longest turn. It depends on the
// server's key and on the key exchange that the client offers. ns/op is the time of a
// whole handshake, with both sides.
func BenchmarkTLSStep(b *testing.B) {
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	for _, key := range []struct {
		name   string
		signer crypto.Signer
	}{
		{"P-256", ecdsaKey(b, elliptic.P256())}, {"P-521", ecdsaKey(b, elliptic.P521())}, {"RSA-2048", rsa2048},
	} {
		cfg := &tls.Config{Certificates: []tls.Certificate{signedBy(b, key.signer)}}
		for _, exchange := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP521} {
			b.Run(key.name+"/"+exchange.String(), func(b *testing.B) { benchTLSStep(b, cfg, exchange) })
		}
	}
}

func benchTLSStep(b *testing.B, cfg *tls.Config, exchange tls.CurveID) {
	servers, clients := benchManager(b), benchManager(b)
	secured := 0
	l, err := servers.Listen("tls://127.0.0.1:0", func(_ *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvTLSHS {
			secured++
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	l.StartTLS(cfg)
	ask := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{exchange}}
	var longest []time.Duration
	for before := secured; b.Loop(); before = secured {
		c, err := clients.Connect("tls://"+l.LocalAddr().String(), func(*reactor.Conn, reactor.Event, any) {}, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.StartTLS(ask)
		var turn time.Duration
		for secured == before {
			clients.Poll(0)
			start := time.Now()
			servers.Poll(0)
			turn = max(turn, time.Since(start))
		}
		longest = append(longest, turn)
		c.Close()
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Nanoseconds()), "ns/turn")
}

func benchManager(b *testing.B) *reactor.Manager {
	m, err := reactor.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

func ecdsaKey(b *testing.B, curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func signedBy(b *testing.B, key crypto.Signer) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
