package activation_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/activation"
)

// A service manager sets LISTEN_PID to the process that it starts. No program can know the number
// of its child before, so the child of these tests is a shell that sets it and becomes the child.
const childVariable = "RIKKI_ACTIVATION_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "print":
		printSockets()
	case "serve":
		serve()
	}
}

// printSockets prints what Sockets returns, twice, and what is left in the environment.
func printSockets() {
	for range 2 {
		sockets, err := activation.Sockets()
		fmt.Println(len(sockets), err)
		for _, s := range sockets {
			flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(s.FD), syscall.F_GETFD, 0)
			fmt.Printf("%d %q close-on-exec %v\n", s.FD, s.Name, flags&syscall.FD_CLOEXEC != 0)
		}
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") {
			fmt.Println(v)
		}
	}
}

// serve is a web server on the socket "web".
func serve() {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	sockets, err := activation.Sockets()
	fail(err)
	fd, err := activation.Named(sockets, "web")
	fail(err)
	m, err := reactor.New()
	fail(err)
	_, err = http.ListenFD(m, fd, func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvHTTPMsg {
			http.Reply(c, 200, "", "activated")
		}
	}, nil)
	fail(err)
	for m.Poll(-1) == nil {
	}
}

// child returns a process with listening sockets as its descriptors from 3 on.
func child(t *testing.T, what, env string, sockets ...net.Listener) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", env+` exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	for _, l := range sockets {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Stderr = os.Stderr
	return cmd
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestSockets(t *testing.T) {
	const two = "export LISTEN_PID=$$ LISTEN_FDS=2"
	for _, test := range []struct{ name, env, want string }{
		{"none", "", "0 <nil>\n0 <nil>\n"},
		{"two", two + ";", "2 <nil>\n3 \"\" close-on-exec true\n4 \"\" close-on-exec true\n0 <nil>\n"},
		{"names", two + " LISTEN_FDNAMES=web:; export LISTEN_PIDFDID=1;", "2 <nil>\n3 \"web\" close-on-exec true\n4 \"\" close-on-exec true\n0 <nil>\n"},
		{"no sockets", "export LISTEN_PID=$$ LISTEN_FDS=0;", "0 <nil>\n0 <nil>\n"},
		{"of another process", "export LISTEN_PID=1 LISTEN_FDS=2;", "0 <nil>\n0 <nil>\n"},
		{"bad PID", "export LISTEN_PID=x LISTEN_FDS=2;", "0 activation: LISTEN_PID is \"x\", want the number of a process\n0 <nil>\n"},
		{"no number", "export LISTEN_PID=$$;", "0 activation: LISTEN_FDS is \"\", want the number of sockets\n0 <nil>\n"},
		{"negative", "export LISTEN_PID=$$ LISTEN_FDS=-1;", "0 activation: LISTEN_FDS is \"-1\", want the number of sockets\n0 <nil>\n"},
		{"too many", "export LISTEN_PID=$$ LISTEN_FDS=99999999999999999999;", "0 activation: LISTEN_FDS is \"99999999999999999999\", want the number of sockets\n0 <nil>\n"},
		{"names for others", two + " LISTEN_FDNAMES=a;", "0 activation: LISTEN_FDNAMES has 1 names for 2 sockets: \"a\"\n0 <nil>\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := child(t, "print", test.env, listener(t), listener(t)).Output()
			if err != nil || string(out) != test.want {
				t.Errorf("%v\n got %q\nwant %q", err, out, test.want)
			}
		})
	}
}

func TestSocketsThatAreNotOpen(t *testing.T) {
	out, err := child(t, "print", "export LISTEN_PID=$$ LISTEN_FDS=60000;", listener(t)).Output()
	if first, _, _ := strings.Cut(string(out), "\n"); err != nil || !strings.Contains(first, "LISTEN_FDS is 60000, but descriptor") {
		t.Errorf("%v, %q", err, out)
	}
}

// A real child process serves a socket that its parent has made.
func TestActivatedServer(t *testing.T) {
	other, web := listener(t), listener(t)
	cmd := child(t, "serve", "export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=other:web;", other, web)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	c, err := net.Dial("tcp", web.Addr().String()) // the kernel accepts before the child runs
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(bufio.NewReader(c))
	if err != nil || !strings.HasSuffix(string(b), "activated") {
		t.Errorf("%v, %q", err, b)
	}
}

func TestNamed(t *testing.T) {
	sockets := []activation.Socket{{3, "a"}, {4, "b"}, {5, "b"}}
	if fd, err := activation.Named(sockets, "b"); fd != 4 || err != nil {
		t.Errorf("%d, %v", fd, err)
	}
	if fd, err := activation.Named(sockets, "c"); fd != -1 || !errors.Is(err, activation.ErrNoSocket) ||
		err.Error() != `activation: "c": no such socket: the service manager has passed "a", "b", "b"` {
		t.Errorf("%d, %v", fd, err)
	}
	if _, err := activation.Named(nil, "c"); !errors.Is(err, activation.ErrNoSocket) || !strings.HasSuffix(err.Error(), "has passed none") {
		t.Error(err)
	}
}
