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

// BenchmarkTLSStep says how long a handshake keeps a server's loop in one turn: the
// median of the longest turn of each, by the server's key and what the client
// offers for the exchange of keys. ns/op is a handshake's, both sides of it.
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
