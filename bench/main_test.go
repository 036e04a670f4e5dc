//go:build linux

package main

import (
	"net/netip"
	"os"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// TestMain lets the test binary run as the child processes.
func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		main()
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // or each child would sleep for a second at its end
	os.Exit(m.Run())
}

// Wrong usage has status 2 and one line that names the flag. Nothing is measured.
func TestUsage(t *testing.T) {
	looptest.WantUsage(t, run, "bench", nil, []looptest.Refusal{
		looptest.Wrong("-tls, -stall and -mqtt exclude each other", "-tls", "-stall"),
		looptest.Wrong("-tls, -stall and -mqtt exclude each other", "-tls", "-mqtt"),
		looptest.Wrong("-tls, -stall and -mqtt exclude each other", "-mqtt", "-stall"),
		looptest.Wrong(`-before: exec: "no/such"`, "-before", "no/such"),
	})
}

func testMachine(t *testing.T) *machine {
	t.Helper()
	m, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// launchTest starts a server. It must end without an error when the test ends.
func launchTest(t *testing.T, s *server) (*process, netip.AddrPort) {
	t.Helper()
	p, addr, err := launchServer(testMachine(t).serverCore, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if !p.cmd.ProcessState.Success() {
			t.Errorf("%s: %v", s.name, p.cmd.ProcessState)
		}
	})
	to, err := netip.ParseAddrPort(addr)
	if err != nil || to.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Fatalf("%s listens on %q: %v", s.name, addr, err)
	}
	return p, to
}

// eachServer runs a test with each of the servers in parallel.
func eachServer(t *testing.T, fn func(t *testing.T, p *process, to netip.AddrPort)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p, to := launchTest(t, s)
			fn(t, p, to)
		})
	}
}

func TestNoSuchChild(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"serve", "nobody"}, {"hold", "x"}, {"hold", "127.0.0.2", "x"}, {"hold", "x", "127.0.0.1:1"},
		{"ask", "gopher", "127.0.0.1:1"}, {"publish", "x"}, {"publish", "127.0.0.1:1", "1", "x", "1s", "1s"},
		{"mqtt", "x"}, {"mqtt", "nobody", "127.0.0.1:1", "tcp", "0", "1", "true", "1s", "1s"}} {
		if err := child(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// If a child fails, its parent gets an error and does not wait.
func TestChildThatFails(t *testing.T) {
	m := testMachine(t)
	if _, _, err := launchServer(m.serverCore, &server{name: "nobody"}); err == nil {
		t.Error("started a server that does not exist")
	}
	c := &crowd{m: m, addr: "127.0.0.1:1"} // no server listens there
	defer c.stop()
	if _, err := c.grow(1); err == nil {
		t.Error("connected to a port without a server")
	}
}
