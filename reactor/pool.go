package reactor

import "math/bits"

// pool lends the memory of Send and Recv buffers. A connection has memory
// only while it holds bytes, so what circulates is what one turn of the loop
// needs, not what there are connections.
//
// Slices come in powers of two, a stack of them for each. What would make all
// stacks together hold more than keepBytes goes to the garbage collector.
type pool struct {
	free [maxClass - minClass + 1][][]byte
	held int // bytes
}

const (
	minClass  = 9  // 512 bytes
	maxClass  = 20 // 1 MiB; larger slices are not kept
	keepBytes = 4 << 20
)

func class(n int) int { return max(bits.Len(uint(n-1)), minClass) }

// roundUp returns the capacity to allocate for n bytes.
func roundUp(n int) int {
	if n > 1<<maxClass {
		return n
	}
	return 1 << class(max(n, 1))
}

// get returns an empty slice with a capacity of at least n.
func (p *pool) get(n int) []byte {
	if n <= 1<<maxClass {
		stack := &p.free[class(max(n, 1))-minClass]
		if last := len(*stack) - 1; last >= 0 {
			b := (*stack)[last]
			(*stack)[last] = nil
			*stack = (*stack)[:last]
			p.held -= cap(b)
			return b
		}
	}
	return make([]byte, 0, roundUp(n))
}

// put takes back a slice that nothing refers to any more.
func (p *pool) put(b []byte) {
	c := cap(b)
	if c < 1<<minClass || c > 1<<maxClass || c&(c-1) != 0 {
		return
	}
	if p.held+c > keepBytes {
		return
	}
	p.held += c
	stack := &p.free[class(c)-minClass]
	*stack = append(*stack, b[:0])
}
