package reactor

import "math/bits"

// pool lends memory to Send and Recv buffers. A connection has memory only while its buffers
// hold bytes. So the pool's size follows what one turn of the loop needs, and not the number
// of connections.
//
// The capacity of a slice is a power of two, from 1<<minClass to 1<<maxClass. Each capacity
// has a stack of free slices. The pool keeps maxFreeBytes at most. It leaves other slices to
// the garbage collector.
type pool struct {
	free      [maxClass - minClass + 1][][]byte
	freeBytes int // total capacity of the free slices in bytes
}

const (
	minClass     = 9  // 512 bytes
	maxClass     = 20 // 1 MiB; the pool does not keep larger slices
	maxFreeBytes = 4 << 20
)

// sizeClass returns the smallest class whose slices hold n bytes. A class is the binary
// logarithm of their capacity.
func sizeClass(n int) int { return max(bits.Len(uint(n-1)), minClass) }

// roundUpCapacity returns the capacity to allocate for n bytes: a power of two up to 1<<maxClass,
// n beyond that.
func roundUpCapacity(n int) int {
	if n > 1<<maxClass {
		return n
	}
	return 1 << sizeClass(max(n, 1))
}

// get returns an empty slice with a capacity of at least n bytes.
func (p *pool) get(n int) []byte {
	if n <= 1<<maxClass {
		stack := &p.free[sizeClass(max(n, 1))-minClass]
		if last := len(*stack) - 1; last >= 0 {
			b := (*stack)[last]
			(*stack)[last] = nil
			*stack = (*stack)[:last]
			p.freeBytes -= cap(b)
			return b
		}
	}
	return make([]byte, 0, roundUpCapacity(n))
}

// put takes a slice for reuse. Nothing else may refer to its memory. put ignores nil, and
// slices with a capacity that the pool does not have.
func (p *pool) put(b []byte) {
	n := cap(b)
	if n < 1<<minClass || n > 1<<maxClass || n&(n-1) != 0 {
		return
	}
	if p.freeBytes+n > maxFreeBytes {
		return
	}
	p.freeBytes += n
	stack := &p.free[sizeClass(n)-minClass]
	*stack = append(*stack, b[:0])
}

// spares are objects for reuse.
type spares[T any] struct{ list []*T }

// take returns a spare object, or nil if there is none.
func (s *spares[T]) take() *T {
	last := len(s.list) - 1
	if last < 0 {
		return nil
	}
	x := s.list[last]
	s.list[last] = nil
	s.list = s.list[:last]
	return x
}

// put keeps x for reuse, unless there are enough spare objects already.
func (s *spares[T]) put(x *T) {
	if len(s.list) < maxSpareWatchdogs {
		s.list = append(s.list, x)
	}
}
