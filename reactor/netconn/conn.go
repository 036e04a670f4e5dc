package netconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/rikki-go/rikki/internal/blocking"
	"github.com/rikki-go/rikki/reactor"
)

// DefaultBuffer is the default of Options.ReadBuffer and Options.WriteBuffer, in bytes.
const DefaultBuffer = 64 << 10

// Options are the settings of a Conn. In each number zero means the default.
type Options struct {
	// ReadBuffer is how many bytes may wait for Read before the loop stops reading from the
	// socket. The read that reaches it is delivered as a whole, so up to 64 KiB more may wait.
	// The default is DefaultBuffer, 64 KiB.
	ReadBuffer int
	// WriteBuffer is how many bytes Write may accept before it waits for the loop. As many may
	// wait in Conn.Send. The default is DefaultBuffer, 64 KiB.
	WriteBuffer int
	// Replaces is a layer of the connection that the Conn replaces, for example the HTTP layer
	// after an upgrade. If it is nil, the Conn is added on top of the layers.
	Replaces reactor.Protocol
}

// ErrDatagram is the error of New on a datagram socket: a Conn is a stream of bytes.
var ErrDatagram = errors.New("netconn: a datagram socket is not a stream of bytes")

// ErrListener is the error of New on a listener: see NewListener.
var ErrListener = errors.New("netconn: a listener is not a connection: use NewListener")

// ErrTaken is the error of New if the connection has a Conn already.
var ErrTaken = errors.New("netconn: the connection has a Conn already")

// Conn is a net.Conn over a connection of the event loop. All methods may be called from any
// goroutine. Read and Write may be called at the same time, also by several goroutines; the bytes
// of one Write stay together.
type Conn struct {
	c     *reactor.Conn
	m     *reactor.Manager
	limit int // of out, in bytes
	ln    *Listener

	writing sync.Mutex // held by Write, so that the bytes of one call stay together

	mu          blocking.Monitor // guards the fields below; Read, Write and Dial wait for changes
	in          blocking.Input   // arrived and not read
	out         blocking.Queue   // written and not yet in Conn.Send
	read, write blocking.Deadline
	readErr     error // what Read returns when in is empty; nil while more may arrive
	writeErr    error // what Write returns; nil while bytes can be sent
	established bool  // EvConnect, EvAccept or EvTLSHS, whichever is last, was raised; for Dial and Listener
	closed      bool  // Close was called
	writeEnded  bool  // CloseWrite was called
	local       net.Addr
	remote      net.Addr
	ending      bool // the loop has called CloseWrite; only the loop uses it
}

// New makes a net.Conn of a connection. It must be called on the loop's goroutine, at any time
// before EvClose, also before the connection is established. From then on the connection's input
// belongs to the Conn, which also uses its water marks (SetWater) and turns SetHalfClose on. c.Fn
// is still called, with all events except EvRead's bytes: they are consumed by then. Deadlines and
// limits of the connection apply.
//
// The error is ErrDatagram, ErrListener, ErrTaken, or reactor.ErrClosed if the connection has
// failed or is closing.
func New(c *reactor.Conn, opts *Options) (*Conn, error) {
	switch {
	case c.Stack().Closed():
		return nil, reactor.ErrClosed
	case c.Stack().IsDatagram():
		return nil, ErrDatagram
	case c.IsListening():
		return nil, ErrListener
	}
	if _, ok := reactor.Find[*layer](c); ok {
		return nil, ErrTaken
	}
	if opts == nil {
		opts = &Options{}
	}
	n := newConn(c, opts)
	if opts.Replaces != nil {
		c.Stack().Replace(opts.Replaces, &layer{n})
	} else {
		c.Stack().Push(&layer{n})
	}
	n.attach()
	if c.Recv.Len() > 0 {
		c.Stack().Redispatch()
	} else if c.Stack().PeerEnded() {
		n.endInput()
	}
	return n, nil
}

// newConn makes a Conn that is not yet a layer of the connection.
func newConn(c *reactor.Conn, opts *Options) *Conn {
	n := &Conn{c: c, m: c.Manager(), limit: max(bufferSize(opts.WriteBuffer), minWriteBuffer)}
	n.in.Limit = bufferSize(opts.ReadBuffer)
	n.mu.Init(n.m, n.loopWork)
	n.local, n.remote = tcpAddr(c.LocalAddr()), tcpAddr(c.RemoteAddr())
	return n
}

// attach sets what the Conn needs of the connection.
func (n *Conn) attach() {
	n.c.SetHalfClose(true)
	n.c.SetWater(n.limit/2, n.limit-1)
}

// minWriteBuffer is the smallest limit of Send that a water mark can be below. EvLowWater says that
// a write has failed, also if the connection is paused.
const minWriteBuffer = 2

func bufferSize(n int) int {
	if n <= 0 {
		return DefaultBuffer
	}
	return n
}

// Conn returns the connection of the loop. It may be used on the loop's goroutine only, for example
// in a function that is given to Manager.Do.
func (n *Conn) Conn() *reactor.Conn { return n.c }

// Read reads up to len(p) bytes. It waits until there are some, the deadline has passed, or no more
// can arrive. The table in the package documentation lists the errors.
func (n *Conn) Read(p []byte) (int, error) {
	n.mu.Lock()
	for {
		switch {
		case n.closed:
			defer n.mu.Unlock()
			return 0, n.opError("read", net.ErrClosed)
		case n.read.Passed():
			err := n.opError("read", os.ErrDeadlineExceeded)
			n.unlockAndPost(n.in.NeedsLoop())
			return 0, err
		case n.in.Len() > 0 || len(p) == 0:
			k := n.in.Take(p)
			n.unlockAndPost(n.in.NeedsLoop())
			return k, nil
		case n.readErr != nil:
			n.mu.Unlock()
			return 0, n.readErr
		}
		n.in.Wait(&n.mu, "netconn: Read")
	}
}

// Write sends p. It waits while the bytes that are not yet sent exceed the bound of
// Options.WriteBuffer, and returns when the last byte of p is accepted. Like with a socket, bytes
// that were accepted are lost if the connection fails. If an error ends Write early, it returns how
// many bytes were accepted.
func (n *Conn) Write(p []byte) (int, error) {
	n.writing.Lock()
	defer n.writing.Unlock()
	for done := 0; ; {
		n.mu.Lock()
		var err error
		for {
			switch {
			case n.closed, n.writeEnded:
				err = n.opError("write", net.ErrClosed)
			case n.write.Passed():
				err = n.opError("write", os.ErrDeadlineExceeded)
			case n.writeErr != nil:
				err = n.writeErr
			}
			if err != nil || n.out.Len() < n.limit || done == len(p) {
				break
			}
			n.mu.Wait("netconn: Write")
		}
		if err != nil || done == len(p) {
			n.mu.Unlock()
			return done, err
		}
		k := min(len(p)-done, n.limit-n.out.Len())
		n.out.Append(p[done : done+k])
		done += k
		if n.unlockAndPost(true); done == len(p) {
			return done, nil
		}
	}
}

// unlockAndPost unlocks mu. If work is true it makes the loop call loopWork.
func (n *Conn) unlockAndPost(work bool) {
	if n.mu.UnlockAndPost(work) != nil {
		n.fail(nil)
	}
}

// Close ends the connection. Calls of Read and Write that wait return at once. What was written is
// sent before the connection ends, see reactor.Conn.Drain; Close does not wait for that. The error
// is net.ErrClosed if Close was called before.
func (n *Conn) Close() error {
	n.mu.Lock()
	if n.closed {
		defer n.mu.Unlock()
		return n.opError("close", net.ErrClosed)
	}
	n.closed = true
	n.in.Reset()
	n.read.Stop()
	n.write.Stop()
	n.mu.Changed.Broadcast()
	n.unlockAndPost(true)
	return nil
}

// CloseWrite ends the sending side after all that was written, over TLS with close_notify. Read
// still works. CloseWrite does not wait. If the socket has no sending side of its own, the loop
// logs that. The error is net.ErrClosed if Close or CloseWrite was called before.
func (n *Conn) CloseWrite() error {
	n.mu.Lock()
	if n.closed || n.writeEnded {
		defer n.mu.Unlock()
		return n.opError("close", net.ErrClosed)
	}
	n.writeEnded = true
	n.mu.Changed.Broadcast()
	n.unlockAndPost(true)
	return nil
}

// LocalAddr returns the socket's own address. Until an outgoing connection is established it has no
// meaning. It is a *net.TCPAddr, or a *net.UnixAddr without a name for all other sockets.
func (n *Conn) LocalAddr() net.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.local
}

// RemoteAddr returns the peer's address, in the form of LocalAddr.
func (n *Conn) RemoteAddr() net.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.remote
}

// SetDeadline sets the deadlines of Read and Write, see net.Conn. Deadlines of a Conn count with
// the system's clock, also if the manager has another one.
func (n *Conn) SetDeadline(t time.Time) error { return n.setDeadlines(t, &n.read, &n.write) }

// SetReadDeadline sets the deadline of Read. After it, Read returns os.ErrDeadlineExceeded, until
// another one is set. The zero time means no deadline. The error is net.ErrClosed after Close.
func (n *Conn) SetReadDeadline(t time.Time) error { return n.setDeadlines(t, &n.read) }

// SetWriteDeadline sets the deadline of Write, in the same way.
func (n *Conn) SetWriteDeadline(t time.Time) error { return n.setDeadlines(t, &n.write) }

func (n *Conn) setDeadlines(t time.Time, which ...*blocking.Deadline) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return n.opError("set", net.ErrClosed)
	}
	for _, d := range which {
		d.Set(t, &n.mu.Changed)
	}
	return nil
}

// opError wraps err in the form of package net. The caller holds mu.
func (n *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: n.local.Network(), Source: n.local, Addr: n.remote, Err: err}
}

// errNotSent is the error of Write after a write of the loop has failed and before EvError says
// why.
var errNotSent = os.NewSyscallError("write", syscall.EPIPE)
