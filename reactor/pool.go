package reactor

import (
	"math/bits"
	"time"
)

// pool lends memory to Send and Recv buffers. A connection has memory only while its buffers
// hold bytes. So the pool's size follows what one turn of the loop needs, and not the number
// of connections.
//
// The capacities of the slices are classes. Up to 64 KiB they are powers of two. Above that there
// are four in each doubling, because half of a large slice would be too much to waste: 64, 80, 96,
// 112, 128, 160 KiB and so on, up to 16 MiB. Each class has a stack of free slices.
//
// The smallest class is for a short message to each of many connections, all of which wait in Send
// until the handler returns. Slices of 512 bytes would use only few of the sets of the processor's
// cache. A delivery to one of 6,000 connections took 5 % more CPU with them.
//
// Large messages need fresh memory again and again if the pool does not keep theirs. The kernel has
// to clear this memory, and Go has to collect it. Therefore the pool keeps up to maxFreeBytes while
// they are in use. Each trimInterval it drops what it did not need meanwhile, down to
// baseFreeBytes.
type pool struct {
	free      [classes][][]byte
	freeBytes int   // total capacity of the free slices in bytes
	unused    int   // the lowest freeBytes since the pool was trimmed last
	trimmer   Timer // armed while the pool has more than baseFreeBytes
}

const (
	minSlice      = 128        // bytes of the smallest class
	maxSmallSlice = 64 << 10   // up to here classes are powers of two
	maxSlice      = 16 << 20   // the pool does not keep larger slices
	smallClasses  = 16 - 7 + 1 // 1<<7 to 1<<16
	classes       = smallClasses + 4*(24-16)

	baseFreeBytes = 4 << 20
	maxFreeBytes  = 32 << 20
	trimInterval  = time.Second
)

// class returns the number of the smallest class whose slices hold n bytes, and their capacity. n
// is at most maxSlice.
func class(n int) (i, capacity int) {
	if n <= minSlice {
		return 0, minSlice
	}
	width := bits.Len(uint(n - 1)) // 1<<width is n or more
	if n <= maxSmallSlice {
		return width - 7, 1 << width
	}
	step := (n - 1) >> (width - 3) // 4 to 7
	return smallClasses + 4*(width-17) + step - 4, (step + 1) << (width - 3)
}

// roundUpCapacity returns the capacity to allocate for n bytes: that of a class, or n if it is more
// than maxSlice.
func roundUpCapacity(n int) int {
	if n > maxSlice {
		return n
	}
	_, n = class(n)
	return n
}

// get returns an empty slice with a capacity of at least n bytes.
func (p *pool) get(n int) []byte {
	if n > maxSlice {
		return make([]byte, 0, n)
	}
	i, capacity := class(n)
	stack := p.free[i]
	last := len(stack) - 1
	if last < 0 {
		return make([]byte, 0, capacity)
	}
	b := stack[last]
	stack[last] = nil
	p.free[i] = stack[:last]
	p.freeBytes -= capacity
	p.unused = min(p.unused, p.freeBytes)
	return b
}

// lend is like get, but returns nil if there is no free slice of the class of n bytes.
func (p *pool) lend(n int) []byte {
	if n > maxSlice {
		return nil
	}
	if i, _ := class(n); len(p.free[i]) == 0 {
		return nil
	}
	return p.get(n)
}

// put takes a slice for reuse. Nothing else may refer to its memory. put ignores nil, and
// slices with a capacity that is no class.
func (p *pool) put(b []byte) {
	n := cap(b)
	if n < minSlice || n > maxSlice || p.freeBytes+n > maxFreeBytes {
		return
	}
	i, capacity := class(n)
	if n != capacity {
		return
	}
	p.free[i] = append(p.free[i], b[:0])
	if p.freeBytes += n; p.freeBytes > baseFreeBytes && p.trimmer.pos < 0 && !p.trimmer.m.closed {
		p.unused = 0 // what is lent now may be needed again
		p.trimmer.arm(trimInterval)
	}
}

// trim is called by the timer. It drops free slices, the largest first, until the pool has dropped
// as much as it did not need since the last call, or has no more than baseFreeBytes.
func (p *pool) trim() {
	least := max(baseFreeBytes, p.freeBytes-p.unused)
	for i := len(p.free) - 1; i >= 0; i-- {
		for stack := p.free[i]; len(stack) > 0 && p.freeBytes > least; stack = p.free[i] {
			last := len(stack) - 1
			p.freeBytes -= cap(stack[last])
			stack[last] = nil
			p.free[i] = stack[:last]
		}
	}
	if p.unused = p.freeBytes; p.freeBytes > baseFreeBytes {
		p.trimmer.arm(trimInterval)
	}
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
