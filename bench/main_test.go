//go:build linux

package main

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

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
		looptest.Wrong(`"gopher" is not a group`, "echo", "gopher"),
		looptest.Wrong(`-before: exec: "no/such"`, "-before", "no/such"),
		looptest.Wrong("-write writes all groups", "-write", "..", "echo"),
		looptest.Wrong("-profile excludes", "-profile", "x", "-quick"),
		looptest.Wrong("-write and -before exclude each other", "-write", "..", "-before", "x"),
	})
}

// Without arguments the long groups are not measured. Arguments do not change the order.
func TestChoose(t *testing.T) {
	names := func(all []*group) (names []string) {
		for _, g := range all {
			names = append(names, g.name)
		}
		return names
	}
	for _, tc := range []struct {
		names []string
		full  bool
		want  []string
	}{
		{nil, false, []string{"echo", "connect", "idle", "broadcast", "tls", "http", "latency", "loops"}},
		{nil, true, names(groups)},
		{[]string{"mqtt", "echo"}, false, []string{"echo", "mqtt"}},
	} {
		got, err := choose(tc.names, tc.full)
		if err != nil || !slices.Equal(names(got), tc.want) {
			t.Errorf("%q, %v: %q, %v", tc.names, tc.full, names(got), err)
		}
	}
}

func testMachine(t *testing.T) *machine {
	t.Helper()
	m, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// testBench is a run with small numbers and all peers.
func testBench(t *testing.T) *bench {
	t.Helper()
	return &bench{m: testMachine(t), full: true, sizes: sizes{
		rounds: 1, warm: 5 * time.Millisecond, span: 20 * time.Millisecond, steady: 20 * time.Millisecond,
		besideConns: 50, idleConns: 200, fanConns: 100, connects: 64, tlsConns: 20, heap: 1,
		stalls: 3, stallWarm: 1,
	}}
}

// launchTest starts a server. It must end without an error when the test ends.
func launchTest(t *testing.T, s *subject) (*process, netip.AddrPort) {
	t.Helper()
	p, addr, err := testBench(t).launchServer(s, single)
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
	if err != nil || to.Addr() != localhost {
		t.Fatalf("%s listens on %q: %v", s.name, addr, err)
	}
	return p, to
}

// eachServer runs a test with each of the echo servers in parallel.
func eachServer(t *testing.T, fn func(t *testing.T, p *process, to netip.AddrPort)) {
	for _, s := range echoServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p, to := launchTest(t, s)
			fn(t, p, to)
		})
	}
}

func TestNoSuchChild(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"serve", "echo", "rikki"}, {"serve", "echo", "nobody", "1", "0"}, {"serve", "echo", "rikki", "x", "0"},
		{"serve", "echo", "rikki", "1", "x"}, {"hold", "x"}, {"hold", "127.0.0.2", "x"}, {"hold", "x", "127.0.0.1:1"},
		{"ask", "gopher", "127.0.0.1:1"}, {"publish", "x"}, {"publish", "127.0.0.1:1", "1", "x", "1s", "1s"},
		{"mqtt", "x"}, {"mqtt", "nobody", "127.0.0.1:1", "tcp", "0", "1", "true", "1s", "1s"}} {
		if err := child(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// If a child fails, its parent gets an error and does not wait.
func TestChildThatFails(t *testing.T) {
	b := testBench(t)
	if _, _, err := b.launchServer(&subject{name: "nobody"}, single); err == nil {
		t.Error("started a server that does not exist")
	}
	c := &crowd{m: b.m, addr: "127.0.0.1:1"} // no server listens there
	defer c.stop()
	if err := c.grow(1); err == nil {
		t.Error("connected to a port without a server")
	}
}
