package reactor

import (
	"errors"
	"io"
	"net"
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// tlsTransport is TLS between a connection's socket and its Recv and Send. The bytes'
// part is tlsio's; this file connects it to the socket, to Recv and Send, and to the
// connection's life. docs/design.md says in which order bytes pass.
type tlsTransport struct {
	c      *Conn
	cfg    *tlsConfig // nil: the default of a tls:// URL
	host   string     // of the URL, for ServerName
	phase  tlsPhase
	said   bool   // close_notify was sent
	slot   bool   // it is among those in their handshake, see admission
	group  *group // of the admission queue
	owner  uint64 // the goroutine of the handshake, if the manager checks that
	early  []byte // what was not consumed from Recv at StartTLS: input of the handshake
	out    Buffer // ciphertext that the socket has yet to take
	err    error  // why no more plaintext comes; io.EOF after close_notify
	stream *tlsio.Stream
}

type tlsPhase uint8

const (
	tlsPlanned tlsPhase = iota // nothing was sent or read yet
	tlsShaking                 // the handshake is under way
	tlsOpen                    // EvTLSHS
	tlsBroken                  // an error of crypto/tls, or an alert
)

const (
	// tlsReadSize is the most that one read brings: with the record that was begun
	// before, it decrypts to at most readSize.
	tlsReadSize = readSize - tlsio.MaxPlaintext
	// tlsWriteSize is how much of Send is encrypted for one write.
	tlsWriteSize = 3 * tlsio.MaxPlaintext
	// tlsBurst is how much of Send is encrypted in one turn.
	tlsBurst = 1 << 20
	// maxAnswers bounds the ciphertext that waits: that of a write, and as much again for
	// what crypto/tls answers by itself.
	maxAnswers = 4 * tlsWriteSize
)

// tlsBuffers are shared by the TLS connections of a manager.
type tlsBuffers struct {
	in  []byte // ciphertext as it comes from a socket
	out []byte // ciphertext on its way to a socket; of a size that the pool does not take, should it be outgrown
}

// tlsBuffers returns the manager's, which it makes at the first use.
func (m *Manager) tlsBuffers() *tlsBuffers {
	if m.tls == nil {
		m.tls = &tlsBuffers{in: make([]byte, tlsReadSize), out: make([]byte, 0, tlsWriteSize+tlsWriteSize/4)}
	}
	return m.tls
}

func (t *tlsTransport) write(p []byte) (int, error) {
	if t.said {
		return 0, ErrClosed
	}
	return stream{t.c}.write(p)
}

func (t *tlsTransport) opening() bool    { return t.phase < tlsOpen }
func (t *tlsTransport) boundaries() bool { return false }

// pending: a client begins, what lay in Recv at StartTLS is input, and what ended the
// stream waits until the plaintext before it was delivered.
func (t *tlsTransport) pending() bool {
	return t.phase == tlsPlanned && (t.c.role == roleClient || len(t.early) > 0) || t.err != nil && !t.c.is(ended)
}

// read is one read from the socket and all that comes of it, in several calls: steps of
// the handshake, then plaintext. It returns nothing more to do only when all of the
// ciphertext is taken, for that lies in a buffer which all connections share.
func (t *tlsTransport) read() (n int, more bool, err error) {
	c := t.c
	if t.stream == nil || len(t.stream.In) == 0 && !(t.stream.Ended && t.err == nil) {
		switch n, more, err := t.readSocket(); {
		case err != nil || n == nothing && !more:
			return nothing, false, err
		}
	}
	if c.over() || t.phase == tlsBroken { // it means nothing any more
		t.stream.In = nil
		return nothing, false, nil
	}
	if t.phase < tlsOpen {
		if !t.step() {
			t.stream.In = nil
			t.checkAnswers()
			return nothing, false, nil
		}
		if len(t.stream.In) == 0 && !t.stream.Ended {
			t.checkAnswers()
			return nothing, false, nil
		}
		return nothing, true, nil
	}
	return t.decrypt()
}

// readSocket gets ciphertext. It returns nothing and no error if there is nothing to be
// done now.
func (t *tlsTransport) readSocket() (n int, more bool, err error) {
	c := t.c
	switch {
	case t.err != nil:
		return nothing, false, t.ended()
	case t.phase == tlsBroken, t.phase < tlsOpen && !c.mgr.admission.admit(t):
		return nothing, false, nil
	}
	if t.phase == tlsPlanned {
		if !t.begin() {
			return nothing, false, nil
		}
		if c.role == roleClient || len(t.early) > 0 {
			t.stream.In, t.early = t.early, nil
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
		return nothing, false, err
	}
	return n, true, nil
}

// ended returns what ended the stream, once.
func (t *tlsTransport) ended() error {
	c := t.c
	if c.is(ended) || c.Stopped() || c.on&onRedeliver != 0 {
		return nil
	}
	truncated := errors.Is(t.err, ErrTruncated)
	switch {
	case t.err == io.EOF, truncated && c.finished():
		return io.EOF
	case truncated && (c.life == draining || c.life == yielding): // nobody waits for more
		c.flags |= ended
		c.mark()
		return nil
	case !truncated:
		t.phase = tlsBroken
	}
	return t.err
}

// decrypt takes records out of the ciphertext into Recv.
func (t *tlsTransport) decrypt() (n int, more bool, err error) {
	into := t.c.recvRoom(2 * tlsio.MaxPlaintext)
	for t.err == nil && len(into)-n >= tlsio.MaxPlaintext && (len(t.stream.In) > 0 || t.stream.Ended) {
		k, err := t.stream.Read(into[n:])
		n += k
		if err != nil && err != tlsio.ErrNoData {
			t.err = err
			t.stream.In = nil
		}
	}
	t.checkAnswers()
	more = len(t.stream.In) > 0 || t.err != nil
	if n == 0 {
		return nothing, more, nil
	}
	t.c.receive(n)
	return n, more, nil
}

// checkAnswers makes the loop write what crypto/tls has left in out: a message of the
// handshake, an alert, or the answer to KeyUpdate.
func (t *tlsTransport) checkAnswers() {
	n := t.out.Len()
	if n == 0 {
		return
	}
	t.c.mark()
	if n > maxAnswers { // the peer makes crypto/tls answer and does not read that
		t.c.Fail(&LimitError{"Send", n, maxAnswers})
	}
}

// flush encrypts what lies in Send and offers it to the socket, a buffer at a time.
func (t *tlsTransport) flush() (int, error) {
	c := t.c
	taken := 0
	for {
		all, err := t.push()
		if err != nil {
			return event(taken), err
		}
		if !all || t.phase != tlsOpen || t.said || c.Send.Len() == 0 || taken >= tlsBurst {
			break
		}
		n := t.encrypt()
		if n == 0 {
			break
		}
		taken += n
	}
	t.keepOut()
	if t.said || t.phase == tlsBroken {
		c.Send.Reset() // nothing of it can be sent any more
	}
	return event(taken), nil
}

// event returns what flush returns for n bytes.
func event(n int) int {
	if n == 0 {
		return nothing
	}
	return n
}

// encrypt takes the beginning of Send into out, which is empty, and returns how much it
// took.
func (t *tlsTransport) encrypt() int {
	c := t.c
	t.keepOut()
	t.out.buf = c.mgr.tlsBuffers().out
	p := c.Send.Bytes()
	n, err := t.stream.Write(p[:min(len(p), tlsWriteSize)])
	if err != nil {
		t.phase = tlsBroken
		c.Fail(opError("write", c.network(), c.RemoteAddr(), err))
		return 0
	}
	c.traceWrite(c.RemoteAddr(), p[:n])
	c.Send.Consume(n)
	return n
}

// push writes out to the socket and reports whether that took all of it.
func (t *tlsTransport) push() (all bool, err error) {
	if t.out.Len() == 0 {
		return true, nil
	}
	n, err := t.c.send(t.out.Bytes())
	if err != nil {
		t.out.Reset()
		t.keepOut()
		return false, err
	}
	t.out.Consume(n)
	return t.out.Len() == 0, nil
}

// keepOut sees to the memory of out, which may be the manager's.
func (t *tlsTransport) keepOut() {
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

// borrowsOut reports whether the memory of out is the manager's.
func (t *tlsTransport) borrowsOut() bool {
	return t.c.mgr.tls != nil && unsafe.SliceData(t.out.buf) == unsafe.SliceData(t.c.mgr.tls.out)
}

// queued counts plaintext, and ciphertext that the socket did not take.
func (t *tlsTransport) queued() int { return t.c.Send.Len() + t.out.Len() }

// blocked: until the handshake is done the bytes of Send do not wait for the socket.
func (t *tlsTransport) blocked() bool {
	return t.out.Len() > 0 || t.phase == tlsOpen && t.c.Send.Len() > 0
}

// shutdown says close_notify.
func (t *tlsTransport) shutdown(peerFirst bool) (said, ends bool) {
	if t.phase != tlsOpen { // a handshake that was not done never will be
		t.c.mgr.admission.release(t)
		return stream{t.c}.shutdown(peerFirst)
	}
	if !t.said {
		t.goodbye()
	}
	all, err := t.push()
	t.keepOut()
	switch {
	case err != nil: // all of Send was taken before
		return true, false
	case !all:
		return false, true
	}
	return stream{t.c}.shutdown(peerFirst)
}

// goodbye leaves close_notify in out.
func (t *tlsTransport) goodbye() {
	t.said = true
	t.stream.CloseWrite()
}

func (t *tlsTransport) abort() {
	t.said = true
	stream{t.c}.abort()
}

// close says close_notify if that was not done, and gives back what the connection's TLS
// holds.
func (t *tlsTransport) close() {
	c, m := t.c, t.c.mgr
	if t.phase == tlsOpen && !t.said && c.fd >= 0 && !c.lost() {
		t.goodbye()
		t.push() // what the socket does not take is lost
	}
	if t.stream != nil { // a suspended handshake would never be collected
		m.handshakeGoroutine = t.owner
		t.stream.Stop()
		m.handshakeGoroutine = 0
	}
	m.admission.release(t)
	if !t.borrowsOut() {
		m.pool.put(t.out.buf)
	}
	t.stream, t.early, t.out = nil, nil, Buffer{}
}

// tlsSocket is what tlsio sees of the connection.
type tlsSocket tlsTransport

// Write keeps ciphertext for the socket.
func (s *tlsSocket) Write(p []byte) (int, error) {
	s.out.Grow(len(p))
	s.out.buf = append(s.out.buf, p...) // not Append, which would mark the connection
	return len(p), nil
}

func (s *tlsSocket) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.c.LocalAddr()) }
func (s *tlsSocket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.c.RemoteAddr()) }
