package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

const handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// A client that sends requests and never reads cannot fill the memory. When it reads, it
// gets the echo of each message, in order.
func TestUnreadAnswersAreBounded(t *testing.T) {
	payload := func(i int) string { return fmt.Sprintf("%04000d", i) }
	for _, tc := range []struct {
		name, open string
		request    func(i int) string
		count      int
		echoed     bool // all requests are messages
	}{
		{"bad requests", "", func(int) string { return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" }, 40_000, false},
		{"messages", handshake, func(i int) string { return looptest.Frame(0x82, true, -1, payload(i)) }, 2500, true},
		{"pings", handshake, func(int) string { return looptest.Frame(0x89, true, -1, strings.Repeat("p", 125)) }, 40_000, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			s := defaults(t, "-max-message", "1048576").server(slog.New(slog.DiscardHandler))
			if err := s.listen(m, "ws://127.0.0.1:0", nil); err != nil {
				t.Fatal(err)
			}
			var at netip.AddrPort
			for c := range m.Conns() {
				at = c.LocalAddr()
			}
			client := looptest.DialSmallSocket(t, at, 32<<10) // it fills with fewer requests

			var requests strings.Builder
			requests.WriteString(tc.open)
			for i := range tc.count {
				requests.WriteString(tc.request(i))
			}
			rest := []byte(requests.String())
			held := 0
			for turn, n := 0, len(rest); n > 0 || looptest.Busy(m); turn++ {
				if turn > 10*looptest.Turns {
					t.Fatal("the loop does not become idle")
				}
				var err error
				if n, err = unix.Write(client.FD, rest); err != nil && err != unix.EAGAIN {
					t.Fatal(err)
				}
				rest = rest[max(n, 0):]
				looptest.Spin(t, m, 1)
				held = bounded(t, m)
			}
			if !tc.echoed {
				return
			}
			if held < maxUnsent/2 {
				t.Fatalf("the server holds only %d bytes", held)
			}
			opened := false
			echoes := looptest.NewSeries(func(i int) []byte { return []byte(looptest.Frame(0x82, false, -1, payload(i))) })
			looptest.Progress(t, m, "the echoes", func() (int, bool) {
				if n, _ := unix.Write(client.FD, rest); n > 0 {
					rest = rest[n:]
				}
				client.Receive()
				if _, after, found := bytes.Cut(client.In, []byte("\r\n\r\n")); found && !opened {
					client.In, opened = after, true
				}
				if opened {
					if _, err := echoes.Write(client.In); err != nil {
						t.Fatal(err)
					}
					client.In = client.In[:0]
				}
				bounded(t, m)
				return echoes.Len(), echoes.Len() == tc.count
			})
		})
	}
}

// bounded returns the number of bytes that the fullest connection holds. It fails the test if
// that exceeds the bound.
func bounded(t *testing.T, m *reactor.Manager) (most int) {
	t.Helper()
	for c := range m.Conns() {
		if most = max(most, c.Send.Len()+c.Recv.Len()); most > 2*maxUnsent {
			t.Fatalf("a connection holds %d bytes", most)
		}
	}
	return most
}
