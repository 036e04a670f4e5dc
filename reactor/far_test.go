package reactor_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// ways are the ways in which a stream comes to a manager: kind of socket and role.
var ways = []string{
	"tcp server", "tcp client", "unix server", "unix client", "wrapped",
	"TLS 1.2 server", "TLS 1.2 client", "TLS 1.3 server", "TLS 1.3 client",
}

// plainWays are those without TLS.
var plainWays = ways[:5]

// isTLS, isTCP and isClient say what a way is.
func isTLS(way string) bool    { return strings.HasPrefix(way, "TLS") }
func isTCP(way string) bool    { return isTLS(way) || strings.HasPrefix(way, "tcp") }
func isClient(way string) bool { return strings.HasSuffix(way, "client") }

// far is the other end of a connection under test: a bare socket, with crypto/tls on it
// if the way says so. Whatever waits for the loop turns it.
type far struct {
	*peer
	m      *reactor.Manager
	way    string
	tls    *tls.Conn
	blocks bool
	got    []byte // what hear has read
	done   bool   // the end of stream was read; over TLS, close_notify
	failed error  // what hear met instead
}

// reach makes a connection in a way. The handler hears its events only. With before, if
// it is not nil, a test sets up the connection, or its listener, before the first Poll.
func reach(t *testing.T, m *reactor.Manager, way string, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn, f *far) {
	t.Helper()
	f = &far{m: m, way: way}
	last := reactor.EvConnect
	switch {
	case way == "wrapped":
		last = reactor.EvOpen
	case isTLS(way):
		last = reactor.EvTLSHS
	case !isClient(way):
		last = reactor.EvAccept
	}
	ready := false
	handler := func(conn *reactor.Conn, ev reactor.Event, data any) {
		if conn.IsListening() {
			return
		}
		if c == nil {
			c = conn
		}
		if fn != nil {
			fn(conn, ev, data)
		}
		ready = ready || ev == last
	}
	if before == nil {
		before = func(*reactor.Conn) {}
	}
	switch {
	case way == "wrapped":
		c, f.peer = wrap(t, m, handler)
		before(c)
	case isClient(way):
		c = f.accept(t, handler, before)
	default:
		f.connect(t, handler, before)
	}
	if isTLS(way) {
		f.secure()
	}
	await(t, m, "the connection", func() bool { return ready })
	return c, f
}

// url is where a way's listener is.
func (f *far) url(t *testing.T) string {
	switch {
	case isTLS(f.way):
		return "tls://127.0.0.1:0"
	case isTCP(f.way):
		return "tcp://127.0.0.1:0"
	}
	return "unix://" + filepath.Join(shortDir(t), "s")
}

// connect connects to a listener of the manager.
func (f *far) connect(t *testing.T, fn reactor.Handler, before func(c *reactor.Conn)) {
	t.Helper()
	url := f.url(t)
	l := listen(t, f.m, url, fn)
	if isTLS(f.way) {
		l.StartTLS(serverConfig())
	}
	before(l)
	if isTCP(f.way) {
		f.peer = dialRaw(t, l.LocalAddr())
		return
	}
	f.peer = newPeer(t, unixSocket(t))
	if err := unix.Connect(f.fd, &unix.SockaddrUnix{Name: strings.TrimPrefix(url, "unix://")}); err != nil {
		t.Fatal(err)
	}
}

// accept lets the manager connect to a listener of the test's.
func (f *far) accept(t *testing.T, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn) {
	t.Helper()
	var l *peer
	if isTCP(f.way) {
		bound, at := bindRaw(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		l = bound
		c = dial(t, f.m, "tcp://"+at.String(), fn)
		if isTLS(f.way) {
			c.StartTLS(authority().Client())
		}
	} else {
		path := filepath.Join(shortDir(t), "s")
		l = newPeer(t, unixSocket(t))
		if err := errors.Join(unix.Bind(l.fd, &unix.SockaddrUnix{Name: path}), unix.Listen(l.fd, 1)); err != nil {
			t.Fatal(err)
		}
		c = dial(t, f.m, "unix://"+path, fn)
	}
	before(c)
	await(t, f.m, "the client", func() bool { f.peer = acceptRaw(t, l); return f.peer != nil })
	return c
}

// shortDir is a folder whose name leaves room for that of a socket, unlike t.TempDir, which
// repeats the name of the test.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rikki")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func unixSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// secure makes the handshake of TLS.
func (f *far) secure() {
	f.t.Helper()
	// What the far end says leaves at once, also just before a reset.
	looptest.Must(f.t, unix.SetsockoptInt(f.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	cfg := authority().Client()
	if isClient(f.way) {
		cfg = serverConfig().Clone()
	}
	cfg = small(cfg, versions[f.way[:len("TLS 1.3")]])
	cfg.DynamicRecordSizingDisabled = true // few large records
	if isClient(f.way) {
		f.tls = tls.Server(farWire{f: f}, cfg)
	} else {
		f.tls = tls.Client(farWire{f: f}, cfg)
	}
	f.blocks = true
	if err := f.tls.Handshake(); err != nil {
		f.t.Fatal(err)
	}
	f.blocks = false
}

// say sends all of b.
func (f *far) say(b []byte) {
	f.t.Helper()
	write := farWire{f: f}.Write
	if f.tls != nil {
		write = f.tls.Write
	}
	if n, err := write(b); err != nil || n != len(b) {
		f.t.Fatalf("the far end wrote %d of %d bytes: %v", n, len(b), err)
	}
}

// end ends the sending side; over TLS it says close_notify first.
func (f *far) end() {
	f.t.Helper()
	if f.tls != nil {
		if err := f.tls.CloseWrite(); err != nil {
			f.t.Fatal(err)
		}
	}
	f.shutdown()
}

// hear reads what is there.
func (f *far) hear() {
	buf := make([]byte, 1<<16)
	for !f.done && f.failed == nil {
		n, err := f.read(buf)
		f.got = append(f.got, buf[:n]...)
		switch {
		case errors.Is(err, errNothingYet):
			return
		case err == io.EOF:
			f.done = true
		case err != nil:
			f.failed = err
		}
	}
}

// read reads once, plaintext if there is TLS.
func (f *far) read(p []byte) (int, error) {
	if f.tls != nil {
		return f.tls.Read(p)
	}
	return farWire{f: f}.Read(p)
}

// heard returns a condition for await: all that was sent so far is s.
func (f *far) heard(s string) func() bool {
	return func() bool { f.hear(); return string(f.got) == s }
}

// over is a condition for await: there is no more to hear.
func (f *far) over() bool { f.hear(); return f.done || f.failed != nil }

// farWire is the socket as crypto/tls wants it.
type farWire struct {
	net.Conn // nil: nothing else is called
	f        *far
}

// errNothingYet is a net.Error that crypto/tls does not remember.
var errNothingYet error = nothingYet{}

var errNoGoodbye = errors.New("end of stream without close_notify")

type nothingYet struct{}

func (nothingYet) Error() string   { return "nothing yet" }
func (nothingYet) Timeout() bool   { return true }
func (nothingYet) Temporary() bool { return true }

func (w farWire) Read(p []byte) (int, error) {
	for range turns {
		n, err := unix.Read(w.f.fd, p)
		switch {
		case err == unix.EAGAIN && !w.f.blocks:
			return 0, errNothingYet
		case err == unix.EAGAIN:
			w.f.m.Poll(time.Millisecond)
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && isTLS(w.f.way): // crypto/tls would take it for close_notify
			return 0, errNoGoodbye
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
	return 0, os.ErrDeadlineExceeded
}

func (w farWire) Write(p []byte) (int, error) {
	sent := 0
	for range turns {
		n, err := unix.Write(w.f.fd, p[sent:])
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			return sent, err
		}
		if sent += max(n, 0); sent == len(p) {
			return sent, nil
		}
		w.f.m.Poll(time.Millisecond)
	}
	return sent, os.ErrDeadlineExceeded
}

func (farWire) SetDeadline(time.Time) error      { return nil }
func (farWire) SetWriteDeadline(time.Time) error { return nil }
