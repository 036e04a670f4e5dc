package reactor

// The heap of timers: a heap with four children per slot.
//
// A slot has the due time of its timer, so a comparison reads no timer unless two times are equal.
// The four children of a slot take 64 bytes, and the heap has half as many levels as a binary one.
// With 100,000 timers, firing one takes a third of the time that container/heap took.
//
// Most timers guard something that goes well: they are reset to later times again and again, and
// never fire. Therefore a reset to a later time leaves the slot where it is, with the earlier time.
// This takes a sixth of the time. When the slot becomes the first one, it is settled: it gets the
// time of its timer and moves down. So the slots of the heap are in order, and each has the time of
// its timer or an earlier one. The first slot, if it is settled, is that of the timer that is due
// next. Each reset causes at most one move, and further resets before that cause none.

// timerSlot is the place of an armed timer in the heap.
type timerSlot struct {
	when int64 // Timer.when, or an earlier tick if the slot is not settled
	t    *Timer
}

// before reports whether a is due before b. Timers that are due at the same time have the order in
// which they were armed.
func (a timerSlot) before(b timerSlot) bool {
	return a.when < b.when || a.when == b.when && a.t.slotSeq < b.t.slotSeq
}

// settled reports whether the slot of the timer has the timer's due time.
func (t *Timer) settled() bool { return t.slotSeq == t.seq }

// timerHeap is the heap of armed timers. Timer.pos is the index of a timer's slot.
type timerHeap []timerSlot

// maxSettled bounds how many slots one call of NextTimeout settles. With 100,000 timers that takes
// about 0.3 ms.
const maxSettled = 1024

// slot returns a settled slot for t.
func (t *Timer) slot() timerSlot {
	t.slotSeq = t.seq
	return timerSlot{t.when, t}
}

// push adds a timer that is not in the heap.
func (h *timerHeap) push(t *Timer) {
	*h = append(*h, timerSlot{})
	h.up(len(*h)-1, t.slot())
}

// moveUp settles the slot of a timer that is due earlier than its slot says.
func (h timerHeap) moveUp(t *Timer) { h.up(int(t.pos), t.slot()) }

// settleFirst settles the first slot until it is settled, at most n times.
func (h timerHeap) settleFirst(n int) {
	for ; n > 0 && !h[0].t.settled(); n-- {
		h.down(0, h[0].t.slot())
	}
}

// remove removes a timer that is in the heap.
func (h *timerHeap) remove(t *Timer) {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = timerSlot{}
	*h = (*h)[:last]
	i := int(t.pos)
	t.pos = -1
	switch {
	case i == last:
	case i > 0 && s.before((*h)[(i-1)/4]):
		h.up(i, s)
	default:
		h.down(i, s)
	}
}

// put writes a slot.
func (h timerHeap) put(i int, s timerSlot) {
	h[i] = s
	s.t.pos = int32(i)
}

// up writes s to slot i, or to the slot above it to which it belongs.
func (h timerHeap) up(i int, s timerSlot) {
	for i > 0 {
		parent := (i - 1) / 4
		if !s.before(h[parent]) {
			break
		}
		h.put(i, h[parent])
		i = parent
	}
	h.put(i, s)
}

// down writes s to slot i, or to the slot below it to which it belongs.
func (h timerHeap) down(i int, s timerSlot) {
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		first := child
		for _, c := range h[child+1 : min(child+4, len(h))] {
			child++
			if c.before(h[first]) {
				first = child
			}
		}
		if !h[first].before(s) {
			break
		}
		h.put(i, h[first])
		i = first
	}
	h.put(i, s)
}
