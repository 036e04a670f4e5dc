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

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// many is how many connections TestManyConnections has, if the limit of
// descriptors allows; their other ends are another process's, so that half as
// many do.
const many = 10_000

// spare are the descriptors that a process needs besides.
const spare = 100

// clientsOf makes the test's own binary be those clients.
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

// raiseFiles raises the limit of descriptors, if need be and as far as it
// goes, and returns how many of want there may be.
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

// raise takes a limit, signed on some systems, to want or to its maximum.
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

// beClients does what it reads, one line each, with all its sockets, and
// answers each line with "done".
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
					err = unix.Connect(fd, sockaddr(addr))
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

// clients is that process.
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
	cmd.Env = append(os.Environ(), clientsOf+"="+of.String())
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

// do has all clients do something, while the loop runs.
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

// Ten thousand connections at a time: all are accepted and answered; while they are
// paused, none of them wakes the loop, whatever arrives; resumed, each finds
// what came, and then its end.
func TestManyConnections(t *testing.T) {
	m := newManager(t)
	n, err := raiseFiles(many)
	if err != nil {
		t.Fatal(err)
	}
	if n < many {
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
