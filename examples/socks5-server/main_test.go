package main

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing begins.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "socks5-server", nil, []looptest.Refusal{
		looptest.Wrong("for flag -auth: it is empty", "-auth", ""),
		looptest.Wrong("-auth: open no/such: no such file", "-auth", "no/such"),
		looptest.Wrong("-auth: /dev/null: no user", "-auth", os.DevNull),
		looptest.Wrong("for flag -handshake: it is negative; 0 means no limit", "-handshake", "-1s"),
		looptest.Wrong("for flag -idle: want a time such as 30s", "-idle", ""),
		looptest.Wrong("for flag -connect: want a time", "-connect", "10"),
		looptest.Wrong("for flag -stall: it is negative", "-stall", "-1s"),
		looptest.Wrong("for flag -conns: it is negative", "-conns", "-1"),
		looptest.Wrong("-listen tls://127.0.0.1:0: this example has no TLS there", "-listen", "tls://127.0.0.1:0"),
		looptest.Wrong("-listen: reactor: bad URL", "-listen", "127.0.0.1:0"),
		looptest.Wrong("-listen udp://127.0.0.1:0: want tcp://host:port or unix:///path", "-listen", "udp://127.0.0.1:0"),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := "tcp://" + looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", used}, 1, "-listen "+used+": ")
	looptest.WantExit(t, []string{"-listen", used}, 1, "address already in use\n")
}

// start starts the program and returns the address that it listens on.
func start(t *testing.T, args ...string) (p *looptest.Program, addr string) {
	t.Helper()
	p = looptest.Start(t, append([]string{"-listen", "tcp://127.0.0.1:0"}, args...)...)
	return p, p.Await(`listening url=tcp://127\.0\.0\.1:0 local=(\S+) users=`)[1]
}

// exchange sends text and wants an answer of the same connection.
func exchange(t *testing.T, c net.Conn, text, want string) {
	t.Helper()
	io.WriteString(c, text)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("to %q the server answers %q, %v, want %q", text, got, err, want)
	}
}

// target is a server on loopback that answers "answer to " and what it has read, after the end of
// stream.
func target(t *testing.T) (addr netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(c)
			io.WriteString(c, "answer to "+string(text))
			c.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// It warns if everyone can use it.
func TestWarning(t *testing.T) {
	p := looptest.Start(t, "-listen", "tcp://0.0.0.0:0")
	p.Await(`WARN .*EVERYONE ON THE NETWORK`)
	p.Signal(os.Interrupt)
	p.WantEnd()
}

// curl gets a page through it, if it is installed.
func TestCurl(t *testing.T) {
	curl := looptest.Installed(t, "curl")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nhi\n")
		c.Close()
	}()
	_, addr := start(t, "-auth", writeUsers(t, "me:secret"))
	out, err := exec.Command(curl, "--silent", "--show-error", "--max-time", "50", "--proxy-user", "me:secret", "--socks5-hostname", addr, "http://"+l.Addr().String()+"/").CombinedOutput()
	if err != nil || string(out) != "hi\n" {
		t.Errorf("curl: %q, %v", out, err)
	}
}
