package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"golang.org/x/sys/unix"
)

// A client that sends requests and never reads cannot fill the memory. The broker disconnects
// it or stops to read from it.
func TestUnreadAnswersAreBounded(t *testing.T) {
	const handshake = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for _, tc := range []struct {
		name, open, request string
		count               int  // of requests
		most                int  // bytes that a connection may hold
		disconnects         bool // if not, the broker stops reading
	}{
		{"requests", "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 130_000, 2*broker.SendLimit + broker.MaxPacket + 2<<20, true},
		{"pings", handshake, looptest.Frame(0x89, true, -1, strings.Repeat("p", 125)), 80_000, 256 << 10, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			l, err := broker.New(m, slog.New(slog.DiscardHandler)).Listen("ws://127.0.0.1:0/mqtt")
			if err != nil {
				t.Fatal(err)
			}
			client := looptest.DialSmallSocket(t, l.LocalAddr(), 32<<10) // it fills with fewer requests
			seen, gone := false, false                                   // the broker's connection
			rest := []byte(tc.open + strings.Repeat(tc.request, tc.count))
			for turn, n := 0, len(rest); !gone && (n > 0 || looptest.Busy(m)); turn++ {
				if turn > 10*looptest.Turns {
					t.Fatal("the loop does not become idle")
				}
				var err error
				if n, err = unix.Write(client.FD, rest); err != nil && err != unix.EAGAIN && !tc.disconnects {
					t.Fatal(err)
				}
				rest = rest[max(n, 0):]
				looptest.Spin(t, m, 1)
				present := false
				for c := range m.Conns() {
					if n := c.Send.Len() + c.Recv.Len(); n > tc.most {
						t.Fatalf("a connection holds %d bytes", n)
					}
					present = present || c != l
				}
				seen, gone = seen || present, seen && !present
			}
			if gone != tc.disconnects {
				t.Errorf("disconnected: %v, want %v", gone, tc.disconnects)
			}
		})
	}
}
