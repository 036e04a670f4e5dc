package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/broker"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// A client that asks and never reads does not fill the memory: it is
// disconnected, or not answered, whatever it asks for.
func TestUnreadAnswersAreBounded(t *testing.T) {
	const handshake = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for _, tc := range []struct {
		name, open, ask string
		count, most     int // bytes
		goes            bool
	}{
		{"requests", "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 130_000, broker.CloseAbove + 2<<20, true},
		{"pings", handshake, looptest.Frame(0x89, true, -1, strings.Repeat("p", 125)), 80_000, 256 << 10, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			l, err := broker.New(m, slog.New(slog.DiscardHandler)).Listen("ws://127.0.0.1:0/mqtt")
			if err != nil {
				t.Fatal(err)
			}
			fd := looptest.Open(t, l.LocalAddr().Addr(), unix.SOCK_STREAM)
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<10) // the less it holds, the less it takes
			looptest.Connect(t, fd, l.LocalAddr())
			looptest.Own(t, &fd)
			met, gone := false, false
			rest := []byte(tc.open + strings.Repeat(tc.ask, tc.count))
			for turn, n := 0, len(rest); !gone && (n > 0 || busy(m)); turn++ {
				if turn > 10*looptest.Turns {
					t.Fatal("the loop does not come to rest")
				}
				var err error
				if n, err = unix.Write(fd, rest); err != nil && err != unix.EAGAIN && !tc.goes {
					t.Fatal(err)
				}
				rest = rest[max(n, 0):]
				looptest.Spin(t, m, 1)
				here := false
				for c := range m.Conns() {
					if n := c.Send.Len() + c.Recv.Len(); n > tc.most {
						t.Fatalf("a connection holds %d bytes", n)
					}
					here = here || c != l
				}
				met, gone = met || here, met && !here
			}
			if gone != tc.goes {
				t.Errorf("disconnected: %v, want %v", gone, tc.goes)
			}
		})
	}
}

// busy reports whether the loop has something to do.
func busy(m *reactor.Manager) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}}, 0)
	return n > 0 || m.NextTimeout() == 0
}
