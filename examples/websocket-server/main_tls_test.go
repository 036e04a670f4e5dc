package main

import (
	"bufio"
	"crypto/tls"
	"io"
	nethttp "net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

// wantEcho opens a WebSocket, sends a message and wants it back.
func wantEcho(t *testing.T, c *tls.Conn) {
	t.Helper()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := nethttp.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("answer %v, %v", resp, err)
	}
	c.Write([]byte{0x82, 0x83, 0, 0, 0, 0, 'a', 'b', 'c'})
	frame := make([]byte, 5)
	if _, err := io.ReadFull(r, frame); err != nil || string(frame) != "\x82\x03abc" {
		t.Errorf("echo %q, %v", frame, err)
	}
}

// wss:// needs a certificate. After SIGHUP the server uses the certificate and the client
// authorities that the files then contain.
func TestTLS(t *testing.T) {
	looptest.WantExit(t, []string{"-listen", "wss://127.0.0.1:0"}, 2, "wss://127.0.0.1:0 needs -cert and -key")
	looptest.WantExit(t, []string{"-cert", "x", "-key", "y"}, 2, "there is none in ws://127.0.0.1")
	authority, next := looptest.NewAuthority(t), looptest.NewAuthority(t)
	cert, key, ca := authority.Files(t, authority.Issue(t, nil))
	p := looptest.Start(t, "-listen", "wss://127.0.0.1:0/any", "-cert", cert, "-key", key, "-client-ca", ca)
	addr := p.Await(`listening url=wss://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
	dial := func(server, client *looptest.Authority) *tls.Conn {
		t.Helper()
		cfg := server.Client()
		cfg.Certificates = []tls.Certificate{client.Issue(t, nil)}
		c, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
	old := dial(authority, authority)
	foreign := dial(authority, next)
	if _, err := io.ReadAll(foreign); err == nil || !strings.Contains(err.Error(), "unknown certificate authority") {
		t.Errorf("a client of another authority: %v", err)
	}
	foreign.Close()
	newCert, newKey, newCA := next.Files(t, next.Issue(t, nil))
	for from, to := range map[string]string{newCert: cert, newKey: key, newCA: ca} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	p.Signal(syscall.SIGHUP)
	p.Await("certificate reloaded")
	later := dial(next, next)
	wantEcho(t, later)
	wantEcho(t, old)
	later.Close() // or the program would wait for the connections
	old.Close()
	p.Signal(os.Interrupt)
	p.WantEnd()
}
