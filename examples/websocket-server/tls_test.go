package main

import (
	"bufio"
	"crypto/tls"
	"io"
	nethttp "net/http"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// wss:// wants a certificate, and serves with it.
func TestTLS(t *testing.T) {
	looptest.WantExit(t, []string{"-listen", "wss://127.0.0.1:0"}, 2, "wss://127.0.0.1:0 wants -cert and -key")
	authority := looptest.NewAuthority(t)
	cert, key, _ := authority.Files(t, authority.Issue(t, nil))
	p := looptest.Start(t, "-listen", "wss://127.0.0.1:0/any", "-cert", cert, "-key", key)
	addr := p.Await(`listening url=wss://127\.0\.0\.1:0\S* local=(\S+)$`)[1]
	c, err := tls.Dial("tcp", addr, authority.Client())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
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
