package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
)

func TestMain(m *testing.M) {
	looptest.Main(main)
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. The program does not listen before.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "tcp-proxy", nil, []looptest.Refusal{
		looptest.Wrong(`-listen: reactor: bad URL "127.0.0.1:0"`, "-listen", "127.0.0.1:0"),
		looptest.Wrong("-listen tls://127.0.0.1:0: this example has no TLS there", "-listen", "tls://127.0.0.1:0"),
		looptest.Wrong("-listen udp://127.0.0.1:0: want tcp://host:port or unix:///path", "-listen", "udp://127.0.0.1:0"),
		looptest.Wrong("-listen tcp://127.0.0.1: the port is missing", "-listen", "tcp://127.0.0.1"),
		looptest.Wrong(`-to: reactor: bad URL "bogus": no scheme`, "-to", "bogus"),
		looptest.Wrong("-to: reactor: bad URL", "-to", "tcp://nowhere"),
		looptest.Wrong("-to: reactor: bad URL", "-to", "tcp://me:s3cret@127.0.0.1:80"),
		looptest.Wrong("-to udp://127.0.0.1:9: datagrams have no end of stream", "-to", "udp://127.0.0.1:9"),
		looptest.Wrong("for flag -connect: want a time such as 30s", "-connect", "10"),
		looptest.Wrong("for flag -stall: it is negative; 0 means no limit", "-stall", "-1s"),
		looptest.Wrong("for flag -conns: want a number", "-conns", "many"),
		looptest.Wrong("for flag -idle: want a time such as 30s", "-idle", ""),
	})
}

// If the system refuses to listen, the status is 1, and the line names the flag and the URL.
func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	looptest.WantExit(t, []string{"-listen", "tcp://" + used}, 1, "-listen tcp://"+used+": ")
	looptest.WantExit(t, []string{"-listen", "tcp://" + used}, 1, "address already in use\n")
}

// start starts the program with -to and returns the address that it listens on.
func start(t *testing.T, to string) (p *looptest.Program, addr string) {
	t.Helper()
	p = looptest.Start(t, "-listen", "tcp://127.0.0.1:0", "-to", to)
	return p, p.Await(`listening url=tcp://127\.0\.0\.1:0 local=(\S+) to=`)[1]
}

// Bytes go in both directions, the end of one side is the end of the other, and a signal
// ends the program without an error.
func TestBothWays(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			t.Run(network+" "+sig.String(), func(t *testing.T) {
				address := map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")}[network]
				target, err := net.Listen(network, address)
				if err != nil {
					t.Fatal(err)
				}
				defer target.Close()
				p, addr := start(t, network+"://"+target.Addr().String())
				c := looptest.Dial(t, "tcp", addr)
				io.WriteString(c, "question")
				d, err := target.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				d.SetDeadline(time.Now().Add(time.Minute))
				buf := make([]byte, 8)
				if _, err := io.ReadFull(d, buf); err != nil || string(buf) != "question" {
					t.Fatalf("the target reads %q, %v", buf, err)
				}
				io.WriteString(d, "answer")
				d.Close()
				if got, err := io.ReadAll(c); err != nil || string(got) != "answer" {
					t.Errorf("the client reads %q, %v", got, err)
				}
				c.Close() // or the proxy would wait a second for it
				p.Signal(sig)
				p.WantEnd()
			})
		}
	}
}

// If the target does not listen, the client reads a reset. The log says why.
func TestTargetDoesNotListen(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	p, addr := start(t, "unix://"+none)
	var got []byte
	c, err := net.Dial("tcp", addr)
	if err == nil { // otherwise the reset has come before Dial has returned
		got, err = io.ReadAll(c)
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) || len(got) != 0 {
		t.Errorf("read %q, %v", got, err)
	}
	p.Await(`connection failed id=\d+ error=.*no such file`)
}

// The log shows the path of a UNIX-domain socket, and no address for a connection without one.
func TestUnixSocketsInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "listen")
	p := looptest.Start(t, "-listen", "unix://"+path, "-to", "unix://"+path+".none")
	p.Await(`listening url=unix://\Q` + path + `\E to=unix://\Q` + path + `\E\.none$`)
	io.ReadAll(looptest.Dial(t, "unix", path))
	p.Await("connection failed")
	p.Signal(os.Interrupt)
	if status, stdout, stderr := p.Wait(); status != 0 || stderr != "" || strings.Contains(stdout, "invalid") {
		t.Errorf("status %d, stderr %q, stdout\n%s", status, stderr, stdout)
	}
}
