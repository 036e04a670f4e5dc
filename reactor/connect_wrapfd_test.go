package reactor_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestWrapFD(t *testing.T) {
	m := newManager(t)
	a, b := looptest.Socketpair(t)
	p := looptest.NewSocket(t, b)
	r := &recorder{}
	data := new(int)
	c, err := m.WrapFD(a, r.Handle, data)
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(a), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("O_NONBLOCK is not set: %#x, %v", flags, err)
	}
	if flags, err := unix.FcntlInt(uintptr(a), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("FD_CLOEXEC is not set: %#x, %v", flags, err)
	}
	if len(r.Events) > 0 || c.FnData != any(data) || c.IsClient() || c.IsListening() {
		t.Errorf("events %v, FnData %v, IsClient %v, IsListening %v", r.Events, c.FnData, c.IsClient(), c.IsListening())
	}
	p.WriteString("hello")
	await(t, m, "input", func() bool { return string(r.Got) == "hello" })
	c.Close()
	await(t, m, "the end of stream", p.Ended)
	r.Want(t, "OPEN READ CLOSE")
}

// The peer gets the end of our stream even if the socket has another descriptor, which stays open.
func TestWrapFDWithAnotherDescriptor(t *testing.T) {
	m := newManager(t)
	a, b := looptest.Socketpair(t)
	p := looptest.NewSocket(t, b)
	other, err := unix.Dup(a)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	r := &recorder{}
	if _, err := m.WrapFD(a, r.Handle, nil); err != nil {
		t.Fatal(err)
	}
	p.WriteString("hello")
	p.Shutdown()
	await(t, m, "the end of stream", p.Ended)
	await(t, m, "EvClose", func() bool { return len(r.Events) > 0 && r.Events[len(r.Events)-1] == reactor.EvClose })
}

// A connected TCP socket has its addresses.
func TestWrapFDOfTCP(t *testing.T) {
	m := newManager(t)
	l, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 4)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, looptest.Sockaddr(at)); err != nil {
		t.Fatal(err)
	}
	c, err := m.WrapFD(fd, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.RemoteAddr() != at || c.LocalAddr() != looptest.BoundAddr(t, fd) {
		t.Errorf("%v -> %v", c.LocalAddr(), c.RemoteAddr())
	}
	c.Write([]byte("hi"))
	p := l.AwaitAccept(m)
	await(t, m, "input", p.Received("hi"))
}

func TestWrapFDOfAPipe(t *testing.T) {
	m := newManager(t)
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	w := looptest.NewSocket(t, fds[1])
	r := &recorder{}
	if _, err := m.WrapFD(fds[0], r.Handle, nil); err != nil {
		t.Fatal(err)
	}
	w.WriteString("piped")
	await(t, m, "input", func() bool { return string(r.Got) == "piped" })
	w.Close()
	await(t, m, "EvClose", r.Closed)
	r.Want(t, "OPEN READ CLOSE")
}

// A descriptor that WrapFD refuses still belongs to the caller.
func TestWrapFDErrors(t *testing.T) {
	m := newManager(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, _ := wrap(t, m, nil)
	a, b := looptest.Socketpair(t)
	looptest.NewSocket(t, b)
	if _, err := m.WrapFD(a, nil, nil); err != nil {
		t.Fatal(err)
	}
	for name, fd := range map[string]int{"negative": -1, "not open": 1 << 19, "a manager's": a, "the poller's": m.Fd()} {
		if c, err := m.WrapFD(fd, nil, nil); err == nil || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	n := countConns(m)
	if _, err := m.WrapFD(int(f.Fd()), nil, nil); err == nil && isEpoll(m) {
		t.Error("a file was taken, which cannot be polled")
	} else if err != nil {
		if _, err := f.WriteString("still open"); err != nil {
			t.Errorf("the refused descriptor: %v", err)
		}
	}
	if isEpoll(m) && countConns(m) != n {
		t.Errorf("%d connections, want %d", countConns(m), n)
	}
	c.Close()
	spin(t, m, 3)
}

// isEpoll reports whether the manager uses epoll, which refuses files.
func isEpoll(m *reactor.Manager) bool {
	target, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(m.Fd()))
	return target == "anon_inode:[eventpoll]"
}
