package reactor

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// How TLS is attached to a connection. tlsio runs crypto/tls over memory and knows only bytes.
// This file moves the bytes between tlsio, the socket, Recv and Send.
//
// A connection has these phases:
//
//   - tlsPlanned, after StartTLS or for a tls:// URL: nothing was sent or read yet.
//   - tlsHandshaking, from the first step of the handshake: Send waits, and what is read goes to
//     the handshake.
//   - tlsOpen, from EvTLSHS: bytes are encrypted and decrypted.
//   - tlsBroken, after an error of crypto/tls or an alert from the peer: Send is discarded. If
//     crypto/tls has written an alert for the peer, it is offered to the socket once.
//
// Input: read makes one system call. Then it continues the handshake, or decrypts record by
// record into Recv. Usually one EvRead delivers all of it. read uses all ciphertext before
// another connection reads, because all connections share the buffer for it. Plaintext waits
// only in Recv, even if the connection is paused. An error, or the end of the stream, is kept
// until the plaintext before it has been delivered.
//
// Output: flush encrypts a piece of Send into a buffer of the manager, writes it, and repeats
// this while the socket takes everything. What the socket does not take is copied to the
// connection. So an idle connection owns no buffers here. EvWrite counts plaintext.
//
// End: Drain and CloseWrite send close_notify when Send is empty. Close discards Send and
// makes one attempt to send close_notify. Abort does not send it.

// tlsTransport is the transport for TLS over a stream.
type tlsTransport struct {
	c                  *Conn
	cfg                *tlsConfig // nil: the default of a tls:// URL
	host               string     // host of the URL, for ServerName
	phase              tlsPhase
	closeNotifySent    bool           // close_notify was written to out, or must not be written
	evicted            bool           // has lost its slot and fails soon
	slot               *handshakeSlot // nil if it neither has one nor waits for one, see admission
	slotQueue          *slotQueue     // where it waits for a slot
	handshakeGoroutine uint64         // the handshake's goroutine; 0 without WithOwnerCheck
	earlyInput         []byte         // input of the handshake: content of Recv at StartTLS, and what is read while it waits for a slot
	out                Buffer         // ciphertext for the socket
	err                error          // why no more plaintext comes; io.EOF after close_notify
	stream             *tlsio.Stream  // nil while planned, and after close
}

// tlsPhase is the phase of a tlsTransport. It only increases.
type tlsPhase uint8

const (
	tlsPlanned tlsPhase = iota
	tlsHandshaking
	tlsOpen
	tlsBroken
)

const (
	// tlsReadSize is the most ciphertext that one read takes. Together with a record that an
	// earlier read has begun, it decrypts to less than readSize bytes.
	tlsReadSize = 3 * tlsio.MaxPlaintext
	// maxEncryptAfterFailure is about how much of Send is encrypted when the connection has failed.
	maxEncryptAfterFailure = 1 << 20
	// maxEncrypt is the most plaintext that one connection encrypts in a settle phase.
	maxEncrypt = 256 << 10
	// tlsWriteSize is how much plaintext is encrypted for one write.
	tlsWriteSize = 3 * tlsio.MaxPlaintext
	// maxReplyBytes bounds the ciphertext that waits in out: what one write leaves, and records
	// that crypto/tls sends on its own, such as answers to KeyUpdate.
	maxReplyBytes = 4 * tlsWriteSize
)

// tlsBuffers are the buffers that all TLS connections of a manager share.
type tlsBuffers struct {
	in  []byte // ciphertext from a socket
	out []byte // ciphertext for a socket; its capacity is no power of two, so pool.put ignores it
}

// tlsBuffers returns the manager's buffers. It makes them at the first use.
func (m *Manager) tlsBuffers() *tlsBuffers {
	if m.tls == nil {
		m.tls = &tlsBuffers{in: make([]byte, tlsReadSize), out: make([]byte, 0, tlsWriteSize+tlsWriteSize/4)}
	}
	return m.tls
}

func (t *tlsTransport) write(p []byte) (int, error) {
	if t.closeNotifySent {
		return 0, ErrClosed
	}
	return stream{t.c}.write(p)
}

func (t *tlsTransport) handshakePending() bool { return t.phase < tlsOpen }
func (t *tlsTransport) keepsBoundaries() bool  { return false }

// inputPending reports whether read has work without the socket. There are three cases: a
// client begins its handshake, Recv held input of the handshake at StartTLS, or the stream has
// ended and the reason waits until the plaintext before it is delivered.
func (t *tlsTransport) inputPending() bool {
	return t.phase == tlsPlanned && (t.c.role == roleClient || len(t.earlyInput) > 0) || t.err != nil && !t.c.is(peerEnded)
}

// read first reads from the socket, unless it still has ciphertext. Then it takes a step of the
// handshake with the ciphertext, or decrypts it. While more is true, another call uses the rest.
func (t *tlsTransport) read() (n int, more bool, err error) {
	c := t.c
	if t.stream == nil || len(t.stream.In) == 0 && !(t.stream.Ended && t.err == nil) {
		switch n, more, err := t.readSocket(); {
		case err != nil || n == noEvent && !more:
			return noEvent, false, err
		}
	}
	if c.inputOver() || t.phase == tlsBroken { // the ciphertext is not needed any more
		t.stream.In = nil
		return noEvent, false, nil
	}
	if t.phase < tlsOpen {
		if !t.continueHandshake() {
			t.stream.In = nil
			t.checkReplies()
			return noEvent, false, nil
		}
		if len(t.stream.In) == 0 && !t.stream.Ended {
			t.checkReplies()
			return noEvent, false, nil
		}
		return noEvent, true, nil
	}
	return t.decrypt()
}

// readSocket gets ciphertext from the socket, or what was in Recv at StartTLS. It returns
// noEvent, false and no error if there is nothing to do now.
func (t *tlsTransport) readSocket() (n int, more bool, err error) {
	c := t.c
	switch {
	case t.err != nil:
		return noEvent, false, t.takeEndOfStream()
	case c.on&onSlotQueue != 0:
		return noEvent, false, t.readWaiting()
	case t.phase == tlsBroken, t.phase < tlsOpen && !c.mgr.admission.admit(t):
		return noEvent, false, nil
	}
	if t.phase == tlsPlanned {
		if !t.startHandshake() {
			return noEvent, false, nil
		}
		if c.role == roleClient || len(t.earlyInput) > 0 {
			t.stream.In, t.earlyInput = t.earlyInput, nil
			return 0, true, nil
		}
	}
	in := c.mgr.tlsBuffers().in
	switch n, err = c.recv(in); err {
	case nil:
		t.stream.In = in[:n]
	case io.EOF:
		t.stream.Ended = true
	default:
		return noEvent, false, err
	}
	return n, true, nil
}

// takeEndOfStream returns the reason why the stream ended. It returns nil if the reason cannot be
// delivered yet, or was delivered before. If a layer says that nothing is
// missing, or if the connection is draining, a missing close_notify is no error.
func (t *tlsTransport) takeEndOfStream() error {
	c := t.c
	if c.is(peerEnded) || c.InputStopped() || c.on&onRedeliver != 0 {
		return nil
	}
	truncated := errors.Is(t.err, ErrTruncated)
	switch {
	case t.err == io.EOF, truncated && c.layersFinished():
		return io.EOF
	case truncated && (c.life == draining || c.life == awaitingEnd): // the program wants no more input
		c.flags |= peerEnded
		c.markDirty()
		return nil
	case !truncated:
		t.phase = tlsBroken
	}
	return t.err
}

// decrypt decrypts records from the ciphertext into Recv. Its results are those of read.
func (t *tlsTransport) decrypt() (n int, more bool, err error) {
	into := t.c.recvSpace(leastTransportSpace)
	for t.err == nil && len(into)-n >= tlsio.MaxPlaintext && (len(t.stream.In) > 0 || t.stream.Ended) {
		k, err := t.stream.Read(into[n:])
		n += k
		if err != nil && err != tlsio.ErrNoData {
			t.err = err
			t.stream.In = nil
		}
	}
	t.checkReplies()
	more = len(t.stream.In) > 0 || t.err != nil
	if n == 0 {
		return noEvent, more, nil
	}
	t.c.commitRecv(n)
	return n, more, nil
}

// checkReplies makes the loop write what crypto/tls has written to out: a handshake message, an
// alert, or the answer to KeyUpdate.
func (t *tlsTransport) checkReplies() {
	n := t.out.Len()
	if n == 0 {
		return
	}
	t.c.markDirty()
	if n > maxReplyBytes { // the peer makes crypto/tls answer and does not read the answers
		t.c.Fail(&LimitError{"Send", n, maxReplyBytes})
	}
}

// flush encrypts the content of Send and offers it to the socket, tlsWriteSize bytes at a time.
func (t *tlsTransport) flush() (int, error) {
	c := t.c
	taken, most := 0, min(c.mgr.writeSize(), maxEncrypt) // bytes of Send
	if c.is(failed) {                                    // Send is offered once
		most = maxEncryptAfterFailure
	}
	for {
		all, err := t.writeOut()
		if err != nil {
			return eventCount(taken), err
		}
		if !all || t.phase != tlsOpen || t.closeNotifySent || c.Send.Len() == 0 {
			break
		}
		if taken >= most { // the socket may take more in the next turn
			c.markDirty()
			break
		}
		n := t.encrypt()
		if n == 0 {
			break
		}
		taken += n
		c.mgr.writeLeft -= n
	}
	t.returnOut()
	if t.closeNotifySent || t.phase == tlsBroken {
		c.Send.Reset() // it cannot be sent any more
	}
	return eventCount(taken), nil
}

// eventCount returns n, or noEvent if n is 0, because on a stream 0 bytes raise no event.
func eventCount(n int) int {
	if n == 0 {
		return noEvent
	}
	return n
}

// encrypt moves the beginning of Send, encrypted, into out. out must be empty. encrypt returns how
// many bytes of Send it has moved, and 0 if it has failed the connection.
func (t *tlsTransport) encrypt() int {
	c := t.c
	t.returnOut()
	t.out.buf = c.mgr.tlsBuffers().out
	p := c.Send.Bytes()
	n, err := t.stream.Write(p[:min(len(p), tlsWriteSize)])
	if err != nil {
		t.phase = tlsBroken
		c.Fail(opError("write", c.network(), c.RemoteAddr(), err))
		return 0
	}
	c.traceWrite(netip.AddrPort{}, p[:n])
	c.Send.Consume(n)
	return n
}

// writeOut writes the content of out to the socket. It reports whether the socket took all of it.
func (t *tlsTransport) writeOut() (all bool, err error) {
	if t.out.Len() == 0 {
		return true, nil
	}
	n, err := t.c.send(t.out.Bytes())
	if err != nil {
		t.out.Reset()
		t.returnOut()
		return false, err
	}
	t.out.Consume(n)
	return t.out.Len() == 0, nil
}

// returnOut ends a loan of the manager's buffer to out. What the socket did not take is copied
// to memory of the connection. If out is empty, returnOut releases its memory.
func (t *tlsTransport) returnOut() {
	out, m := &t.out, t.c.mgr
	if cap(out.buf) == 0 {
		return
	}
	rest := out.Bytes()
	switch {
	case len(rest) == 0:
		if !t.borrowsOut() {
			m.pool.put(out.buf)
		}
		out.buf, out.off = nil, 0
	case t.borrowsOut():
		out.buf, out.off = append(m.pool.get(len(rest)), rest...), 0
	}
}

// borrowsOut reports whether out uses the manager's buffer.
func (t *tlsTransport) borrowsOut() bool {
	return t.c.mgr.tls != nil && unsafe.SliceData(t.out.buf) == unsafe.SliceData(t.c.mgr.tls.out)
}

// unsentBytes counts plaintext in Send, and ciphertext that the socket did not take.
func (t *tlsTransport) unsentBytes() int { return t.c.Send.Len() + t.out.Len() }

// blocked does not count Send before tlsOpen: until then Send waits for the handshake.
func (t *tlsTransport) blocked() bool {
	return t.out.Len() > 0 || t.phase == tlsOpen && t.c.Send.Len() > 0
}

// shutdown sends close_notify, and then ends the stream below.
func (t *tlsTransport) shutdown(leaveOpen bool) (done, hasEOF bool) {
	if t.phase != tlsOpen { // an unfinished handshake ends here
		t.c.mgr.admission.release(t)
		return stream{t.c}.shutdown(leaveOpen)
	}
	if !t.closeNotifySent {
		t.writeCloseNotify()
	}
	all, err := t.writeOut()
	t.returnOut()
	switch {
	case err != nil: // only close_notify is lost: the socket has taken all of Send
		return true, false
	case !all:
		return false, true
	}
	return stream{t.c}.shutdown(leaveOpen)
}

// writeCloseNotify writes close_notify to out.
func (t *tlsTransport) writeCloseNotify() {
	t.closeNotifySent = true
	t.stream.CloseWrite()
}

// abort makes close send no close_notify.
func (t *tlsTransport) abort() {
	t.closeNotifySent = true
	stream{t.c}.abort()
}

// close sends close_notify if it was not sent yet, and releases what the transport holds.
func (t *tlsTransport) close() {
	c, m := t.c, t.c.mgr
	if t.phase == tlsOpen && !t.closeNotifySent && c.fd >= 0 && !c.writeHasFailed() {
		t.writeCloseNotify()
		t.writeOut() // one attempt: what the socket does not take is lost
	}
	if t.stream != nil { // the garbage collector does not free a suspended coroutine
		m.handshakeGoroutine = t.handshakeGoroutine
		t.stream.Stop()
		m.handshakeGoroutine = 0
	}
	m.admission.release(t)
	if !t.borrowsOut() {
		m.pool.put(t.out.buf)
	}
	t.stream, t.earlyInput, t.out = nil, nil, Buffer{}
}

// tlsSocket is the tlsio.Socket of a connection.
type tlsSocket tlsTransport

// Write appends ciphertext to out.
func (s *tlsSocket) Write(p []byte) (int, error) {
	s.out.Grow(len(p))
	s.out.buf = append(s.out.buf, p...) // Append would also mark the connection
	return len(p), nil
}

// LocalAddr returns the address that a callback of the Config sees.
func (s *tlsSocket) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(s.c.LocalAddr()) }

// RemoteAddr returns the address that a callback of the Config sees.
func (s *tlsSocket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.c.RemoteAddr()) }
