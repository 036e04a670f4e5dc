package reactor

import (
	"errors"
	"io"
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// The ways of the bytes: ciphertext in, plaintext into Recv; Send, ciphertext
// out.

const (
	// maxPlaintext is the most that one record carries [RFC 8446 5.1].
	maxPlaintext = 16 << 10
	// tlsReadSize is the most that one read brings: with the record that was
	// begun before, it decrypts to readSize at the most.
	tlsReadSize = readSize - maxPlaintext
	// tlsWriteSize is how much of Send is encrypted for one write.
	tlsWriteSize = 3 * maxPlaintext
	// tlsBurst is how much of Send is encrypted in one turn.
	tlsBurst = 1 << 20
	// maxAnswers bounds the ciphertext that waits: a write's, and as much
	// again for what crypto/tls answers by itself.
	maxAnswers = 4 * tlsWriteSize
)

// readTLS is read for TLS: it reads once and goes on with what came.
func (c *Conn) readTLS() {
	t, m := c.ext.tls, c.mgr
	switch { // what is left in the socket is found by the next turn
	case t.err != nil, t.phase == tlsBroken:
		return
	case t.phase < tlsOpen && !c.mayStep():
		return
	case t.begins():
		c.advance()
		return
	}
	s := m.tlsShare()
	n, err := c.readOnce(s.in)
	switch {
	case err == poll.ErrAgain:
	case err != nil:
		c.lost("read", err)
	case n == 0:
		t.gone = true
		c.advance()
	default:
		c.takeIn(n)
	}
}

// takeIn goes on with n bytes of ciphertext.
func (c *Conn) takeIn(n int) {
	m := c.mgr
	m.stats.Reads++
	m.stats.BytesIn += uint64(n)
	c.heard(n)
	c.ext.tls.in = m.tls.in[:n]
	c.advance()
}

// begins reports whether the first step of the handshake is to be taken without
// reading: it is a client's, or its input lay in Recv.
func (t *tlsState) begins() bool {
	return t.phase == tlsPlanned && (t.c.is(client) || len(t.in) > 0)
}

// advance goes on with what lies in t.in: all of it is taken, or means nothing
// any more.
func (c *Conn) advance() {
	t := c.ext.tls
	if t.phase == tlsOpen || t.step() {
		for !c.is(failed|closing) && c.decrypt() {
		}
		c.endTLS()
	}
	t.in = nil
	if n := t.out.Len(); n > 0 { // a message of the handshake, an alert, or the answer to KeyUpdate
		c.mark()
		if n > maxAnswers { // the peer makes crypto/tls answer and does not read that
			c.Fail(&LimitError{"Send", n, maxAnswers})
		}
	}
}

// decrypt takes records out of in and raises EvRead, or, if a handler has paused
// the connection meanwhile, leaves the plaintext in Recv. It reports whether there is more.
func (c *Conn) decrypt() bool {
	t, m := c.ext.tls, c.mgr
	into := c.recvRoom(2 * maxPlaintext)
	n := 0
	for t.err == nil && len(into)-n >= maxPlaintext && (len(t.in) > 0 || t.gone) { // so crypto/tls keeps no plaintext
		k, err := t.conn.Read(into[n:])
		n += k
		if err != nil && err != errNoData {
			t.err = err
		}
	}
	if n > 0 {
		c.receive(into[:n])
		t.unheard += n
		if !c.Stopped() {
			m.arrived = t.takeUnheard()
			c.Call(EvRead, &m.arrived)
		}
		c.keepRest()
	}
	return len(t.in) > 0 && t.err == nil
}

// takeUnheard returns what the next EvRead counts.
func (t *tlsState) takeUnheard() int {
	n := t.unheard
	t.unheard = 0
	return n
}

// endTLS handles what ended the stream, once the plaintext before it was
// delivered, again too if somebody has asked for that.
func (c *Conn) endTLS() {
	t := c.ext.tls
	if t.err == nil || c.is(ended|again) || c.Stopped() {
		return
	}
	truncated := errors.Is(t.err, ErrTruncated)
	switch {
	case t.err == io.EOF, truncated && c.finished():
		c.end()
	case truncated && c.is(draining): // nobody waits for more
		c.flags |= ended
		c.mark()
	default:
		if !truncated {
			t.phase = tlsBroken
		}
		c.Fail(opError("read", c.network(), c.remote, t.err))
	}
}

// flushTLS is flush for TLS: it encrypts what lies in Send and offers it to the
// socket, a buffer at a time.
func (c *Conn) flushTLS() {
	t, m := c.ext.tls, c.mgr
	if t.begins() && !c.is(failed|paused|resting) {
		c.readTLS()
	}
	taken, sent := 0, 0
	for {
		n, ok := c.push()
		sent += n
		if !ok || t.phase != tlsOpen || t.bye || c.Send.Len() == 0 || taken >= tlsBurst {
			break
		}
		if n = c.encrypt(); n == 0 {
			break
		}
		taken += n
	}
	c.keepOut()
	if t.bye || t.phase == tlsBroken {
		c.Send.Reset() // nothing of it can be sent any more
	}
	c.shrink()
	c.flushed(sent)
	if taken > 0 && !c.is(failed) {
		m.wrote = taken
		c.Call(EvWrite, &m.wrote)
	}
}

// encrypt takes the beginning of Send into out, which is empty, and returns how
// much it took.
func (c *Conn) encrypt() int {
	t := c.ext.tls
	c.keepOut()
	t.out.buf = c.mgr.tls.out
	p := c.Send.Bytes()
	n, err := t.conn.Write(p[:min(len(p), tlsWriteSize)])
	if err != nil {
		t.phase = tlsBroken
		c.Fail(opError("write", c.network(), c.remote, err))
		return 0
	}
	if c.is(hexdump | recorded) {
		c.trace("write", c.remote, p[:n])
	}
	c.Send.Consume(n)
	return n
}

// push writes out to the socket and reports how much that took, and whether it
// was all.
func (c *Conn) push() (n int, all bool) {
	t := c.ext.tls
	out := &t.out
	if out.Len() == 0 {
		return 0, true
	}
	n, err := c.writeOnce(out.Bytes())
	switch {
	case err == poll.ErrAgain:
		return 0, false
	case err != nil:
		if !c.is(paused | ended | failed) { // an alert that came before says why
			if k, err := c.readOnce(c.mgr.tls.in); err == nil && k > 0 {
				c.takeIn(k)
			}
		}
		out.Reset()
		t.phase = tlsBroken
		if t.bye { // all of Send was taken before
			c.Close()
		} else {
			c.lost("write", err)
		}
		return 0, false
	}
	out.Consume(n)
	c.mgr.stats.Writes++
	c.mgr.stats.BytesOut += uint64(n)
	return n, out.Len() == 0
}

// keepOut sees to the memory of out, which may be the manager's.
func (c *Conn) keepOut() {
	out, m := &c.ext.tls.out, c.mgr
	if cap(out.buf) == 0 {
		return
	}
	rest := out.Bytes()
	switch {
	case len(rest) == 0:
		if !c.borrowsOut() {
			m.pool.put(out.buf)
		}
		out.buf, out.off = nil, 0
	case c.borrowsOut():
		out.buf, out.off = append(m.pool.get(len(rest)), rest...), 0
	}
}

// borrowsOut reports whether the memory of out is the manager's.
func (c *Conn) borrowsOut() bool {
	return unsafe.SliceData(c.ext.tls.out.buf) == unsafe.SliceData(c.mgr.tls.out)
}

// saidGoodbye says close_notify, if the connection has TLS, and reports whether the
// socket has taken it.
func (c *Conn) saidGoodbye() bool {
	t := c.tls()
	if t == nil || t.phase != tlsOpen {
		return true
	}
	if !t.bye {
		t.goodbye()
		c.push()
		c.keepOut()
	}
	return t.out.Len() == 0
}

// queued is how many bytes of the connection wait to be written: plaintext,
// and ciphertext that the socket did not take.
func (c *Conn) queued() int {
	if t := c.tls(); t != nil {
		return c.Send.Len() + t.out.Len()
	}
	return c.Send.Len()
}

// blocked reports whether bytes wait for the socket: until the handshake is done,
// those of Send do not.
func (c *Conn) blocked() bool {
	if t := c.tls(); t != nil && t.phase != tlsOpen {
		return t.out.Len() > 0
	}
	return c.unsent()
}
