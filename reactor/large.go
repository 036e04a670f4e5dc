package reactor

import (
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// Large messages: how Recv grows while one arrives, and how its memory becomes that of Send.
//
// The first read goes into the manager's buffer, as usual. If the layer says how many bytes are
// missing (ExpectMore), the rest moves to memory for the whole message, and later reads go there
// directly. A layer that sends the message on may give this memory to Send (MoveToSend). Then the
// payload is never copied. In front of it is space for a header.

// borrowsReadBuf reports whether Recv is in the manager's buffer.
func (c *Conn) borrowsReadBuf() bool {
	return unsafe.SliceData(c.Recv.buf) == unsafe.SliceData(c.mgr.readBuf)
}

// moveRest copies what is left in Recv to other memory. If bytes of its message are missing, it
// reserves space for them, but not more than what has arrived justifies (maxReserve).
func (c *Conn) moveRest(missing int) {
	b, m := &c.Recv, c.mgr
	old, rest, borrowed := b.buf, b.Bytes(), c.borrowsReadBuf()
	n := len(rest)
	if n <= maxCopiedRest || missing == 0 { // up to maxCopiedRest, the next read uses the manager's buffer
		b.buf, b.off = append(m.pool.get(n), rest...), 0
	} else {
		if c.ext != nil && c.ext.transport != nil {
			missing += leastTransportSpace
		}
		space := m.pool.get(headroom + n + min(missing, (maxReserve-1)*n))
		b.buf, b.off = append(space[:headroom], rest...), headroom
	}
	if !borrowed {
		m.pool.put(old)
	}
}

// missingBytes is what a layer has told with ExpectMore while it handled an EvRead.
type missingBytes struct {
	c *Conn
	n int
}

// takeMissing returns how many bytes of the message in Recv are missing, or 0 if no layer has said
// it.
func (m *Manager) takeMissing(c *Conn) (n int) {
	if m.missing.c == c {
		n = m.missing.n
	}
	m.missing = missingBytes{}
	return n
}

// ExpectMore tells the loop that n more bytes of the message in Recv are to come. A layer calls it
// while it handles EvRead. Recv then grows in few steps, and has no more memory than the message
// needs. What is reserved never exceeds maxReserve times what has arrived, so a peer cannot make
// the loop reserve memory by a large number in a header.
func (s Stack) ExpectMore(n int) {
	s.c.mgr.checkOwner()
	s.c.mgr.missing = missingBytes{s.c, max(n, 0)}
}

// MoveToSend makes p the content of Send with head in front of it, without copying p. p is the end
// of what was consumed from the Recv of the connection whose input is being delivered, which may be
// another one. Its memory belongs to Send after that. MoveToSend returns false, and does
// nothing, if p must be copied: Send or that Recv is not empty, there is no space for head in front
// of p, or p is small.
func (s Stack) MoveToSend(head, p []byte) bool {
	c, m := s.c, s.c.mgr
	m.checkOwner()
	from := m.turn.conn
	if from == nil || from.Recv.Len() > 0 || c.Send.Len() > 0 || c.isDatagram() || len(p) < leastMoved {
		return false
	}
	space := from.Recv.buf[:cap(from.Recv.buf)]
	start := int(uintptr(unsafe.Pointer(unsafe.SliceData(p))) - uintptr(unsafe.Pointer(unsafe.SliceData(space))))
	if start < len(head) || start > len(space)-len(p) || len(p) < cap(space)/maxReserve {
		return false
	}
	if from.borrowsReadBuf() {
		space = m.readBuf
		m.newReadBuf()
	}
	from.Recv.buf, from.Recv.off = nil, 0
	m.pool.put(c.Send.buf)
	c.Send.buf, c.Send.off, c.Send.owner = space[:start+len(p)], start-copy(space[start-len(head):], head), c
	c.Send.notifyOwner()
	return true
}

// newReadBuf gives the manager another buffer for reads.
func (m *Manager) newReadBuf() {
	m.readBuf = m.pool.get(maxCopiedRest + readSize)[:maxCopiedRest+readSize]
}

const (
	// maxReserve is how many times as much memory as what has arrived may be reserved.
	maxReserve = 4
	// leastSpace is the space behind Recv with which a read is worth its system call.
	leastSpace = 16 << 10
	// leastTransportSpace is what a transport other than a plain stream needs for a read.
	leastTransportSpace = 2 * tlsio.MaxPlaintext
	// headroom is the space in front of a large rest, for the header with which it may be sent on.
	headroom = 16
	// leastMoved is the least number of bytes that MoveToSend moves. Copying fewer costs little.
	leastMoved = 16 << 10
)
