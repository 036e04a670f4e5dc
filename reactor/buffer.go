package reactor

import "unsafe"

// Buffer is a queue of bytes. Bytes are appended at the back and consumed from the front.
// Consume moves an offset and does not move the other bytes. The zero value is an empty
// buffer ready for use.
//
// Do not copy a Buffer after its first use. Do not assign another Buffer to the Send or Recv
// of a connection: use Reset and Append instead.
//
// Slices returned by Bytes and AvailableBuffer share the buffer's memory. They are valid until
// the next call that appends, inserts or resets. In Send and Recv they are never valid longer
// than until the handler returns.
type Buffer struct {
	_     noCopy
	buf   []byte
	off   int   // buf[off:] is the content
	owner *Conn // nil, or the connection that sends the bytes; its manager's pool lends the memory
}

// noCopy makes go vet report copies of a Buffer.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Len returns the number of bytes in the buffer.
func (b *Buffer) Len() int { return len(b.buf) - b.off }

// Cap returns the size of the buffer's memory in bytes, of which Len bytes are content.
func (b *Buffer) Cap() int { return cap(b.buf) }

// Bytes returns the content. The caller may change the bytes in place.
func (b *Buffer) Bytes() []byte { return b.buf[b.off:len(b.buf):len(b.buf)] }

// Append adds a copy of p at the back. If p is what an append-style function returned for
// AvailableBuffer, and the bytes fitted into it, nothing is copied.
func (b *Buffer) Append(p []byte) {
	if len(p) == 0 {
		return
	}
	n := len(b.buf)
	if cap(b.buf)-n >= len(p) {
		tail := b.buf[n : n+len(p)]
		b.buf = b.buf[:n+len(p)]
		if unsafe.SliceData(tail) != unsafe.SliceData(p) {
			copy(tail, p)
		}
	} else {
		b.buf = append(b.makeSpace(len(p)), p...)
	}
	b.notifyOwner()
}

// AppendString adds a copy of s at the back.
func (b *Buffer) AppendString(s string) {
	b.Append(unsafe.Slice(unsafe.StringData(s), len(s))) // Append only reads it
}

// Write does the same as Append, for io.Writer. It returns len(p) and a nil error.
func (b *Buffer) Write(p []byte) (int, error) {
	b.Append(p)
	return len(p), nil
}

// Consume removes the first n bytes. It panics if n is negative or greater than Len.
func (b *Buffer) Consume(n int) {
	if uint(n) > uint(b.Len()) {
		panic("reactor: Buffer.Consume beyond the content")
	}
	b.off += n
	if b.off == len(b.buf) {
		b.off, b.buf = 0, b.buf[:0]
	}
}

// Truncate keeps the first n bytes and removes the others. It panics if n is negative or
// greater than Len.
func (b *Buffer) Truncate(n int) {
	if uint(n) > uint(b.Len()) {
		panic("reactor: Buffer.Truncate beyond the content")
	}
	b.buf = b.buf[:b.off+n]
	b.Consume(0)
}

// Insert inserts a copy of p in front of the byte with the offset `at`. Offset 0 is the front, Len
// is the back. Only the bytes behind this offset move. It panics if `at` is negative or greater
// than Len.
func (b *Buffer) Insert(at int, p []byte) {
	if uint(at) > uint(b.Len()) {
		panic("reactor: Buffer.Insert beyond the content")
	}
	b.Grow(len(p))
	n := len(b.buf)
	b.buf = b.buf[:n+len(p)]
	copy(b.buf[b.off+at+len(p):], b.buf[b.off+at:n])
	copy(b.buf[b.off+at:], p)
	b.notifyOwner()
}

// Grow makes space for n more bytes, so that appending or inserting them does not allocate.
// It panics if n is negative.
func (b *Buffer) Grow(n int) {
	if n < 0 {
		panic("reactor: Buffer.Grow by a negative count")
	}
	if cap(b.buf)-len(b.buf) < n {
		b.buf = b.makeSpace(n)
	}
}

// AvailableBuffer returns an empty slice whose capacity is the free space behind the content.
// It is for append-style functions: pass their result to Append. Call Grow first if a certain
// capacity is needed.
func (b *Buffer) AvailableBuffer() []byte { return b.buf[len(b.buf):] }

// Reset removes the content. The buffer keeps its memory for reuse.
func (b *Buffer) Reset() { b.buf, b.off = b.buf[:0], 0 }

// makeSpace moves the content to the front of memory that has space for n more bytes, and returns
// it. It uses the same memory if the consumed part is at least as long as the content: then
// the cost of moving stays linear. Otherwise it takes new memory of at least twice the
// content's size.
func (b *Buffer) makeSpace(n int) []byte {
	rest := b.buf[b.off:]
	need := len(rest) + n
	if need < 0 {
		panic("reactor: Buffer too large")
	}
	old := b.buf
	switch {
	case need <= cap(b.buf) && len(rest) <= b.off:
		old = nil
		b.buf = b.buf[:copy(b.buf[:cap(b.buf)], rest)]
	case b.owner != nil:
		b.buf = append(b.owner.mgr.pool.get(grownSize(need, len(rest))), rest...)
	default:
		b.buf = append(make([]byte, 0, roundUpCapacity(grownSize(need, len(rest)))), rest...)
	}
	b.off = 0
	if b.owner != nil && old != nil {
		b.owner.mgr.pool.put(old)
	}
	return b.buf
}

// minGrown is the least size of memory to which content moves. Memory for a first short message may
// be smaller.
const minGrown = 512

// grownSize returns how much memory to take for need bytes, of which content exists already.
func grownSize(need, content int) int {
	if content == 0 {
		return need
	}
	return max(need, 2*content, minGrown)
}

// notifyOwner tells the owner that the buffer has grown, so that the loop writes it.
func (b *Buffer) notifyOwner() {
	if b.owner != nil {
		b.owner.sendGrew()
	}
}
