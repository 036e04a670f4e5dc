package reactor

import (
	"cmp"
	"container/heap"
	"errors"
	"math/bits"
	"slices"
)

// The memory budget: how much memory the peers of a manager make it hold for messages that are
// not complete, or that handlers have not consumed.
//
//	what counts                                  how much
//	Recv, when the handlers have returned        the memory that it owns
//	what a layer has reported (Stack.AddHeld)    as reported
//
//	what does not count                          because
//	Recv of a datagram socket                    it holds one message at most
//	64 KiB of Recv while the connection yields   it waits for the loop
//	Send, and ciphertext for the socket          Limits.Send and Limits.Backpressure bound it
//	a connection that has failed or is closing   it releases its memory in the same turn
//
// When the sum exceeds the budget, the connections that hold most fail with ErrMemoryBudget, until
// the sum is 7/8 of the budget or less. If several hold the same, the newest fails first. The
// budget is checked after each read, so a batch of messages cannot exceed it by more than the
// memory of one of them. A single message that needs more than the whole budget fails as well.
//
// Recv grows by doubling, so it may own up to twice as much as it holds, and up to four times as
// much if a layer expects the rest of a message (Stack.ExpectMore). It may own a free slice of the
// pool for the whole message instead, if the budget has room for it (large.go). If handlers leave
// much less than it owns, the rest moves to smaller memory (input.go).
//
// The amount of each connection is in the table of registrations, rounded up by at most 0.1 %, and
// the manager has the sum. Each change of an amount goes through countHeld. What a program itself
// appends to Recv is counted when input is delivered the next time. To find the largest, one walk
// over the table is enough. It is made only when the budget is exceeded.

// DefaultMemoryBudget is the default of WithMemoryBudget, in bytes.
const DefaultMemoryBudget = 256 << 20

// ErrMemoryBudget is the cause of EvError on a connection that held much memory for an unfinished
// message when the memory budget of its manager was exceeded, see WithMemoryBudget.
var ErrMemoryBudget = errors.New("reactor: unfinished messages exceed the manager's memory budget")

// WithMemoryBudget bounds the memory, in bytes, that all connections of the manager hold for
// messages that are not complete or not consumed: what handlers leave in Recv, and what the
// layers of protocols keep. While a message arrives, it may take four times what has arrived, or
// free memory of the manager for the whole message, and twice its size at most. If the sum exceeds
// the budget, the connections that hold most fail with ErrMemoryBudget, until 7/8 of it is left. So
// a few peers cannot take all memory with messages that are legal. Limits.Recv and the limits of
// the protocols bound one message. Stats.Held is the sum.
//
// Zero means DefaultMemoryBudget. A negative value means no bound.
func WithMemoryBudget(bytes int) Option { return func(m *Manager) { m.budget.limit = bytes } }

// memoryBudget is the state of the budget.
type memoryBudget struct {
	limit   int // bytes
	held    int // sum over all connections
	largest largestHolders
}

// maxUncounted is how many bytes of Recv do not count while a connection yields.
const maxUncounted = 64 << 10

// maxFailuresPerCheck bounds how many connections one check of the budget fails. If more have to
// fail, the next check goes on.
const maxFailuresPerCheck = 256

// AddHeld tells the loop that the layer holds delta more bytes of messages that are not complete,
// or fewer if delta is negative. They count towards WithMemoryBudget. What is in Conn.Recv counts
// already. After the connection has failed, or Close was called, AddHeld does nothing, so a layer
// need not subtract what it holds then. Layers release such memory at EvError. AddHeld panics if a
// connection's layers subtract more than they have added.
func (s Stack) AddHeld(delta int) {
	c := s.c
	c.mgr.checkOwner()
	if c.inputOver() || delta == 0 {
		return
	}
	x := c.extra()
	if x.heldByLayers+delta < 0 {
		panic("reactor: AddHeld subtracts more than was added")
	}
	x.heldByLayers += delta
	c.countHeld()
	if x.heldByLayers == 0 {
		c.dropUnusedExtras()
	}
}

// countHeld updates what the connection counts towards the budget.
func (c *Conn) countHeld() {
	m := c.mgr
	r, n := c.registration(), c.heldBytes()
	if r == nil || n == 0 && r.held == 0 {
		return
	}
	now := roundHeld(n)
	m.budget.held += now.bytes() - r.held.bytes()
	r.held = now
}

// heldBytes returns how many bytes of memory the connection holds now.
func (c *Conn) heldBytes() int {
	n := cap(c.Recv.buf)
	switch {
	case c.isDatagram():
		n = 0
	case c.is(yielded):
		n = max(0, n-maxUncounted)
	}
	if c.ext != nil {
		n += c.ext.heldByLayers
	}
	if c.inputOver() {
		n = 0
	}
	return n
}

// forgetHeld is called before the descriptor is closed.
func (c *Conn) forgetHeld() {
	if r := c.registration(); r != nil {
		c.mgr.budget.held -= r.held.bytes()
		r.held = 0
	}
}

// checkBudget fails the largest holders if the budget is exceeded.
func (m *Manager) checkBudget() {
	if m.budget.held > m.budget.limit && !m.closeCalled {
		m.failLargest()
	}
}

// failLargest fails the connections that hold most, until 7/8 of the budget is left. Before that it
// releases the memory of those whose Recv the program has consumed outside of handlers.
func (m *Manager) failLargest() {
	b := &m.budget
	list := m.findLargest()
	for _, h := range list {
		if h.c.Recv.Len() == 0 {
			m.pool.put(h.c.Recv.buf)
			h.c.Recv.buf, h.c.Recv.off = nil, 0
			h.c.countHeld()
		}
	}
	if b.held <= b.limit {
		clear(list)
		return
	}
	for _, h := range list {
		if b.held <= b.limit/8*7 || m.closeCalled {
			break
		}
		if r := h.c.registration(); r != nil && r.held == h.held { // neither released nor changed by a handler
			h.c.Fail(ErrMemoryBudget)
		}
	}
	clear(list)
}

// findLargest returns the connections that hold most, the first to fail first.
func (m *Manager) findLargest() []holder {
	list := m.budget.largest[:0]
	for _, page := range m.registered.pages {
		if page == nil {
			continue
		}
		for i := range page {
			if page[i].held != 0 {
				list.offer(&page[i])
			}
		}
	}
	slices.SortFunc(list, compareHolders)
	m.budget.largest = list
	return list
}

// holder is a connection that holds memory.
type holder struct {
	c    *Conn
	held heldSize
}

// compareHolders is negative if a fails before b.
func compareHolders(a, b holder) int {
	return cmp.Or(cmp.Compare(b.held, a.held), cmp.Compare(b.c.id, a.c.id))
}

// largestHolders is a heap. The first one is that which fails last.
type largestHolders []holder

// offer adds the connection of r, or replaces the first one if the heap is full and r holds more.
func (l *largestHolders) offer(r *registration) {
	full := len(*l) == maxFailuresPerCheck
	if full && r.held < (*l)[0].held {
		return
	}
	h := holder{r.owner.(*Conn), r.held}
	switch {
	case !full:
		if *l = append(*l, h); len(*l) == maxFailuresPerCheck {
			heap.Init(l)
		}
	case compareHolders(h, (*l)[0]) < 0:
		(*l)[0] = h
		heap.Fix(l, 0)
	}
}

func (l largestHolders) Len() int           { return len(l) }
func (l largestHolders) Less(i, j int) bool { return compareHolders(l[i], l[j]) > 0 }
func (l largestHolders) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push and Pop are not used: the heap has a fixed size.
func (l largestHolders) Push(any) {}
func (l largestHolders) Pop() any { return nil }

// heldSize is a number of bytes in 16 bits: 11 bits that are shifted by the other 5. Larger sizes
// have larger values.
type heldSize uint16

const heldBits = 11

// roundHeld returns the smallest heldSize of n bytes or more. The largest one is 4 TB.
func roundHeld(n int) heldSize {
	shift := max(bits.Len(uint(n))-heldBits, 0)
	top := (n-1)>>shift + 1
	if top == 1<<heldBits {
		top, shift = top>>1, shift+1
	}
	if shift > 31 {
		top, shift = 1<<heldBits-1, 31
	}
	return heldSize(shift<<heldBits | top)
}

func (h heldSize) bytes() int { return int(h&(1<<heldBits-1)) << (h >> heldBits) }
