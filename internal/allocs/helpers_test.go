package allocs_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
	"golang.org/x/sys/unix"
)

var must = looptest.Must

// nothing is a handler that does nothing.
func nothing(*reactor.Conn, reactor.Event, any) {}

// echo sends back what arrives.
func echo(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvRead {
		c.Write(c.Recv.Bytes())
		c.Recv.Reset()
	}
}

// client is the other end of a connection: a bare descriptor and a buffer, so that only the
// allocations of this module count.
type client struct {
	*looptest.Socket
	m        *reactor.Manager
	buf      []byte
	readable [1]unix.PollFd
}

func newClient(m *reactor.Manager, s *looptest.Socket) *client {
	return &client{Socket: s, m: m, buf: make([]byte, 1<<18)}
}

// wrap puts one end of a socket pair on the manager.
func wrap(t *testing.T, m *reactor.Manager, fn reactor.Handler) (*reactor.Conn, *client) {
	t.Helper()
	c, s := looptest.Wrap(t, m, fn)
	looptest.Settle(t, m)
	return c, newClient(m, s)
}

// dial connects to a listener of the manager.
func dial(t *testing.T, l *reactor.Conn) *client {
	t.Helper()
	s := looptest.DialSocket(t, l.LocalAddr())
	looptest.Settle(t, l.Manager())
	return newClient(l.Manager(), s)
}

// write sends all of p, while the loop reads it.
func (c *client) write(p []byte) {
	c.T.Helper()
	for i := 0; len(p) > 0; i++ {
		n, err := unix.Write(c.FD, p)
		if err != nil && err != unix.EAGAIN || i > looptest.Turns {
			c.T.Fatalf("%d bytes are left: %v", len(p), err)
		}
		p = p[max(n, 0):]
		c.m.Poll(0)
	}
}

// read runs the loop until n bytes were read. They are at the beginning of c.buf.
func (c *client) read(n int) {
	c.T.Helper()
	for got, i := 0, 0; got < n; i++ {
		c.m.Poll(0)
		k, err := unix.Read(c.FD, c.buf[got:])
		switch {
		case err == unix.EAGAIN && i < looptest.Turns:
			c.m.Poll(5 * time.Millisecond)
		case err != nil || k == 0:
			c.T.Fatalf("%d bytes of %d: %v", got, n, err)
		default:
			got += k
		}
	}
}

// answer sends a message once, to learn how long the answer is: it ends with end. answer returns a
// function that sends the message and reads an answer of that length.
func (c *client) answer(message, end string) (run func()) {
	c.T.Helper()
	in := []byte(message)
	c.write(in)
	n := 0
	looptest.Await(c.T, c.m, "the answer", func() bool {
		k, err := unix.Read(c.FD, c.buf[n:])
		if err == nil {
			n += k
		}
		return n > 0 && bytes.HasSuffix(c.buf[:n], []byte(end))
	})
	return func() {
		c.write(in)
		c.read(n)
	}
}

// until runs the loop until done reports true.
func until(t *testing.T, m *reactor.Manager, done func() bool) {
	for i := 0; !done(); i++ {
		if i > looptest.Turns {
			t.Fatal("waited in vain")
		}
		if err := m.Poll(5 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// running runs the manager's loop on another goroutine until the test ends.
func running(t *testing.T, m *reactor.Manager) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// caller connects to a listener and closes the socket again, without allocations.
type caller struct {
	t  *testing.T
	at unix.Sockaddr
}

func (c *caller) dial() (fd int) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Connect(fd, c.at)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return fd
}

// oneRequest starts a server, and measures connections that send one message, get one answer and
// close.
func oneRequest(t *testing.T, scheme, message string, fn reactor.Handler) func() {
	t.Helper()
	m := looptest.NewManager(t)
	closed := 0
	handler := func(c *reactor.Conn, ev reactor.Event, data any) {
		if ev == reactor.EvClose {
			closed++
		}
		fn(c, ev, data)
	}
	var l *reactor.Conn
	var err error
	url := scheme + "://127.0.0.1:0"
	switch scheme {
	case "http":
		l, err = http.Listen(m, url, handler, nil)
	case "ws":
		l, err = ws.Listen(m, url, handler, nil)
	case "mqtt":
		l, err = mqtt.Listen(m, url, handler, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	from := caller{t, looptest.Sockaddr(l.LocalAddr())}
	in, buf := []byte(message), make([]byte, 1<<12)
	return func() {
		before := closed
		fd := from.dial()
		unix.SetNonblock(fd, true)
		unix.Write(fd, in)
		until(t, m, func() bool {
			n, _ := unix.Read(fd, buf)
			return n > 0
		})
		unix.Close(fd)
		until(t, m, func() bool { return closed > before })
	}
}

// send writes p to the socket, and receive reads n bytes, while the loop runs on another goroutine.
func (c *client) send(p []byte) {
	if n, err := unix.Write(c.FD, p); n != len(p) {
		c.T.Fatalf("wrote %d: %v", n, err)
	}
}

func (c *client) receive(n int) {
	for {
		k, err := unix.Read(c.FD, c.buf)
		switch {
		case k == n:
			return
		case err != unix.EAGAIN:
			c.T.Fatalf("read %d: %v", k, err)
		}
		c.readable[0] = unix.PollFd{Fd: int32(c.FD), Events: unix.POLLIN}
		if k, err := unix.Poll(c.readable[:], 60_000); k != 1 && err != unix.EINTR {
			c.T.Fatalf("nothing arrived in a minute: %d, %v", k, err)
		}
	}
}
