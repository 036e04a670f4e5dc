package main

import (
	"crypto/tls"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// login connects over TLS and logs in. The broker must accept it.
func login(t *testing.T, addr string, cfg *tls.Config) *tls.Conn {
	t.Helper()
	client, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetDeadline(time.Now().Add(time.Minute))
	packet, err := mqtt.AppendConnect(nil, 4, &mqtt.ConnectPacket{CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	client.Write(packet)
	answer := make([]byte, 4)
	if _, err := io.ReadFull(client, answer); err != nil || answer[0] != 0x20 || answer[3] != 0 {
		t.Fatalf("CONNACK %x, %v", answer, err)
	}
	return client
}

// The server uses TLS, and a new certificate after SIGHUP.
func TestServeTLS(t *testing.T) {
	authority, next := looptest.NewAuthority(t), looptest.NewAuthority(t)
	cert, key, _ := authority.Files(t, authority.Issue(t, nil))
	p := looptest.Start(t, "-listen", "mqtts://127.0.0.1:0", "-listen", "mqtt://127.0.0.1:0", "-cert", cert, "-key", key)
	p.Await(`certificate loaded file=\S+ names=localhost,127\.0\.0\.1 until=\S+$`)
	addr := address(p, "mqtts")
	client := login(t, addr, authority.Client())

	newCert, newKey, _ := next.Files(t, next.Issue(t, nil))
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	p.Signal(syscall.SIGHUP)
	p.Await(`INFO .* certificate reloaded file=\S+ names=localhost,127\.0\.0\.1 until=\S+$`)
	login(t, addr, next.Client())
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	p.Await(`ERROR .* certificate not reloaded, the old one stays in use error="-cert \S+ -key \S+: tls: `)
	login(t, addr, next.Client())

	client.Write([]byte{0xc0, 0}) // PINGREQ
	pong := make([]byte, 2)
	if _, err := io.ReadFull(client, pong); err != nil || pong[0] != 0xd0 {
		t.Errorf("the first connection: %x, %v", pong, err)
	}
	p.Signal(os.Interrupt)
	if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
		t.Errorf("at the end %x, %v, want close_notify", rest, err)
	}
	p.WantEnd()
}
