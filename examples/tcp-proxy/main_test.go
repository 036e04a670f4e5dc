package main

import (
	"errors"
	"flag"
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

func TestExitStatus(t *testing.T) {
	used := looptest.UsedAddr(t)
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stderr string // part of it
	}{
		{"help", []string{"-h"}, 0, "-listen"},
		{"unknown flag", []string{"-port", "8000"}, 2, "flag provided but not defined: -port"},
		{"argument", []string{"tcp://127.0.0.1:0"}, 2, `unexpected argument "tcp://127.0.0.1:0"`},
		{"no scheme", []string{"-listen", "127.0.0.1:0"}, 1, "127.0.0.1:0"},
		{"TLS", []string{"-listen", "tls://127.0.0.1:0"}, 2, "does not accept TLS"},
		{"bad target", []string{"-to", "tcp://nowhere"}, 2, "-to: "},
		{"connect", []string{"-connect", "10"}, 2, "want a time such as 30s"},
		{"stall", []string{"-stall", "-1s"}, 2, "it is negative; 0 means no limit"},
		{"conns", []string{"-conns", "many"}, 2, "want a number"},
		{"idle", []string{"-idle", ""}, 2, "want a time such as 30s"},
		{"used", []string{"-listen", "tcp://" + used}, 1, "address already in use"},
	} {
		t.Run(tc.name, func(t *testing.T) { looptest.WantExit(t, tc.args, tc.status, tc.stderr) })
	}
}

// defaults returns the options of a command line.
func defaults(t *testing.T, args ...string) *options {
	t.Helper()
	var o options
	f := flag.NewFlagSet("", flag.ContinueOnError)
	o.flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &o
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
