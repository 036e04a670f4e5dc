package looptest

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

// Socket is the other end of a connection under test: a bare non-blocking descriptor. The
// test decides what is read and written, and when. A method that cannot do its work fails
// the test.
type Socket struct {
	T   testing.TB
	FD  int    // -1 after Close
	In  []byte // what Receive has read
	EOF bool   // Receive has read the end of stream
	Err error  // the error that Receive got instead
}

// NewSocket makes a Socket of a descriptor, which is closed with the test. Programs that the
// test starts do not inherit it.
func NewSocket(t testing.TB, fd int) *Socket {
	t.Helper()
	s := &Socket{T: t, FD: fd}
	t.Cleanup(s.Close)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	return s
}

// Wrap puts one end of a Socketpair on the manager and returns the other.
func Wrap(t testing.TB, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *Socket) {
	t.Helper()
	a, b := Socketpair(t)
	s := NewSocket(t, b)
	c, err := m.WrapFD(a, fn, nil)
	if err != nil {
		unix.Close(a)
		t.Fatal(err)
	}
	return c, s
}

// DialSocket connects to a TCP listener. The listener's kernel answers, its loop need not
// run.
func DialSocket(t testing.TB, a netip.AddrPort) *Socket {
	t.Helper()
	return DialSmallSocket(t, a, 0)
}

// DialSmallSocket is DialSocket with a receive buffer of that many bytes, so that few bytes
// fill it. With 0 the buffer is the system's.
func DialSmallSocket(t testing.TB, a netip.AddrPort, receive int) *Socket {
	t.Helper()
	s := NewSocket(t, Open(t, a.Addr(), unix.SOCK_STREAM))
	NoDelay(t, s.FD)
	if receive > 0 {
		if err := unix.SetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_RCVBUF, receive); err != nil {
			t.Fatal(err)
		}
	}
	Connect(t, s.FD, a)
	return s
}

// ListenSocket listens on a free TCP port and returns its address as text. The kernel
// answers clients, the test accepts them.
func ListenSocket(t testing.TB) (s *Socket, addr string) {
	t.Helper()
	s, at := BindSocket(t, "127.0.0.1", unix.SOCK_STREAM, 16)
	return s, at.String()
}

// BindSocket makes a socket that is bound to a free port of host, an address of loopback. A
// TCP socket listens if backlog is not negative.
func BindSocket(t testing.TB, host string, kind, backlog int) (*Socket, netip.AddrPort) {
	t.Helper()
	a := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
	s := NewSocket(t, Open(t, a.Addr(), kind))
	return s, Bind(t, s.FD, a, backlog)
}

// Accept takes the next connection from a listener. It returns nil if there is none.
func (s *Socket) Accept() *Socket {
	s.T.Helper()
	fd, _, err := unix.Accept(s.FD)
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		s.T.Fatal(err)
	}
	accepted := NewSocket(s.T, fd)
	if at, err := unix.Getsockname(fd); err == nil && address(at).IsValid() { // not UNIX-domain
		NoDelay(s.T, fd)
	}
	return accepted
}

// AwaitAccept runs the loop until a listener has a connection, and takes it.
func (s *Socket) AwaitAccept(m *reactor.Manager) (accepted *Socket) {
	s.T.Helper()
	Await(s.T, m, "a connection", func() bool { accepted = s.Accept(); return accepted != nil })
	return accepted
}

// Close closes the descriptor, unless it is closed already.
func (s *Socket) Close() {
	if s.FD >= 0 {
		unix.Close(s.FD)
		s.FD = -1
	}
}

// Reset closes a TCP connection with RST.
func (s *Socket) Reset() {
	s.T.Helper()
	if err := unix.SetsockoptLinger(s.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		s.T.Fatal(err)
	}
	s.Close()
}

// Shutdown sends the end of stream, unless both sides have ended already.
func (s *Socket) Shutdown() {
	s.T.Helper()
	if err := unix.Shutdown(s.FD, unix.SHUT_WR); err != nil && err != unix.ENOTCONN {
		s.T.Fatal(err)
	}
}

// Write writes all of b at once.
func (s *Socket) Write(b []byte) {
	s.T.Helper()
	if n, err := unix.Write(s.FD, b); err != nil || n != len(b) {
		s.T.Fatalf("peer wrote %d of %d bytes: %v", n, len(b), err)
	}
}

// WriteString writes all of text at once.
func (s *Socket) WriteString(text string) {
	s.T.Helper()
	s.Write([]byte(text))
}

// WriteSome writes as much of b as the socket takes, and returns how much that is.
func (s *Socket) WriteSome(b []byte) int {
	s.T.Helper()
	n, err := unix.Write(s.FD, b)
	if err == unix.EAGAIN {
		return 0
	}
	if err != nil {
		s.T.Fatalf("peer: write: %v", err)
	}
	return n
}

// WriteIfOpen writes all of text. It ignores that the connection has ended: the test checks
// the events of the other side.
func (s *Socket) WriteIfOpen(text string) {
	s.T.Helper()
	for text != "" {
		n, err := unix.Write(s.FD, []byte(text))
		switch err {
		case nil:
			text = text[n:]
		case unix.EPIPE, unix.ECONNRESET:
			return
		default:
			s.T.Fatalf("peer: write: %v", err)
		}
	}
}

// AwaitDelivery waits until the kernel has delivered to the other socket all that was
// written. That socket acknowledges it even if its owner does not read.
func (s *Socket) AwaitDelivery() {
	s.T.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		n, err := unix.IoctlGetInt(s.FD, unix.TIOCOUTQ)
		if err != nil {
			s.T.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.T.Fatalf("%d bytes are not acknowledged", n)
		}
	}
}

// Receive appends to In what has arrived.
func (s *Socket) Receive() {
	if !s.EOF && s.Err == nil {
		s.In, s.EOF, s.Err = Read(s.FD, s.In)
	}
}

// Received returns a condition for Await: text has arrived, and nothing else.
func (s *Socket) Received(text string) func() bool {
	return func() bool { s.Receive(); return string(s.In) == text }
}

// Ended is a condition for Await: the end of stream or an error was read.
func (s *Socket) Ended() bool { s.Receive(); return s.EOF || s.Err != nil }
