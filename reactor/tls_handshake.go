package reactor

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Handshakes bound what TLS handshakes cost a manager; 0 is off. The default
// is 8 and 1024.
type Handshakes struct {
	// PerTurn is how many connections may take a step of their handshake in
	// one turn of the loop. A step is all that can be done without more from the
	// peer, at the most a signature, a key exchange and a chain to verify.
	// Measured with Go 1.26: 0.25 ms with a key on P-256, 1.2 ms with RSA of 2048
	// bits, and 2.6 ms more for clients that insist on P-521 for the exchange of keys,
	// if CurvePreferences allows it; so 8 of them hold the loop for 2 to 10 ms, at
	// the worst for 30. The others wait in line for the next turns.
	PerTurn int
	// HalfOpen is how many connections may be in their handshake at once, those of
	// Connect not counted. One that begins TLS beyond it waits, unread, until
	// another's handshake has succeeded or failed; who came first is first, and the
	// deadline for TLS counts meanwhile.
	//
	// If it has begun by the end of EvAccept, be it by the listener's Config or by
	// StartTLS, its listener accepts nobody until it need not wait any longer, and
	// clients wait in the kernel's backlog. Other listeners go on until each has
	// one that waits, so they take turns, and those without TLS are not affected.
	// Nor is any listener by a connection that calls StartTLS later: that one was
	// accepted in the clear, and waits by itself.
	HalfOpen int
}

// WithHandshakes sets them.
func WithHandshakes(h Handshakes) Option { return func(m *Manager) { m.handshakes = h } }

// tlsShared is what the TLS connections of a manager share.
type tlsShared struct {
	in       []byte // ciphertext as it comes from a socket
	out      []byte // ciphertext on its way to a socket; of a size that the pool does not take, should it be outgrown
	turn     uint64 // the one that steps belongs to
	steps    int
	halfOpen int
	waiting  list.List // of *waiter: for room
}

// tlsShare returns the manager's, which it makes at the first use.
func (m *Manager) tlsShare() *tlsShared {
	if m.tls == nil {
		m.tls = &tlsShared{in: make([]byte, tlsReadSize), out: make([]byte, 0, tlsWriteSize+tlsWriteSize/4)}
	}
	return m.tls
}

// mayStep reports whether the connection may take a step of its handshake now. If
// not, it waits in line, and those that come after it wait behind it.
func (c *Conn) mayStep() bool {
	m := c.mgr
	s := m.tlsShare()
	if s.turn != m.stats.Turns {
		s.turn, s.steps = m.stats.Turns, 0
	}
	if limit := m.handshakes.PerTurn; limit > 0 && (s.steps >= limit || len(m.line.list) > 0) {
		if !c.is(inLine) {
			c.flags |= inLine
			m.line.add(c)
		}
		return false
	}
	s.steps++
	return true
}

// takeStep goes on with a connection that has waited in line, and with its deadlines.
func (c *Conn) takeStep() {
	c.flags &^= inLine
	c.ready(poll.Readable)
	if w := c.watchdog(); w != nil && !c.is(inLine|lingering) {
		w.judge()
	}
}

// handshake is crypto/tls's handshake as a coroutine, which is suspended in
// tlsState.Read while it waits for the peer.
type handshake struct {
	resume func() (struct{}, bool) // false: it is over
	stop   func()
	yield  func(struct{}) bool
	owner  uint64 // its goroutine, if the manager checks that
	err    error
}

// securing reports whether the handshake of TLS is still to be done.
func (c *Conn) securing() bool {
	t := c.tls()
	return t != nil && t.phase < tlsOpen
}

// begin makes the coroutine. It runs at the first step.
func (t *tlsState) begin() {
	c, cfg := t.c, t.settleConfig()
	if c.is(client) {
		t.conn = tls.Client(t, cfg)
	} else {
		t.conn = tls.Server(t, cfg)
	}
	h := &handshake{}
	t.shake, t.phase = h, tlsShaking
	h.resume, h.stop = iter.Pull(func(yield func(struct{}) bool) {
		if c.mgr.checked {
			h.owner = goroutine()
			c.mgr.deputy = h.owner
		}
		h.yield = yield
		h.err = t.conn.Handshake() // without a context that could be cancelled, which would take a goroutine
	})
}

// step goes on with the handshake as far as the peer's bytes reach. It reports
// whether the handshake has just succeeded.
func (t *tlsState) step() bool {
	c := t.c
	if t.phase == tlsPlanned {
		if !c.is(client) && (t.cfg == nil || !presents(t.cfg.Config)) {
			t.phase = tlsBroken
			c.Fail(opError("tls handshake", c.network(), c.remote, ErrNoCertificate))
			return false
		}
		t.begin()
	}
	h, m := t.shake, c.mgr
	m.deputy = h.owner
	_, more := h.resume()
	m.deputy = 0
	if more {
		return false
	}
	t.shake = nil
	t.over()
	if h.err != nil {
		t.refuse(h.err)
		return false
	}
	t.phase = tlsOpen
	m.stats.Handshakes++
	c.secured()
	if c.is(failed | closing) { // by a callback of the Config
		return false
	}
	c.mark() // Send has waited for this
	c.Call(EvTLSHS, nil)
	return true
}

// refuse fails the connection because of what the handshake said. The alert
// that crypto/tls has left in out is the last word; nothing of Send leaves.
func (t *tlsState) refuse(err error) {
	c := t.c
	t.phase, t.in = tlsBroken, nil
	var header tls.RecordHeaderError
	var op *net.OpError // crypto/tls's, of an alert
	alert, clear := t.place.alert()
	clear = clear && errors.As(err, &op)
	switch {
	case errors.Is(err, ErrTruncated), err == io.EOF, clear && alert == closeNotify:
		err = fmt.Errorf("connection closed during the handshake: %w", io.ErrUnexpectedEOF)
	case clear: // with TLS 1.3 the record is not decrypted, for a peer that fails before it has keys to encrypt it
		err = &net.OpError{Op: "remote error", Err: alert}
	case errors.As(err, &header) && header.Conn != nil: // the very first record
		err = t.notTLS(header)
	}
	c.Fail(opError("tls handshake", c.network(), c.remote, err))
}

// notTLS says what came in the place of the first record, and to an HTTP client
// what is wrong.
func (t *tlsState) notTLS(header tls.RecordHeaderError) error {
	first := header.RecordHeader[:]
	if t.c.is(client) {
		return fmt.Errorf("the server does not speak TLS on this port, its first bytes are %q: %w", first, header)
	}
	if !looksLikeHTTP(first) {
		return fmt.Errorf("the client does not speak TLS, its first bytes are %q: %w", first, header)
	}
	t.out.Reset() // an alert would mean nothing to it
	t.Write([]byte("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS: use https:// or wss://.\n"))
	return fmt.Errorf("the client sent plain HTTP to a TLS port: %w", header)
}

// looksLikeHTTP knows the requests by the first five bytes.
func looksLikeHTTP(first []byte) bool {
	switch string(first) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "CONNE":
		return true
	}
	return false
}

// watchHandshake lets the deadline of the handshake count from now.
func (c *Conn) watchHandshake() {
	w := c.watchdog()
	if w == nil {
		if c.mgr.deadlines.tls() <= 0 || c.is(listening|connecting) {
			return
		}
		c.guard(&c.mgr.deadlines)
		w = c.watchdog()
	}
	w.shaken = c.mgr.ticks()
	w.rearm()
}

// end gives back what the connection's TLS holds, and says close_notify if
// that was not done.
func (t *tlsState) end() {
	c := t.c
	if t.phase == tlsOpen && !t.bye && c.fd >= 0 {
		t.goodbye()
		if t.out.Len() > 0 {
			c.writeOnce(t.out.Bytes()) // what it does not take is lost
		}
	}
	if h := t.shake; h != nil { // suspended it would never be collected
		c.mgr.deputy = h.owner
		h.stop()
		c.mgr.deputy = 0
	}
	t.over()
	c.mgr.pool.put(t.out.buf)
	t.conn, t.shake, t.in, t.out = nil, nil, nil, Buffer{}
}

// goodbye leaves close_notify in out.
func (t *tlsState) goodbye() {
	t.bye = true
	t.conn.CloseWrite() // fails only if an alert was sent before
}

var _ net.Conn = (*tlsState)(nil)
