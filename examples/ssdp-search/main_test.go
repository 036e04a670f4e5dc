package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/examples/internal/testclient"
	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage is one line on standard error, and status 2.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "ssdp-search", []string{"-interface"}, []looptest.Refusal{
		looptest.Wrong("-st is empty", "-st", ""),
		looptest.Wrong("-url tcp://127.0.0.1:1900: want udp://host:port", "-url", "tcp://127.0.0.1:1900"),
		looptest.Wrong("-url: ", "-url", "udp://239.255.255.250"),
		looptest.Wrong("-every 0s is not positive", "-every", "0"),
		looptest.Wrong("-every", "-every", "soon"),
		looptest.Wrong("-n: it is negative", "-n", "-1"),
		looptest.Wrong("-st \"a\\nb\" has a line break", "-st", "a\nb"),
	})
}

// An interface that does not exist is found when the program runs: status 1.
func TestExitStatus(t *testing.T) {
	looptest.WantExit(t, []string{"-interface", "nope0"}, 1, "on nope0")
}

// Two devices share the port of the group. The program prints what each of them answers.
func TestSearch(t *testing.T) {
	m := looptest.NewManager(t)
	iface := testclient.Loopback(t)
	group := netip.MustParseAddr("239.255.255.250")
	url, asked := "udp://239.255.255.250:0", 0
	for _, server := range []string{"one/1.0 UPnP/1.1", "two\x1b/2.0"} {
		l, err := m.Listen(url, func(c *reactor.Conn, ev reactor.Event, _ any) {
			if ev != reactor.EvRead {
				return
			}
			q := string(c.Recv.Bytes())
			if !strings.HasPrefix(q, "M-SEARCH * HTTP/1.1\r\n") || !strings.Contains(q, "\r\nST: test:target\r\n") || !strings.HasSuffix(q, "\r\nMX: 5\r\n\r\n") {
				t.Errorf("question %q", q)
			}
			asked++
			answer := "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nLocation: http://127.0.0.1/d.xml\r\nServer: " + server + "\r\n\r\n"
			if strings.Contains(server, "\x1b") {
				answer = "not HTTP"
			}
			c.Write([]byte(answer))
		}, nil)
		looptest.Must(t, err)
		looptest.Must(t, l.JoinGroup(group, iface))
		url = "udp://" + l.LocalAddr().String()
		if !l.LocalAddr().Addr().IsMulticast() { // on systems that bind to the wildcard address
			url = "udp://" + netip.AddrPortFrom(group, l.LocalAddr().Port()).String()
		}
	}
	p := looptest.Start(t, "-url", url, "-interface", iface, "-st", "test:target", "-n", "2", "-every", "300ms")
	looptest.Await(t, m, "the questions", func() bool { return asked == 4 })
	looptest.Spin(t, m, 5)
	status, stdout, stderr := p.Wait()
	if status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	for text, n := range map[string]int{
		"  Sending M-SEARCH\n": 2, "  Got a response remote=": 4, "  not HTTP remote=": 2,
		"\tLocation -> http://127.0.0.1/d.xml\n\tServer -> one/1.0 UPnP/1.1\n\n": 2,
	} {
		if got := strings.Count(stdout, text); got != n {
			t.Errorf("%q is printed %d times, want %d:\n%s", text, got, n, stdout)
		}
	}
}
