package allocs_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
)

// TestMain lets the test's binary be the peer of the connections that are measured. The peer is a
// process of its own, so that its memory and its descriptors do not count.
func TestMain(m *testing.M) {
	looptest.Main(idlePeer)
	os.Exit(m.Run())
}

// idlePeer is the main function of the peer. Its arguments are the role, the kind, a folder, and
// for a client the server's address. A client reads numbers from its input and opens so many
// connections. A server prints its address. Both end with their input.
func idlePeer() {
	role, name, dir := os.Args[1], os.Args[2], os.Args[3]
	m, err := reactor.New()
	exitOn(err)
	p := &party{m: m, dir: dir}
	for i := range idleKinds {
		if k := &idleKinds[i]; k.name == name {
			p.kind, p.message = k, k.text()
		}
	}
	p.answered = func() {}
	p.tls, err = peerConfig(role, dir)
	exitOn(err)
	ask := func(int) {}
	if role == "server" {
		l, err := p.kind.listen(p)
		exitOn(err)
		fmt.Println(idleAddr(p, l))
	} else {
		ask = func(n int) { exitOn(p.open(n, os.Args[4])) }
	}
	in := bufio.NewScanner(os.Stdin)
	go func() {
		for in.Scan() {
			n, err := strconv.Atoi(in.Text())
			exitOn(err)
			m.Post(func() { ask(n) })
		}
		os.Exit(0)
	}()
	for m.Poll(-1) == nil {
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// open opens n connections to addr, one after the other.
func (p *party) open(n int, addr string) error {
	p.answered = func() {
		if n--; n > 0 {
			exitOn(p.kind.connect(p, addr))
		}
	}
	return p.kind.connect(p, addr)
}

// idleAddr returns what a client connects to.
func idleAddr(p *party, l *reactor.Conn) string {
	if a := l.LocalAddr(); a.IsValid() {
		return a.String()
	}
	return p.dir + "/socket"
}

// peerConfig reads the files that the test has written.
func peerConfig(role, dir string) (*tls.Config, error) {
	if role == "server" {
		c, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		return &tls.Config{Certificates: []tls.Certificate{c}}, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{RootCAs: pool}, err
}

// measureIdle returns how many bytes of the heap a connection takes.
func measureIdle(t *testing.T, k *idleKind, role string) int {
	t.Helper()
	n := k.conns
	if n == 0 {
		n = 2000
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || uint64(files.Cur) < uint64(n)+200 {
		looptest.Missing(t, "%d descriptors are possible, the test needs %d: %v", files.Cur, n+200, err)
	}
	clock := looptest.NewClock()
	p := &party{m: looptest.NewManager(t, reactor.WithClock(clock.Now)), kind: k, message: k.text()}
	authority := looptest.NewAuthority(t)
	cert, _, _ := authority.Files(t, authority.Issue(t, nil))
	p.dir = filepath.Dir(cert)
	answered := 0
	p.answered = func() { answered++ }
	var open func(n int)
	if role == "server" {
		p.tls = authority.Server(t)
		l, err := k.listen(p)
		must(t, err)
		peer, _ := startPeer(t, "client", k.name, p.dir, idleAddr(p, l))
		open = func(n int) { fmt.Fprintln(peer, n) }
	} else {
		p.tls = authority.Client()
		_, out := startPeer(t, "server", k.name, p.dir)
		if !out.Scan() {
			t.Fatal("the peer has not started")
		}
		addr := out.Text()
		open = func(n int) {
			for before := answered; n > 0; n-- {
				must(t, k.connect(p, addr))
				until(t, p.m, func() bool { return answered > before })
				before = answered
			}
		}
	}
	// settled opens connections until there are as many, and returns the size of the heap.
	settled := func(conns int) int {
		for answered < conns { // in parts, because until makes a limited number of turns
			goal := min(conns, answered+200)
			open(goal - answered)
			until(t, p.m, func() bool { return answered == goal })
		}
		for range 3 { // the manager drops spare memory that was not used in the last second
			looptest.Settle(t, p.m)
			clock.Advance(time.Second)
		}
		looptest.Settle(t, p.m)
		if got := p.m.Stats(); got.Failed > 0 || got.Queued > 0 {
			t.Errorf("connections have failed or are not idle: %+v", got)
		}
		return looptest.LiveHeap()
	}
	const first = 10 // these allocate what all connections share
	before, routines := settled(first), runtime.NumGoroutine()
	after := settled(first + n)
	if more := runtime.NumGoroutine() - routines; more > 0 {
		t.Errorf("%d goroutines more for %d connections, want none", more, n)
	}
	runtime.KeepAlive(p)
	return (after - before) / n
}

// startPeer starts the other process, which ends with the test.
func startPeer(t *testing.T, args ...string) (in io.Writer, out *bufio.Scanner) {
	t.Helper()
	cmd := looptest.Command(t, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	return stdin, bufio.NewScanner(stdout)
}
