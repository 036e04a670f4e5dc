package reactor_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

func TestBadURLs(t *testing.T) {
	m := newManager(t)
	both := []string{
		"", "127.0.0.1:80", "http://127.0.0.1:80", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:65536",
		"tcp://127.0.0.1:80/path", "tcp://127.0.0.1:80?query", "tcp://user@127.0.0.1:80", "udp://user:@127.0.0.1:80",
		"unix://", "unix://relative", "tcp://[::1:80", "unix://" + t.TempDir() + "/s?query", "unix://user@" + t.TempDir() + "/s",
	}
	for _, url := range both {
		if c, err := m.Connect(url, nil, nil); err == nil || c != nil || !strings.Contains(err.Error(), "bad URL") {
			t.Errorf("Connect(%q): %v, %v", url, c, err)
		}
		if c, err := m.Listen(url, nil, nil); err == nil || c != nil {
			t.Errorf("Listen(%q): %v, %v", url, c, err)
		}
	}
	for _, url := range []string{"tcp://:80", "tcp://127.0.0.1:0", "udp://:80", "udp://127.0.0.1:0"} {
		if _, err := m.Connect(url, nil, nil); err == nil {
			t.Errorf("Connect(%q) took it", url)
		}
	}
	for _, url := range []string{"tcp://host.test:80", "udp://host.test:80", "tcp://192.0.2.1:0"} {
		if _, err := m.Listen(url, nil, nil); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("Listen(%q): %v", url, err)
		}
	}
	if n := countConns(m); n != 0 {
		t.Errorf("%d connections of refused URLs", n)
	}
}

func TestListenWhereSomebodyListens(t *testing.T) {
	m := newManager(t)
	for _, url := range []string{"tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0"} {
		l := listen(t, m, url, nil)
		again := url[:3] + "://" + l.LocalAddr().String()
		if _, err := m.Listen(again, nil, nil); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), again) {
			t.Errorf("Listen(%q): %v", again, err)
		}
	}
}

// An empty host means all interfaces of both families.
func TestListenOnAllInterfaces(t *testing.T) {
	m := newManager(t)
	var from []netip.Addr
	l := listen(t, m, "tcp://:0", func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvAccept {
			from = append(from, c.RemoteAddr().Addr())
		}
	})
	if !l.IsListening() || l.IsClient() || l.LocalAddr().Port() == 0 {
		t.Errorf("IsListening %v, LocalAddr %v", l.IsListening(), l.LocalAddr())
	}
	for i, host := range []string{"127.0.0.1", "::1"} {
		dialRaw(t, netipAddrPort(host, l.LocalAddr().Port()))
		await(t, m, "EvAccept", func() bool { return len(from) == i+1 })
		if from[i] != netip.MustParseAddr(host) { // IPv4 is not mapped
			t.Errorf("accepted from %v, want %s", from[i], host)
		}
	}
}

func TestListenOnLocalhost(t *testing.T) {
	m := newManager(t)
	if l := listen(t, m, "tcp://localhost:0", nil); l.LocalAddr().Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("LocalAddr %v", l.LocalAddr())
	}
}

// The address of a listener outlives it.
func TestListenerAddressAfterClose(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	at := l.LocalAddr()
	l.Close()
	await(t, m, "EvClose", r.closed)
	if l.LocalAddr() != at || !at.IsValid() {
		t.Errorf("%v, was %v", l.LocalAddr(), at)
	}
	again := listen(t, m, urlOf(at.String()), nil) // and can be had at once
	if again.LocalAddr() != at {
		t.Errorf("%v", again.LocalAddr())
	}
}

// The path of a UNIX-domain listener is there while it lives; what is there
// already stays.
func TestUnixPath(t *testing.T) {
	m := newManager(t)
	path := filepath.Join(t.TempDir(), "socket")
	r := &recorder{}
	l := listen(t, m, "unix://"+path, r.handle)
	if st, err := os.Stat(path); err != nil || st.Mode()&fs.ModeSocket == 0 {
		t.Fatalf("%v, %v", st, err)
	}
	if _, err := m.Listen("unix://"+path, nil, nil); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("after a refused one: %v", err)
	}
	if l.LocalAddr().IsValid() {
		t.Errorf("LocalAddr %v", l.LocalAddr())
	}
	l.Close()
	await(t, m, "EvClose", r.closed)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after EvClose: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Listen("unix://"+file, nil, nil); err == nil {
		t.Error("listens where a file is")
	}
	if b, err := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
	if _, err := m.Listen("unix:///"+strings.Repeat("x", 300), nil, nil); err == nil {
		t.Error("listens on a path that is too long")
	}
}

// Many that come at once are all accepted.
func TestAcceptBurst(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	l := listen(t, m, "tcp://127.0.0.1:0", r.handle)
	for range 200 {
		dialRaw(t, l.LocalAddr())
	}
	await(t, m, "all to be accepted", func() bool { return r.count(reactor.EvAccept) == 200 })
	if n := countConns(m); n != 201 {
		t.Errorf("%d connections", n)
	}
}

// Closed by the handler of one that it accepted, a listener accepts no more.
func TestListenerClosedWithinAccept(t *testing.T) {
	m := newManager(t)
	r := &recorder{}
	var l *reactor.Conn
	r.on = hooks{reactor.EvAccept: func(*reactor.Conn, any) { l.Close() }}
	l = listen(t, m, "tcp://127.0.0.1:0", r.handle)
	for range 5 {
		dialRaw(t, l.LocalAddr())
	}
	spin(t, m, 5)
	if n := r.count(reactor.EvAccept); n != 1 {
		t.Errorf("%d accepted, want 1", n)
	}
}
