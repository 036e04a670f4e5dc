package main

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

const handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// A client that asks and never reads does not fill the memory, whatever it
// asks for; once it reads, it gets its answers.
func TestUnreadAnswersAreBounded(t *testing.T) {
	kilobyte := strings.Repeat("k", 1024)
	for _, tc := range []struct {
		name, open, ask string
		count           int
		answer          string // ends each; "" if not all are answered
	}{
		{"bad requests", "", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 120_000, ""},
		{"messages", handshake, looptest.Frame(0x82, true, -1, kilobyte), 10_000, kilobyte},
		{"pings", handshake, looptest.Frame(0x89, true, -1, kilobyte[:125]), 80_000, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := looptest.NewManager(t)
			s := &server{log: slog.New(slog.DiscardHandler), ws: ws.Options{Limits: ws.Limits{Message: 1 << 20}}}
			if err := s.listen(m, "ws://127.0.0.1:0", nil); err != nil {
				t.Fatal(err)
			}
			var at netip.AddrPort
			for c := range m.Conns() {
				at = c.LocalAddr()
			}
			fd := looptest.Open(t, at.Addr(), unix.SOCK_STREAM)
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<10) // the less it holds, the less it takes
			looptest.Connect(t, fd, at)
			looptest.Own(t, &fd)

			rest := []byte(tc.open + strings.Repeat(tc.ask, tc.count))
			held := 0
			for turn, n := 0, len(rest); n > 0 || busy(m); turn++ {
				if turn > 10*looptest.Turns {
					t.Fatal("the loop does not come to rest")
				}
				var err error
				if n, err = unix.Write(fd, rest); err != nil && err != unix.EAGAIN {
					t.Fatal(err)
				}
				rest = rest[max(n, 0):]
				looptest.Spin(t, m, 1)
				held = bounded(t, m)
			}
			if tc.answer == "" {
				return
			}
			if held < maxUnsent/2 {
				t.Fatalf("%d bytes wait, too few to tell anything", held)
			}
			answers, in := 0, []byte(nil)
			looptest.Await(t, m, "all answers", func() bool {
				if n, _ := unix.Write(fd, rest); n > 0 {
					rest = rest[n:]
				}
				in, _, _ = looptest.Read(fd, in)
				answers += bytes.Count(in, []byte(tc.answer))
				if last := bytes.LastIndex(in, []byte(tc.answer)); last >= 0 {
					in = in[last+len(tc.answer):]
				}
				bounded(t, m)
				return answers == tc.count
			})
		})
	}
}

// bounded returns the most bytes that a connection holds, which are not too
// many.
func bounded(t *testing.T, m *reactor.Manager) (most int) {
	t.Helper()
	for c := range m.Conns() {
		if most = max(most, c.Send.Len()+c.Recv.Len()); most > 2*maxUnsent {
			t.Fatalf("a connection holds %d bytes", most)
		}
	}
	return most
}

// busy reports whether the loop has something to do.
func busy(m *reactor.Manager) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(m.Fd()), Events: unix.POLLIN}}, 0)
	return n > 0 || m.NextTimeout() == 0
}
