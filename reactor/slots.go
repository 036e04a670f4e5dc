package reactor

import (
	"errors"
	"math"
	"time"
)

// Which connection loses its handshake slot. A client may take a slot and then send nothing more.
// Such clients must not keep others out. When a connection needs a slot and none is free, this
// table decides:
//
//	the holder waits for              it loses its slot
//	the rest of its ClientHello       at once
//	a later message of its handshake  after slotTimeout without progress
//	a step, or for Resume             not: it waits for the loop
//
// Of several connections the one that has waited for the longest time is first. It fails with
// ErrTLSEvicted. An answer of crypto/tls is progress, and so are bytes that arrive, at slotRate.
// A connection whose bytes are still in its socket waits for a step. A client that sends byte by
// byte could use this to keep its slot. Therefore it counts for maxPieces steps only, until the
// next answer.
//
// The lists of slots hold the connections that had a step and got no further, the one that
// waits for the longest time first.

// ErrTLSEvicted is the cause in EvError if a connection has lost its handshake slot: it made no
// progress while all slots were taken and another connection needed one. See
// TLSHandshakes.Concurrent.
var ErrTLSEvicted = errors.New("reactor: no progress in the TLS handshake, and another connection needed its slot")

const (
	// slotTimeout is how long a handshake may make no progress while others need a slot.
	slotTimeout = time.Second
	// slotRate is how many bytes make up for a second of waiting.
	slotRate = 500
	// slotPause is the shortest time between two searches for slots.
	slotPause = 10 * time.Millisecond
	// slotRetry is the time until the next search if a connection waits for the loop.
	slotRetry = 100 * time.Millisecond
	// maxPieces is in how many steps a message may arrive. The largest ClientHello fits into
	// twelve segments, and usually a read gets all of it.
	maxPieces = 8
	// maxSlotChecks bounds how many connections one search for an incomplete ClientHello looks at.
	maxSlotChecks = 8
)

// handshakeSlot is the slot of a connection in its handshake, or its place in a slotQueue.
type handshakeSlot struct {
	t          *tlsTransport
	list       *slotList // nil from when it has the slot until its first step
	prev, next *handshakeSlot
	since      int64 // the tick since which its client makes no progress
	pieces     int   // steps since the last answer
}

// slotList is a list of slots, the oldest first.
type slotList struct{ first, last *handshakeSlot }

// moveTo makes s the last slot of a list, which may be the one that it is on. nil is no list.
func (s *handshakeSlot) moveTo(l *slotList) {
	if old := s.list; old != nil {
		if s.prev != nil {
			s.prev.next = s.next
		} else {
			old.first = s.next
		}
		if s.next != nil {
			s.next.prev = s.prev
		} else {
			old.last = s.prev
		}
	}
	s.list, s.prev, s.next = l, nil, nil
	if l == nil {
		return
	}
	if s.prev = l.last; s.prev != nil {
		s.prev.next = s
	} else {
		l.first = s
	}
	l.last = s
}

// takeSlot gives the connection a slot.
func (a *admission) takeSlot(t *tlsTransport) {
	t.slot = &handshakeSlot{t: t}
	a.slotsUsed++
}

// noteStep is called after a step of n bytes that did not end the handshake. answered says
// whether crypto/tls has written something.
func (a *admission) noteStep(t *tlsTransport, n int, answered bool) {
	s := t.slot
	if s == nil {
		return
	}
	now := a.m.ticks()
	s.pieces++
	switch {
	case answered:
		s.since, s.pieces = now, 0
		s.moveTo(&a.answered)
	case s.list == nil:
		s.since = now
		s.moveTo(&a.incomplete)
	case s.list == &a.answered:
		s.since = min(now, s.since+int64(n)*int64(time.Second/slotRate))
	}
	if len(a.slotQueues) == 0 {
		return
	}
	if s.list == &a.incomplete {
		a.evictIncomplete()
	}
	a.searchAt(addSaturated(s.since, slotTimeout))
}

// waitsForUs reports whether the next step is the loop's: its input is here already.
func (s *handshakeSlot) waitsForUs() bool {
	return s.pieces < maxPieces && (s.t.c.on&onStepQueue != 0 || socketHasInput(s.t.c))
}

// evictIncomplete frees the slot of the connection that waits longest for the rest of its
// ClientHello. It reports whether it has found one.
func (a *admission) evictIncomplete() bool {
	for range maxSlotChecks {
		s := a.incomplete.first
		if s == nil {
			return false
		}
		if !s.waitsForUs() {
			a.evict(s)
			return true
		}
		s.moveTo(&a.incomplete)
	}
	return false
}

// evict takes the slot from its connection. failEvicted raises EvError later, because no
// handler may run while another connection is being read.
func (a *admission) evict(s *handshakeSlot) {
	t := s.t
	t.evicted = true
	a.evicted = append(a.evicted, t.c)
	a.m.stats.TLSEvicted++
	a.release(t)
}

// failEvicted fails the connections that have lost their slot.
func (a *admission) failEvicted() {
	for i := 0; i < len(a.evicted) && !a.m.closeCalled; i++ {
		c := a.evicted[i]
		c.Fail(opError("tls handshake", c.network(), c.RemoteAddr(), ErrTLSEvicted))
	}
	clear(a.evicted)
	a.evicted = a.evicted[:0]
}

// searchAt makes searchSlots run at a tick, or earlier. It runs only while a connection waits.
func (a *admission) searchAt(when int64) {
	if a.timer == nil {
		a.timer = &Timer{m: a.m, fn: a.searchSlots, pos: -1}
	}
	if a.timer.pos >= 0 && a.timer.when <= when {
		return
	}
	if when == math.MaxInt64 {
		a.timer.disarm()
		return
	}
	a.timer.armAt(max(when, a.m.ticks()))
}

// firstExpiry returns the tick at which the first of the slots may be lost. The list is in the
// order of the answers, and bytes only move a later time.
func (a *admission) firstExpiry() int64 {
	now := a.m.ticks()
	switch {
	case a.answered.first != nil:
		return max(now+int64(slotPause), addSaturated(a.answered.first.since, slotTimeout))
	case a.incomplete.first != nil:
		return now + int64(slotRetry)
	}
	return math.MaxInt64 // noteStep calls searchAt
}

// searchSlots is called by the timer. It takes slots from connections without progress, as many
// as others wait for.
func (a *admission) searchSlots() {
	for len(a.slotQueues) > 0 && a.evictIncomplete() {
	}
	now, again := a.m.ticks(), int64(math.MaxInt64)
	if a.incomplete.first != nil {
		again = now + int64(slotRetry)
	}
	var next *handshakeSlot
	for s := a.answered.first; s != nil && len(a.slotQueues) > 0; s = next {
		next = s.next
		due := addSaturated(s.since, slotTimeout)
		if due <= now && !s.waitsForUs() {
			a.evict(s)
			continue
		}
		if due <= now {
			due = now + int64(slotRetry)
		}
		again = min(again, max(due, now+int64(slotPause)))
	}
	if len(a.slotQueues) > 0 {
		a.searchAt(again)
	}
	a.failEvicted()
}
