// Package tlsio runs crypto/tls over memory, without a goroutine per connection.
//
// A Stream is one connection's TLS. It knows bytes and no socket: ciphertext from
// the peer is put into In, ciphertext for the peer goes to a Socket, which keeps it.
// crypto/tls is used unmodified, over a net.Conn in memory.
//
// The handshake is a coroutine (see iter.Pull). crypto/tls runs in it until it wants
// more than In holds; Handshake returns then, and the next call goes on. When the
// handshake is over the coroutine is gone, and crypto/tls is called directly. An
// empty In then means ErrNoData, a net.Error whose Temporary is true: crypto/tls does
// not remember such an error and goes on in the middle of a record later.
//
// While the coroutine is suspended it holds the locks of the tls.Conn, so no method
// of the tls.Conn but Close may be called. A suspended coroutine is never garbage
// collected: Stop ends it.
package tlsio

import (
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"time"
)

// Socket is what a Stream writes to, and what callbacks of a tls.Config see of the
// connection.
type Socket interface {
	Write(p []byte) (int, error) // keeps a copy of p, ciphertext for the peer; never fails
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// Stream is TLS on one connection, before its handshake and after.
type Stream struct {
	In    []byte // ciphertext that crypto/tls has yet to take
	Ended bool   // the socket's stream has ended behind In

	conn     *tls.Conn
	socket   Socket
	shake    *coroutine // until the handshake is over
	position position   // of In, within a record
}

// coroutine is a handshake under way.
type coroutine struct {
	resume func() (struct{}, bool) // false: it is over
	stop   func()
	yield  func(struct{}) bool
	err    error
}

// Errors of Read and Handshake besides those of crypto/tls.
var (
	// ErrNoData says that In is empty. It is temporary.
	ErrNoData error = noData{}
	// ErrTruncated says that the socket's stream ended without close_notify
	// [RFC 8446 6.1]. It wraps io.ErrUnexpectedEOF.
	ErrTruncated error = truncated{}

	errStopped = errors.New("tlsio: stopped")
)

type noData struct{}

func (noData) Error() string   { return "tlsio: no data" }
func (noData) Timeout() bool   { return true }
func (noData) Temporary() bool { return true }

type truncated struct{}

func (truncated) Error() string { return "reactor: TLS stream ended without close_notify" }
func (truncated) Unwrap() error { return io.ErrUnexpectedEOF }

// Client makes the client's side. The first call of Handshake writes ClientHello.
// If started is not nil it is called on the coroutine, before the handshake begins.
func Client(s Socket, cfg *tls.Config, started func()) *Stream {
	t := &Stream{socket: s}
	t.conn = tls.Client(memory{t}, cfg)
	t.begin(started)
	return t
}

// Server makes the server's side. started is as for Client.
func Server(s Socket, cfg *tls.Config, started func()) *Stream {
	t := &Stream{socket: s}
	t.conn = tls.Server(memory{t}, cfg)
	t.begin(started)
	return t
}

func (t *Stream) begin(started func()) {
	h := &coroutine{}
	t.shake = h
	h.resume, h.stop = iter.Pull(func(yield func(struct{}) bool) {
		if started != nil {
			started()
		}
		h.yield = yield
		h.err = t.conn.Handshake() // without a context that could be cancelled, which would take a goroutine
	})
}

// Handshake goes on as far as In reaches. done is true when the handshake has ended,
// with err, or successfully.
func (t *Stream) Handshake() (done bool, err error) {
	h := t.shake
	if _, more := h.resume(); more {
		return false, nil
	}
	t.shake = nil
	return true, h.err
}

// Shaking reports whether the handshake is under way.
func (t *Stream) Shaking() bool { return t.shake != nil }

// Read decrypts into p, which has room for at least one record (16 KiB), so that
// crypto/tls keeps no plaintext. It returns ErrNoData if In holds no whole record,
// io.EOF after close_notify, ErrTruncated, or an error of crypto/tls.
func (t *Stream) Read(p []byte) (int, error) { return t.conn.Read(p) }

// Write encrypts p and writes the records to the Socket.
func (t *Stream) Write(p []byte) (int, error) { return t.conn.Write(p) }

// CloseWrite writes close_notify to the Socket, unless an alert was written before.
func (t *Stream) CloseWrite() { t.conn.CloseWrite() } // that is the only error it has

// Stop ends a handshake that is under way. The Stream is of no use afterwards.
func (t *Stream) Stop() {
	if t.shake != nil {
		t.shake.stop()
	}
	t.shake, t.In = nil, nil
}

// State returns a copy of the connection's state, nil before the handshake has
// succeeded.
func (t *Stream) State() *tls.ConnectionState {
	if t.shake != nil { // the coroutine holds the locks
		return nil
	}
	s := t.conn.ConnectionState()
	if !s.HandshakeComplete {
		return nil
	}
	return &s
}

// ClearAlert returns the alert that the last record was, if it came unencrypted. A
// TLS 1.3 peer that fails before it has keys sends its alert in the clear; crypto/tls
// expects that record to be encrypted and reports a bad MAC.
func (t *Stream) ClearAlert() (alert tls.AlertError, ok bool) { return t.position.alert() }

// memory is the net.Conn that crypto/tls reads from and writes to.
type memory struct{ *Stream }

// Read gives out ciphertext, never beyond the end of a record. crypto/tls keeps its
// input buffer, which therefore never holds more than one record. At the end of the
// socket's stream the error is ErrTruncated; io.EOF is what crypto/tls itself says
// after close_notify.
func (t memory) Read(p []byte) (int, error) {
	for len(t.In) == 0 {
		switch {
		case t.Ended:
			return 0, ErrTruncated
		case t.shake == nil:
			return 0, ErrNoData
		case !t.shake.yield(struct{}{}):
			return 0, errStopped
		}
	}
	n := copy(p, t.In[:t.position.next(t.In, len(p))])
	t.In = t.In[n:]
	return n, nil
}

func (t memory) Write(p []byte) (int, error) { return t.socket.Write(p) }
func (t memory) LocalAddr() net.Addr         { return t.socket.LocalAddr() }
func (t memory) RemoteAddr() net.Addr        { return t.socket.RemoteAddr() }

// Close does nothing: the socket belongs to the loop.
func (memory) Close() error                     { return nil }
func (memory) SetDeadline(time.Time) error      { return nil }
func (memory) SetReadDeadline(time.Time) error  { return nil }
func (memory) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = memory{}
