package reactor_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// ways are the kinds of streams that a manager has, by socket and role.
var ways = []string{
	"tcp server", "tcp client", "unix server", "unix client", "wrapped",
	"TLS 1.2 server", "TLS 1.2 client", "TLS 1.3 server", "TLS 1.3 client",
}

// plainWays are the ways without TLS.
var plainWays = ways[:5]

// inSelection selects the combinations of a test that has many for each way. All of them
// are selected for one way without TLS and one with it. For the other ways one of every is
// selected, another one for each way.
func inSelection(way string, combination, every int) bool {
	return way == "tcp server" || way == "TLS 1.3 server" || (combination+slices.Index(ways, way))%every == 0
}

// isTLS, isTCP and isClient report properties of a way.
func isTLS(way string) bool    { return strings.HasPrefix(way, "TLS") }
func isTCP(way string) bool    { return isTLS(way) || strings.HasPrefix(way, "tcp") }
func isClient(way string) bool { return strings.HasSuffix(way, "client") }

// far is the far end of a connection under test: a bare socket, with crypto/tls on it for
// the TLS ways. Methods that wait turn the loop.
type far struct {
	*peer
	m      *reactor.Manager
	way    string
	narrow bool // see reachNarrow
	tls    *tls.Conn
	blocks bool
	got    []byte // all bytes that hear has read
	done   bool   // hear has read the end of stream; over TLS, close_notify
	failed error  // the error that hear got instead
}

// reach makes a connection of one of ways. The handler gets the events of this connection
// only, and not those of a listener. before, if not nil, is called with the connection, or
// with its listener, before the first Poll.
func reach(t *testing.T, m *reactor.Manager, way string, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn, f *far) {
	t.Helper()
	f = &far{m: m, way: way}
	return f.reach(t, fn, before), f
}

// moreThanFits is more bytes than the sockets of reachNarrow take while the far end does
// not read.
const moreThanFits = 1 << 20

// reachNarrow is reach with sockets that take less than moreThanFits.
func reachNarrow(t *testing.T, m *reactor.Manager, way string, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn, f *far) {
	t.Helper()
	f = &far{m: m, way: way, narrow: true}
	return f.reach(t, fn, before), f
}

// narrow bounds what the kernel takes for a TCP peer that does not read. The receive buffer
// bounds the peer's window. Linux sizes the sender's buffer by the length of a segment: ten
// of these are still more than the 65,000 bytes that some tests send in one piece. The call
// must come before the socket is connected or accepts.
func narrow(t testing.TB, fd int) {
	t.Helper()
	looptest.Must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10))
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 6600) // other systems may refuse it
}

// dialNarrow is looptest.DialSocket with a narrow socket.
func dialNarrow(t testing.TB, a netip.AddrPort) *peer {
	t.Helper()
	p := looptest.NewSocket(t, looptest.Open(t, a.Addr(), unix.SOCK_STREAM))
	narrow(t, p.FD)
	looptest.Connect(t, p.FD, a)
	return p
}

// muchNoise is moreThanFits bytes.
var muchNoise = sync.OnceValue(func() []byte { return noise(moreThanFits) })

// fill writes so much that some of it waits in Send.
func fill(t *testing.T, c *reactor.Conn) (written []byte) {
	t.Helper()
	c.Write(muchNoise())
	spin(t, c.Manager(), 3)
	if c.Send.Len() == 0 {
		t.Fatal("the socket took everything")
	}
	return muchNoise()
}

// reach makes the connection.
func (f *far) reach(t *testing.T, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn) {
	t.Helper()
	m, way := f.m, f.way
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
	return c
}

// url returns the URL of the listener.
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
		dial := looptest.DialSocket
		if f.narrow {
			dial = dialNarrow
		}
		f.peer = dial(t, l.LocalAddr())
		return
	}
	f.peer = looptest.NewSocket(t, unixSocket(t))
	if err := unix.Connect(f.FD, &unix.SockaddrUnix{Name: strings.TrimPrefix(url, "unix://")}); err != nil {
		t.Fatal(err)
	}
}

// accept lets the manager connect to a listener of the test.
func (f *far) accept(t *testing.T, fn reactor.Handler, before func(c *reactor.Conn)) (c *reactor.Conn) {
	t.Helper()
	var l *peer
	if isTCP(f.way) {
		bound, at := looptest.BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 1)
		if l = bound; f.narrow {
			narrow(t, l.FD)
		}
		c = dial(t, f.m, "tcp://"+at.String(), fn)
		if isTLS(f.way) {
			c.StartTLS(authority().Client())
		}
	} else {
		path := filepath.Join(shortDir(t), "s")
		l = looptest.NewSocket(t, unixSocket(t))
		if err := errors.Join(unix.Bind(l.FD, &unix.SockaddrUnix{Name: path}), unix.Listen(l.FD, 1)); err != nil {
			t.Fatal(err)
		}
		c = dial(t, f.m, "unix://"+path, fn)
	}
	before(c)
	f.peer = l.AwaitAccept(f.m)
	return c
}

// shortDir makes a folder with a short name. t.TempDir contains the name of the test, and
// may be too long for the path of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rikki")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// unixSocket makes a UNIX-domain stream socket.
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
	f.T.Helper()
	// What the far end sends leaves at once, also just before a reset.
	looptest.NoDelay(f.T, f.FD)
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
		f.T.Fatal(err)
	}
	f.blocks = false
}

// say sends all of b.
func (f *far) say(b []byte) {
	f.T.Helper()
	write := farWire{f: f}.Write
	if f.tls != nil {
		write = f.tls.Write
	}
	if n, err := write(b); err != nil || n != len(b) {
		f.T.Fatalf("the far end wrote %d of %d bytes: %v", n, len(b), err)
	}
}

// end ends the sending side; over TLS it sends close_notify first.
func (f *far) end() {
	f.T.Helper()
	if f.tls != nil {
		if err := f.tls.CloseWrite(); err != nil {
			f.T.Fatal(err)
		}
	}
	f.Shutdown()
}

// hear reads all bytes that have arrived.
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

// read reads once. Over TLS it returns plaintext.
func (f *far) read(p []byte) (int, error) {
	if f.tls != nil {
		return f.tls.Read(p)
	}
	return farWire{f: f}.Read(p)
}

// heard returns a condition for await: hear has read s, and nothing else.
func (f *far) heard(s string) func() bool {
	return func() bool { f.hear(); return string(f.got) == s }
}

// over is a condition for await: the stream has ended, or failed.
func (f *far) over() bool { f.hear(); return f.done || f.failed != nil }

// farWire is the socket as a net.Conn for crypto/tls.
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
		n, err := unix.Read(w.f.FD, p)
		switch {
		case err == unix.EAGAIN && !w.f.blocks:
			return 0, errNothingYet
		case err == unix.EAGAIN:
			w.f.m.Poll(time.Millisecond)
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && isTLS(w.f.way): // crypto/tls treats io.EOF like close_notify
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
		n, err := unix.Write(w.f.FD, p[sent:])
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
