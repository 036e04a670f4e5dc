package reactor

import "unsafe"

// Buffer is a queue of bytes: appended at the back, consumed from the front.
// Consuming moves an offset, never the rest. The zero value is an empty
// buffer ready for use. A Buffer must not be copied once it was used, and a
// connection's must not be assigned to: Reset it, or Append from it.
//
// Slices returned by Bytes and AvailableBuffer alias the buffer: they are
// valid until it is next appended to, inserted into or reset.
type Buffer struct {
	_     noCopy
	buf   []byte
	off   int   // buf[off:] is the content
	owner *Conn // of a Send buffer: told when bytes are appended; lends memory
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Len returns the number of bytes held.
func (b *Buffer) Len() int { return len(b.buf) - b.off }

// Bytes returns the content. Its bytes may be changed in place.
func (b *Buffer) Bytes() []byte { return b.buf[b.off:len(b.buf):len(b.buf)] }

// Append adds a copy of p at the back. Appending what an append-style
// function returned for AvailableBuffer copies nothing.
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
		b.buf = append(b.grown(len(p)), p...)
	}
	b.touched()
}

// AppendString adds a copy of s at the back.
func (b *Buffer) AppendString(s string) {
	b.Append(unsafe.Slice(unsafe.StringData(s), len(s))) // read only: Append copies
}

// Write is Append as an io.Writer. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.Append(p)
	return len(p), nil
}

// Consume drops the first n bytes. It panics if there are fewer.
func (b *Buffer) Consume(n int) {
	if uint(n) > uint(b.Len()) {
		panic("reactor: Buffer.Consume beyond the content")
	}
	b.off += n
	if b.off == len(b.buf) {
		b.off, b.buf = 0, b.buf[:0]
	}
}

// Truncate keeps the first n bytes and drops the rest. It panics if there
// are fewer than n.
func (b *Buffer) Truncate(n int) {
	if uint(n) > uint(b.Len()) {
		panic("reactor: Buffer.Truncate beyond the content")
	}
	b.buf = b.buf[:b.off+n]
	b.Consume(0)
}

// Insert puts a copy of p before the byte at offset at (0 is the front, Len
// the back). Only the bytes behind it move. It panics if at is out of range.
func (b *Buffer) Insert(at int, p []byte) {
	if uint(at) > uint(b.Len()) {
		panic("reactor: Buffer.Insert beyond the content")
	}
	b.Grow(len(p))
	n := len(b.buf)
	b.buf = b.buf[:n+len(p)]
	copy(b.buf[b.off+at+len(p):], b.buf[b.off+at:n])
	copy(b.buf[b.off+at:], p)
	b.touched()
}

// Grow makes room for n more bytes: until they are appended, neither Append
// nor Insert allocates.
func (b *Buffer) Grow(n int) {
	if n < 0 {
		panic("reactor: Buffer.Grow by a negative count")
	}
	if cap(b.buf)-len(b.buf) < n {
		b.buf = b.grown(n)
	}
}

// AvailableBuffer returns an empty slice with the spare capacity behind the
// content, for append-style functions. Grow first to be sure of its size.
func (b *Buffer) AvailableBuffer() []byte { return b.buf[len(b.buf):] }

// Reset drops the content. The memory stays for reuse.
func (b *Buffer) Reset() { b.buf, b.off = b.buf[:0], 0 }

// grown returns the content at the front of memory with room for n bytes
// more: the same memory if sliding the content down frees at least half of
// it (so that moving stays linear), else new memory.
func (b *Buffer) grown(n int) []byte {
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
		b.buf = append(b.owner.mgr.pool.get(max(need, 2*len(rest))), rest...)
	default:
		b.buf = append(make([]byte, 0, roundUp(max(need, 2*len(rest)))), rest...)
	}
	b.off = 0
	if b.owner != nil && old != nil {
		b.owner.mgr.pool.put(old)
	}
	return b.buf
}

// touched tells the owner that there is something to write.
func (b *Buffer) touched() {
	if b.owner != nil {
		b.owner.grew()
	}
}
