// Package blocking has what the packages share that let other goroutines wait for the loop: a lock
// with a condition, queues of bytes, and deadlines.
package blocking

import "sync"

// blockSize is the size of the pieces of memory of a Queue, in bytes.
const blockSize = 16 << 10

type block [blockSize]byte

// blocks are spare blocks. An empty Queue owns none.
var blocks = sync.Pool{New: func() any { return new(block) }}

// Queue is a queue of bytes in blocks. Append and Take copy the bytes. The zero Queue is empty. Its
// methods must not be called at the same time, and it must not be copied.
type Queue struct {
	list  []*block
	from  int       // offset of the first byte in list[0]
	size  int       // number of bytes
	first [4]*block // memory for a short list
}

// Len returns the number of bytes.
func (q *Queue) Len() int { return q.size }

// Memory returns how many bytes of memory the queue owns: whole blocks.
func (q *Queue) Memory() int { return len(q.list) * blockSize }

// Append adds a copy of p at the back.
func (q *Queue) Append(p []byte) {
	for len(p) > 0 {
		end := q.from + q.size
		if end == q.Memory() {
			if q.list == nil {
				q.list = q.first[:0]
			}
			q.list = append(q.list, blocks.Get().(*block))
		}
		n := copy(q.list[end/blockSize][end%blockSize:], p)
		q.size += n
		p = p[n:]
	}
}

// Front returns the first bytes of the queue that lie in one piece, or nil if it is empty. They are
// valid until the next call.
func (q *Queue) Front() []byte {
	if q.size == 0 {
		return nil
	}
	return q.list[0][q.from:min(blockSize, q.from+q.size)]
}

// Consume removes the first n bytes, which must lie within what Front returned.
func (q *Queue) Consume(n int) {
	q.from, q.size = q.from+n, q.size-n
	if q.from == blockSize || q.size == 0 && len(q.list) > 0 {
		blocks.Put(q.list[0])
		copy(q.list, q.list[1:])
		q.list[len(q.list)-1] = nil
		q.list, q.from = q.list[:len(q.list)-1], 0
	}
}

// Take moves bytes from the front to p, and returns how many.
func (q *Queue) Take(p []byte) (n int) {
	for n < len(p) && q.size > 0 {
		k := copy(p[n:], q.Front())
		q.Consume(k)
		n += k
	}
	return n
}

// Reset removes all bytes.
func (q *Queue) Reset() {
	for _, b := range q.list {
		blocks.Put(b)
	}
	*q = Queue{}
}
