package reactor

import (
	"math"
	"unsafe"

	"github.com/rikki-go/rikki/reactor/internal/tlsio"
)

// Large messages: how Recv grows while one arrives, and how its memory becomes that of Send.
//
// The first read goes into the manager's buffer, as usual. If the layer says how many bytes are
// missing (ExpectMore), the connection gets memory for the message:
//
//	the message fits into the manager's buffer   this buffer; the manager gets another one
//	the pool has a free slice of its size        this slice
//	otherwise                                    memory for maxReserve times what has arrived
//
// The next reads go there directly. Each takes all that is missing, if the socket has it, and never
// a byte of the next message. So what waits for a slow peer does not grow with the size of a read.
// If a read has filled its space, the next one follows at once, while the bytes are in the
// processor's cache. Both together take 0.7 of the CPU time of an echo of 1 MiB, and of 128 KiB.
//
// A layer that sends the message on may give this memory to Send (MoveToSend). Then the
// payload is never copied. In front of it is space for a header.

// borrowsReadBuf reports whether Recv is in the manager's buffer.
func (c *Conn) borrowsReadBuf() bool {
	return unsafe.SliceData(c.Recv.buf) == unsafe.SliceData(c.mgr.readBuf)
}

// moveRest copies what is left in Recv to other memory. If bytes of its message are missing, it
// reserves space for them.
func (c *Conn) moveRest(missing int) {
	b, m := &c.Recv, c.mgr
	old, rest, borrowed := b.buf, b.Bytes(), c.borrowsReadBuf()
	n := len(rest)
	if missing > 0 && c.ext != nil && c.ext.transport != nil {
		missing += leastTransportSpace
	}
	switch {
	case n <= maxCopiedRest || missing == 0: // up to maxCopiedRest, the next read uses the manager's buffer
		b.buf, b.off = append(m.pool.get(n), rest...), 0
	case borrowed && missing <= cap(m.readBuf)-len(old) && cap(m.readBuf) <= maxReserve*n:
		b.buf = m.readBuf[:len(old)]
		m.newReadBuf()
		return
	default:
		b.buf, b.off = append(c.reserve(n, missing)[:headroom], rest...), headroom
	}
	if !borrowed {
		m.pool.put(old)
	}
}

// reserve returns memory for n bytes that have arrived, for bytes that are missing, and headroom.
// New memory is not more than what has arrived justifies (maxReserve). A free slice of the pool
// for the whole message may be larger (maxLent), if the memory budget has room for it.
func (c *Conn) reserve(n, missing int) []byte {
	m, all := c.mgr, headroom+n+missing
	if missing <= maxLent*n && roundUpCapacity(all) <= m.budget.limit-m.budget.held {
		if space := m.pool.lend(all); space != nil {
			return space
		}
	}
	return m.pool.get(headroom + n + min(missing, (maxReserve-1)*n+lostToHeaders))
}

// ownsTooMuch reports whether Recv owns much more memory than its content and the missing bytes of
// its message need. That happens if the message before was large.
func (b *Buffer) ownsTooMuch(missing int) bool {
	n := max(b.Len(), maxCopiedRest)
	switch {
	case missing == 0 || b.Len() <= maxCopiedRest: // up to maxCopiedRest, no read goes there
		return cap(b.buf) > maxReserve*n
	case missing > maxLent*n: // it would not get a free slice
		return cap(b.buf) > 2*maxReserve*n
	}
	return cap(b.buf) > maxReserve*(n+missing)
}

// expect notes how many bytes of the message in Recv are missing. It matters only if the next read
// goes to Recv's own memory.
func (c *Conn) expect(missing int) {
	if missing > 0 && c.Recv.Len() > maxCopiedRest {
		c.extra().missing = uint32(min(missing, math.MaxInt32))
	} else if c.expected() > 0 {
		c.ext.missing = 0
		c.dropUnusedExtras()
	}
}

// expected returns how many bytes of the message in Recv are missing, or 0 if no layer has said it.
func (c *Conn) expected() int {
	if c.ext == nil {
		return 0
	}
	return int(c.ext.missing)
}

// readsOn reports whether the next part of a large message is read in the same turn. taken is how
// many bytes were read in this turn.
func (c *Conn) readsOn(taken int) bool {
	m := c.mgr
	return m.readFull && taken < maxReadOn && c.expected() > 0 && !m.turn.over && !c.InputStopped()
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
// each time that it handles EvRead and the message is incomplete. Recv then grows in few steps, and
// has little more memory than the message needs. New memory is at most maxReserve times what has
// arrived, so a peer cannot make the loop allocate memory by a large number in a header. The reads
// that follow take all of these n bytes, and no more, while the loop has time.
func (s Stack) ExpectMore(n int) {
	s.c.mgr.checkOwner()
	s.c.mgr.missing = missingBytes{s.c, min(max(n, 0), math.MaxInt/2)}
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
	from.countHeld() // the layer may pause the connection now
	m.pool.put(c.Send.buf)
	c.Send.buf, c.Send.off, c.Send.owner = space[:start+len(p)], start-copy(space[start-len(head):], head), c
	c.Send.notifyOwner()
	return true
}

// fitSend moves the content of Send to smaller memory if it fills less than 1/maxReserve of it.
// That happens after MoveToSend, or when most of a long Send was written. While a receiver is slow,
// Send then has at most leastFitted, or maxReserve times its content, whichever is more.
func (c *Conn) fitSend() {
	b, n := &c.Send, c.Send.Len()
	if cap(b.buf) <= leastFitted || cap(b.buf) <= maxReserve*n {
		return
	}
	old := b.buf
	b.buf, b.off = append(c.mgr.pool.get(n), b.Bytes()...), 0
	c.mgr.pool.put(old)
}

// newReadBuf gives the manager another buffer for reads. Its capacity is larger than a read needs,
// so that messages of 128 KiB are not copied.
func (m *Manager) newReadBuf() {
	m.readBuf = m.pool.get(readBufSize)[:maxCopiedRest+readSize]
}

const (
	// maxReserve is how many times as much new memory as what has arrived may be reserved.
	maxReserve = 4
	// maxLent is how many times as much as what has arrived may be missing from a message that gets
	// a free slice of the pool. The pool has such slices only after messages of their size, so
	// this costs a peer more than new memory does.
	maxLent = 64
	// lostToHeaders are bytes that are reserved in any case. Messages often have a power of two
	// bytes, and headers were consumed from the first read. Without these bytes the end of such a
	// message would need a read of its own.
	lostToHeaders = 1 << 10
	// readBufSize is the capacity of the manager's buffer for reads.
	readBufSize = 160 << 10
	// maxReadOn is about how much of a large message a connection reads in a turn, in bytes.
	maxReadOn = 1 << 20
	// leastSpace is the space behind Recv with which a read is worth its system call.
	leastSpace = 16 << 10
	// leastTransportSpace is what a transport other than a plain stream needs for a read.
	leastTransportSpace = 2 * tlsio.MaxPlaintext
	// headroom is the space in front of a large rest, for the header with which it may be sent on.
	headroom = 16
	// leastFitted is the memory that Send keeps even if only one byte waits in it.
	leastFitted = 64 << 10
	// leastMoved is the least number of bytes that MoveToSend moves. Copying fewer costs little.
	leastMoved = 16 << 10
)
