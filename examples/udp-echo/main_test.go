package main

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage is one line on standard error, and status 2.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "udp-echo", nil, []looptest.Refusal{
		looptest.Wrong("-listen tcp://127.0.0.1:0: want udp://", "-listen", "tcp://127.0.0.1:0"),
		looptest.Wrong("-listen udp://127.0.0.1: the port is missing", "-listen", "udp://127.0.0.1"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used, err := net.ListenPacket("udp", "127.0.0.1:0")
	looptest.Must(t, err)
	defer used.Close()
	url := "udp://" + used.LocalAddr().String()
	looptest.WantExit(t, []string{"-listen", url}, 1, "-listen "+url+": ")
	looptest.WantExit(t, []string{"-listen", url}, 1, "address already in use")
}

// Each datagram comes back from the address that it was sent to.
func TestEcho(t *testing.T) {
	p := looptest.Start(t, "-listen", "udp://:0")
	_, port, err := net.SplitHostPort(p.Await(`listening local=(\S+)`)[1])
	looptest.Must(t, err)
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		c := looptest.Dial(t, "udp", net.JoinHostPort(host, port))
		buf := make([]byte, 1<<16)
		for _, s := range []string{"hello", "", strings.Repeat("x", 60_000)} {
			if _, err := c.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != s {
				t.Errorf("%s: %d bytes came back of %d: %v", host, n, len(s), err)
			}
		}
	}
	p.Await(`datagram remote=127\.0\.0\.1:\d+ bytes=5$`)
	p.Signal(os.Interrupt)
	p.WantEnd()
}

func TestMayAnswer(t *testing.T) {
	for _, row := range []struct {
		from, to string
		want     bool
	}{
		{"127.0.0.1:9000", "127.0.0.1", true}, {"[::1]:9000", "::1", true}, {"127.0.0.1:7", "127.0.0.1", false},
		{"127.0.0.1:9000", "224.0.0.1", false}, {"[::1]:9000", "ff02::1", false}, {"127.0.0.1:9000", "255.255.255.255", false},
	} {
		if got := mayAnswer(netip.MustParseAddrPort(row.from), netip.MustParseAddr(row.to)); got != row.want {
			t.Errorf("%+v: %v", row, got)
		}
	}
}
