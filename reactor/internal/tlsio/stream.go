// Package tlsio runs crypto/tls over memory, without a goroutine per connection.
//
// A Stream is the TLS of one connection. It knows bytes and no socket. The caller puts
// ciphertext from the peer into In. Ciphertext for the peer goes to a Socket, which keeps it.
// crypto/tls is unmodified and uses a net.Conn in memory.
//
// The handshake is a coroutine (see iter.Pull), because crypto/tls can only block while it waits
// for the peer. The coroutine runs until crypto/tls needs more bytes than In holds. Then
// Handshake returns, and the next call of Handshake continues the coroutine. After the
// handshake there is no coroutine, and the caller calls crypto/tls directly. If In is empty
// then, crypto/tls gets ErrNoData, a net.Error whose Temporary method returns true. crypto/tls
// does not remember such an error, and later continues in the middle of the record.
//
// Two rules follow from the coroutine:
//
//   - While it is suspended it holds locks of the tls.Conn, so no method of the tls.Conn but Close
//     may be called.
//   - The garbage collector does not free a suspended coroutine. Stop ends it.
package tlsio

import (
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"time"
)

// Socket takes the ciphertext of a Stream. Callbacks of a tls.Config see its addresses.
type Socket interface {
	Write(p []byte) (int, error) // keeps a copy of p, ciphertext for the peer; must not fail
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// Stream is the TLS of one connection, during its handshake and after it.
type Stream struct {
	In    []byte // ciphertext that crypto/tls has not taken yet; the Stream only shortens it
	Ended bool   // the socket's stream ends after In

	conn      *tls.Conn
	socket    Socket
	handshake *coroutine     // nil after the handshake
	position  recordPosition // position of In within a record
}

// coroutine is a handshake that has not ended.
type coroutine struct {
	resume func() (struct{}, bool) // runs the coroutine until it yields (true) or ends (false)
	stop   func()                  // ends the coroutine
	yield  func(struct{}) bool     // called in the coroutine; false if it is to end
	err    error                   // result of the handshake
}

// Read and Handshake return these errors and those of crypto/tls.
var (
	// ErrNoData means that In is empty. It is temporary.
	ErrNoData error = noData{}
	// ErrTruncated means that the socket's stream ended without close_notify
	// [RFC 8446 6.1]. It wraps io.ErrUnexpectedEOF.
	ErrTruncated error = truncated{}

	errStopped = errors.New("tlsio: handshake stopped") // what crypto/tls gets when Stop ends the coroutine
)

type noData struct{}

func (noData) Error() string   { return "tlsio: no data" }
func (noData) Timeout() bool   { return true }
func (noData) Temporary() bool { return true }

type truncated struct{}

func (truncated) Error() string { return "reactor: TLS stream ended without close_notify" }
func (truncated) Unwrap() error { return io.ErrUnexpectedEOF }

// Client makes the client's side. The first call of Handshake writes ClientHello to s. If started
// is not nil, the coroutine calls it before the handshake begins. cfg must not be changed
// afterwards.
func Client(s Socket, cfg *tls.Config, started func()) *Stream {
	t := &Stream{socket: s}
	t.conn = tls.Client(memoryConn{t}, cfg)
	t.startCoroutine(started)
	return t
}

// Server makes the server's side. started and cfg are as for Client.
func Server(s Socket, cfg *tls.Config, started func()) *Stream {
	t := &Stream{socket: s}
	t.conn = tls.Server(memoryConn{t}, cfg)
	t.startCoroutine(started)
	return t
}

// startCoroutine makes the coroutine. It does not run it yet.
func (t *Stream) startCoroutine(started func()) {
	h := &coroutine{}
	t.handshake = h
	h.resume, h.stop = iter.Pull(func(yield func(struct{}) bool) {
		if started != nil {
			started()
		}
		h.yield = yield
		h.err = t.conn.Handshake() // HandshakeContext would take a goroutine to watch the context
	})
}

// Handshake continues the handshake until it needs more bytes than In holds, or ends. If done is
// true, it has ended: err is nil if it has succeeded. Do not call Handshake after that.
func (t *Stream) Handshake() (done bool, err error) {
	h := t.handshake
	if _, more := h.resume(); more {
		return false, nil
	}
	t.handshake = nil
	return true, h.err
}

// Handshaking reports whether the handshake has not ended yet.
func (t *Stream) Handshaking() bool { return t.handshake != nil }

// Read decrypts at most one record into p and returns how many bytes it has written to p. p must
// have space for a whole record (MaxPlaintext), so that crypto/tls keeps no plaintext. The
// handshake must have ended. The error is one of:
//
//	ErrNoData              In holds no whole record
//	io.EOF                 the peer has sent close_notify
//	ErrTruncated           the stream ended without close_notify
//	an error of crypto/tls
func (t *Stream) Read(p []byte) (int, error) { return t.conn.Read(p) }

// Write encrypts p and writes the records to the Socket. The handshake must have ended.
func (t *Stream) Write(p []byte) (int, error) { return t.conn.Write(p) }

// CloseWrite writes close_notify to the Socket, unless an alert was written before. The handshake
// must have ended.
func (t *Stream) CloseWrite() { t.conn.CloseWrite() } // an alert written before is its only error

// Stop ends a handshake that has not ended. The Stream cannot be used afterwards.
func (t *Stream) Stop() {
	if t.handshake != nil {
		t.handshake.stop()
	}
	t.handshake, t.In = nil, nil
}

// State returns a copy of the connection's state. It returns nil before the handshake has
// succeeded.
func (t *Stream) State() *tls.ConnectionState {
	if t.handshake != nil { // the coroutine holds the locks
		return nil
	}
	s := t.conn.ConnectionState()
	if !s.HandshakeComplete {
		return nil
	}
	return &s
}

// UnencryptedAlert returns the alert in the last record, if that was an unencrypted alert. A
// TLS 1.3 peer that fails before it has keys sends its alert unencrypted. crypto/tls expects
// that record to be encrypted and reports a bad MAC. The alert says the real reason.
func (t *Stream) UnencryptedAlert() (alert tls.AlertError, ok bool) { return t.position.alert() }

// memoryConn is the net.Conn that crypto/tls reads from and writes to.
type memoryConn struct{ *Stream }

// Read returns ciphertext from In, never beyond the end of a record. So the input buffer of
// crypto/tls, which it keeps, never holds more than one record. At the end of the socket's
// stream the error is ErrTruncated. It is never io.EOF, which crypto/tls itself returns after
// close_notify.
func (t memoryConn) Read(p []byte) (int, error) {
	for len(t.In) == 0 {
		switch {
		case t.Ended:
			return 0, ErrTruncated
		case t.handshake == nil:
			return 0, ErrNoData
		case !t.handshake.yield(struct{}{}):
			return 0, errStopped
		}
	}
	n := copy(p, t.In[:t.position.next(t.In, len(p))])
	t.In = t.In[n:]
	return n, nil
}

func (t memoryConn) Write(p []byte) (int, error) { return t.socket.Write(p) }
func (t memoryConn) LocalAddr() net.Addr         { return t.socket.LocalAddr() }
func (t memoryConn) RemoteAddr() net.Addr        { return t.socket.RemoteAddr() }

// Close and the deadlines do nothing: the socket belongs to the loop.
func (memoryConn) Close() error                     { return nil }
func (memoryConn) SetDeadline(time.Time) error      { return nil }
func (memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (memoryConn) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = memoryConn{}
