package reactor_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// many returns how many connections TestManyConnections makes, if the limit of descriptors
// allows it. Their other ends belong to another process, which needs as many.
func many() int {
	if raced {
		return 2_000
	}
	return 10_000
}

// spare is how many descriptors a process needs besides.
const spare = 100

// clientsOf is the environment variable that makes the test's own binary the clients'
// process.
const clientsOf = "RIKKI_TEST_CLIENTS_OF"

func init() {
	if addr := os.Getenv(clientsOf); addr != "" {
		if err := beClients(netip.MustParseAddrPort(addr), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// raiseFiles raises the limit of descriptors if necessary, as far as it goes. It returns
// how many of want there may be.
func raiseFiles(want int) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	n, raised := raise(&limit.Cur, limit.Max, want+spare)
	if raised {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return 0, err
		}
	}
	return n - spare, nil
}

// raise sets a limit to want, or to its maximum. The type of limits is signed on some
// systems.
func raise[T int64 | uint64](cur *T, most T, want int) (n int, raised bool) {
	if uint64(*cur) >= uint64(want) {
		return want, false
	}
	*cur = most
	if uint64(most) >= uint64(want) { // or endless
		*cur = T(want)
	}
	return int(*cur), true
}

// beClients reads commands, one per line, carries out each with all its sockets, and
// answers each with "done".
func beClients(addr netip.AddrPort, in io.Reader, out io.Writer) error {
	var fds []int
	each := func(fn func(i, fd int) error) error {
		for i, fd := range fds {
			if err := fn(i, fd); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
		}
		return nil
	}
	var buf [4]byte
	number := func(i int) []byte {
		binary.BigEndian.PutUint32(buf[:], uint32(i))
		return buf[:]
	}
	for lines := bufio.NewScanner(in); lines.Scan(); fmt.Fprintln(out, "done") {
		var n int
		var err error
		switch line := lines.Text(); line {
		default:
			if _, err = fmt.Sscanf(line, "connect %d", &n); err == nil {
				_, err = raiseFiles(n)
			}
			for len(fds) < n && err == nil {
				var fd int
				if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err == nil {
					fds = append(fds, fd)
					err = unix.Connect(fd, looptest.Sockaddr(addr))
				}
			}
		case "write":
			err = each(func(i, fd int) error { _, err := unix.Write(fd, number(i)); return err })
		case "shutdown":
			err = each(func(_, fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
		case "read":
			err = each(func(i, fd int) error {
				var got [5]byte
				if n, err := unix.Read(fd, got[:]); n != 4 || string(got[:4]) != string(number(i)) {
					return fmt.Errorf("read %d bytes %x, %v", n, got, err)
				}
				return nil
			})
		case "end":
			err = each(func(_, fd int) error {
				if n, err := unix.Read(fd, make([]byte, 1)); n != 0 || err != nil {
					return fmt.Errorf("read %d bytes, %v; want the end", n, err)
				}
				return unix.Close(fd)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clients is the process of the clients.
type clients struct {
	t       *testing.T
	m       *reactor.Manager
	in      io.Writer
	answers *bufio.Scanner
}

func startClients(t *testing.T, m *reactor.Manager, of netip.AddrPort) *clients {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), clientsOf+"="+of.String(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return &clients{t, m, in, bufio.NewScanner(out)}
}

// do makes all clients carry out a command while the loop runs.
func (p *clients) do(what string) {
	p.t.Helper()
	done, ok := false, false
	if _, err := fmt.Fprintln(p.in, what); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		said := p.answers.Scan()
		p.m.Post(func() { done, ok = true, said })
	}()
	for !done {
		if err := p.m.Poll(-1); err != nil {
			p.t.Fatal(err)
		}
	}
	if !ok {
		p.t.Fatalf("the clients could not %s", what)
	}
}

// Ten thousand connections are open at a time. All are accepted and answered. While they
// are paused, none of them wakes the loop, whatever arrives. After Resume each gets the
// bytes that came, and then the end of its stream.
func TestManyConnections(t *testing.T) {
	m := newManager(t)
	n, err := raiseFiles(many())
	if err != nil {
		t.Fatal(err)
	}
	if n < many() {
		t.Logf("the limit of descriptors allows for %d connections only", n)
	}
	var conns []*reactor.Conn
	var read, ended int
	echo := true
	l := listen(t, m, "tcp://127.0.0.1:0", func(c *reactor.Conn, ev reactor.Event, data any) {
		switch ev {
		case reactor.EvAccept:
			conns = append(conns, c)
		case reactor.EvRead:
			read += *data.(*int)
			if echo {
				c.Write(c.Recv.Bytes())
			}
			c.Recv.Reset()
		case reactor.EvError:
			t.Errorf("connection %d: %v", c.ID(), data)
		case reactor.EvClose:
			if !c.IsListening() {
				ended++
			}
		}
	})
	p := startClients(t, m, l.LocalAddr())
	p.do(fmt.Sprintf("connect %d", n))
	await(t, m, "all to be accepted", func() bool { return len(conns) == n })
	p.do("write")
	p.do("read")
	if read != 4*n {
		t.Errorf("%d bytes read, want %d", read, 4*n)
	}

	for _, c := range conns {
		c.Pause()
	}
	echo = false
	p.do("write")
	p.do("shutdown")
	spin(t, m, 1)
	before := m.Stats()
	if pollable(t, m.Fd()) || m.NextTimeout() != math.MaxInt64 {
		t.Errorf("paused connections wake the loop: Fd readable %v, NextTimeout %v", pollable(t, m.Fd()), m.NextTimeout())
	}
	spin(t, m, 3)
	if s := m.Stats(); s.Events != before.Events || s.Paused != n || s.Conns != n || read != 4*n || ended != 0 {
		t.Errorf("%d events while %d of %d are paused; %d bytes read, %d ended", s.Events-before.Events, s.Paused, s.Conns, read, ended)
	}

	for _, c := range conns {
		c.Resume()
	}
	await(t, m, "the end of all", func() bool { return ended == n })
	p.do("end")
	if s := m.Stats(); read != 8*n || s.Conns != 0 || s.Accepted != uint64(n) {
		t.Errorf("%d bytes read, want %d; %+v", read, 8*n, s)
	}
}
