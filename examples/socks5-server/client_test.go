package main

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/relay"
	"github.com/rikki-go/rikki/internal/freeport"
	"github.com/rikki-go/rikki/internal/looptest"
)

// Each kind of address, with and without a password. The end of stream is forwarded while the other
// direction goes on, and a signal ends the program.
func TestConnect(t *testing.T) {
	to := target(t)
	port := int(to.Port())
	auth := writeUsers(t, "me:secret\n")
	for _, row := range []struct{ name, request string }{
		{"IPv4", ask(1, 1, string(to.Addr().AsSlice()), port)},
		{"name", ask(1, 3, domain("localhost"), port)},
		{"IPv4 as a name", ask(1, 3, domain("127.0.0.1"), port)},
	} {
		for _, login := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				args := map[bool][]string{true: {"-auth", auth}}[login]
				p, addr := start(t, args...)
				c := looptest.Dial(t, "tcp", addr)
				if login {
					exchange(t, c, "\x05\x02\x00\x02", "\x05\x02")
					exchange(t, c, "\x01\x02me\x06secret", "\x01\x00")
				} else {
					exchange(t, c, "\x05\x02\x00\x02", "\x05\x00")
				}
				exchange(t, c, row.request, "\x05\x00\x00\x01\x7f\x00\x00\x01")
				bound := make([]byte, 2)
				if _, err := io.ReadFull(c, bound); err != nil || string(bound) == "\x00\x00" {
					t.Errorf("bound port % x, %v", bound, err)
				}
				io.WriteString(c, "question")
				c.(*net.TCPConn).CloseWrite()
				if got, err := io.ReadAll(c); err != nil || string(got) != "answer to question" {
					t.Errorf("the client reads %q, %v", got, err)
				}
				p.Signal(syscall.SIGTERM)
				p.WantEnd()
			})
		}
	}
}

// All messages and the first data in one segment, and each byte by itself.
func TestPieces(t *testing.T) {
	to := target(t)
	_, addr := start(t)
	all := "\x05\x01\x00" + ask(1, 1, string(to.Addr().AsSlice()), int(to.Port())) + "question"
	for _, size := range []int{len(all), 1} {
		c := looptest.Dial(t, "tcp", addr)
		c.(*net.TCPConn).SetNoDelay(true)
		for rest := all; rest != ""; rest = rest[size:] {
			io.WriteString(c, rest[:size])
		}
		c.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil || len(got) != 12+len("answer to question") || string(got[12:]) != "answer to question" {
			t.Errorf("pieces of %d: the client reads %q, %v", size, got, err)
		}
	}
}

// What the server does not do: it answers with the code, closes, and logs the reason once.
func TestRefused(t *testing.T) {
	none := "\x05\x01\x00"
	addr, err := freeport.Addr() // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	port := int(netip.MustParseAddrPort(addr).Port())
	auth := writeUsers(t, "me:secret\n")
	for _, tc := range []struct {
		name, in, want, log string
		args                []string
	}{
		{"nobody listens", none + ask(1, 1, "\x7f\x00\x00\x01", port), "\x05\x00\x05\x05\x00\x01", "refused id=.* connection refused", nil},
		{"no such host", none + ask(1, 3, domain("x.invalid"), 80), "\x05\x00\x05\x04\x00\x01", `refused id=.*x\.invalid`, nil},
		{"BIND", none + ask(2, 1, "\x7f\x00\x00\x01", 80), "\x05\x00\x05\x07\x00\x01", "refused id=.*command 2", nil},
		{"other address", none + ask(1, 9, "\x7f\x00\x00\x01", 80), "\x05\x00\x05\x08\x00\x01", "refused id=.*address type 9", nil},
		{"SOCKS4", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", "", "refused id=.*version 4 of SOCKS", nil},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "", "refused id=.*version 71 of SOCKS", nil},
		{"method", "\x05\x01\x01", "\x05\xff", `refused id=.*does not offer method 0`, nil},
		{"no password", none, "\x05\xff", `refused id=.*does not offer method 2`, []string{"-auth", auth}},
		{"wrong password", "\x05\x01\x02\x01\x02me\x03abc", "\x05\x02\x01\x01", `refused id=.*wrong user name or password, user .*me`, []string{"-auth", auth}},
		{"too slow", "\x05", "", "connection failed id=.*", []string{"-handshake", "20ms"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, addr := start(t, tc.args...)
			c := looptest.Dial(t, "tcp", addr)
			io.WriteString(c, tc.in)
			got, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(got), tc.want) || tc.want == "" && len(got) > 0 {
				t.Errorf("the client reads %q, %v, want %q", got, err, tc.want)
			}
			p.Await(tc.log)
		})
	}
}

// A client that has sent no request leaves, and the signal ends the program at once.
func TestClientLeaves(t *testing.T) {
	p, addr := start(t)
	c := looptest.Dial(t, "tcp", addr)
	exchange(t, c, "\x05\x01\x00", "\x05\x00")
	c.Close()
	p.Signal(os.Interrupt)
	p.WantEnd()
}

// If the client's connection closes while the target is connecting, the attempt ends with it.
func TestClosedWhileConnecting(t *testing.T) {
	m := looptest.NewManager(t)
	s := &server{log: m.Logger()}
	l, err := relay.Listen(m, "tcp://127.0.0.1:0", &s.Options, s.accept)
	if err != nil {
		t.Fatal(err)
	}
	target, addr := looptest.ListenSocket(t)
	to := netip.MustParseAddrPort(addr)
	c := looptest.DialSocket(t, l.LocalAddr())
	c.WriteString("\x05\x01\x00" + ask(1, 1, string(to.Addr().AsSlice()), int(to.Port())))
	var waiting *client
	looptest.Await(t, m, "the request", func() bool {
		for c := range m.Conns() {
			if cl, ok := c.FnData.(*client); ok && cl.target != nil {
				waiting = cl
			}
		}
		return waiting != nil
	})
	waiting.conn.Close()
	looptest.Await(t, m, "the end of both", func() bool { return m.Stats().Conns == 0 })
	target.Close()
}
