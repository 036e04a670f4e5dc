package reactor

import "time"

// Fairness: how much work one turn of the loop does before it looks at the others.
//
// A read may bring ten thousand small messages, and a small message may inflate to megabytes.
// Therefore each phase of Poll has a budget of time, maxPhaseTime. The loop counts units of
// work: an event that input causes, a posted function, a timer, a connection of a list. After
// some units it looks at the clock. One read with one message never does, so it costs nothing.
//
//	when the budget is used up         the rest
//	layers have more in Recv           the connection yields: see below
//	other sockets are readable         they are read in the phase for pending input
//	a datagram socket has more         stays in the socket; the poller reports it again
//	a listener's backlog has more      stays in the backlog; the poller reports it again
//	posted work, timers                in order, in the next turn
//	lists of connections               in order, in the next turn
//
// What is written is bounded by numbers of bytes (maxWrite, maxWrites). The rest is written in the
// next turn, which does not block.
//
// A connection yields between two of its messages. It has these states:
//
//	delivering   its events are raised; InputStopped is false
//	    |  the budget is used up, or it had maxEventsPerDelivery events
//	    v
//	yielded      InputStopped is true, so its layers stop; the rest stays in Recv; the poller
//	    |        does not report its input; it is on the list Manager.redeliver
//	    v  the redeliver phase gets to it
//	delivering   as after Resume: the layers are called again, the topmost first
//
// So a yielded connection is like a paused one that the loop itself resumes. Pause, Fail, Close
// and backpressure are independent of it. A few rules follow from that:
//
//   - The list is first in, first out. A connection that the poller reports comes before it. So
//     a peer that asks for little is served before the backlogs of others.
//   - When the budget of a phase is used up, each further connection still gets
//     minEventsPerDelivery events. That is enough for one message on all layers.
//   - The end of the peer's stream, and the error of a failed write, wait until the rest of Recv
//     is delivered. A draining connection ends its side after that.
//   - The time for which a connection has yielded counts in no deadline that waits for the peer.
//     A catch-up (catchup.go) goes on meanwhile, so nothing is enforced.
//   - While work is left, Poll does not block and NextTimeout returns 0.

const (
	// maxPhaseTime is the budget of one phase. It is exceeded by what runs between two looks.
	maxPhaseTime = 500 * time.Microsecond
	// maxEventsPerDelivery bounds the events of one delivery, even if the clock stands still.
	maxEventsPerDelivery = 1024
	// minEventsPerDelivery is how many events each delivery gets, whatever time it is. A PUBLISH
	// over WebSocket raises three, before the EvRead that brought it.
	minEventsPerDelivery = 4
	// minAccepts is the same for a listener, so that new clients do not wait long.
	minAccepts = 16
	// maxWaiting is how many connections may wait for their turn before listeners accept only one
	// client in each turn. Others wait in the backlog, so that those that are accepted are served.
	maxWaiting = 32
	// maxUnitsPerLook is the largest number of units between two looks at the clock.
	maxUnitsPerLook = 64
	// maxWrite is the most that one connection writes in a settle phase, in bytes. A socket may
	// take megabytes at once, and the kernel copies them. A message of 1 MiB is written at once,
	// while it is in the processor's cache: an echo takes 0.75 of the CPU time that it takes with
	// 256 KiB at a time and 2 MiB in all.
	maxWrite = 1 << 20
	// maxWrites is what all connections together write in a turn. After that, each one still
	// writes up to minWrite bytes in a settle phase.
	maxWrites = 4 << 20
	minWrite  = 16 << 10
)

// turnBudget is the budget of the phase that is running. The zero value is the start of a
// phase.
type turnBudget struct {
	conn      *Conn // whose input is being delivered, or nil
	units     int   // units of work since the phase began
	nextLook  int   // the number of units at which the loop looks at the clock
	step      int   // units from the last look to the next
	first     int   // the number of units when the delivery of conn began
	least     int   // events that conn gets in any case
	began     int64 // the tick of the first look
	last      int64 // the tick of the last look
	looked    bool  // there was a look in this phase
	over      bool  // the budget is used up
	ended     bool  // conn may not be delivered more in this phase
	unlimited bool  // Manager.Drain delivers what is left, and has no others to look at
}

// beginPhase gives the next phase a new budget. If the last phase has used up its own, the loop
// looks at the clock now, so that all of this phase counts. If units of the last phase were
// expensive, the second look follows after the first unit.
func (m *Manager) beginPhase() {
	hurry, step := m.turn.over, min(m.turn.step, minEventsPerDelivery)
	m.turn = turnBudget{nextLook: minEventsPerDelivery, step: minEventsPerDelivery, unlimited: m.turn.unlimited}
	if hurry {
		b, now := &m.turn, m.ticks()
		b.began, b.last, b.looked, b.nextLook, b.step = now, now, true, step, step
	}
}

// crowded reports whether many connections wait for their turn.
func (m *Manager) crowded() bool {
	return len(m.inputs.list)+len(m.redeliver.list) > maxWaiting
}

// writeSize returns how many bytes of a connection may be written now.
func (m *Manager) writeSize() int {
	return max(minWrite, min(maxWrite, m.writeLeft))
}

// beginDelivery is called before input of c is delivered.
func (m *Manager) beginDelivery(c *Conn) {
	b := &m.turn
	b.conn, b.first, b.least, b.ended = c, b.units, minEventsPerDelivery, false
	if c.isStreamListener() {
		b.least = minAccepts
	}
	if b.over {
		b.nextLook = b.first + b.least
	}
}

// endDelivery is called when the delivery that beginDelivery began is over.
func (m *Manager) endDelivery() { m.turn.conn = nil }

// worked counts one unit of work that is no event.
func (m *Manager) worked() {
	b := &m.turn
	if b.units++; b.units >= b.nextLook {
		m.look(false)
	}
}

// look looks at the clock, and makes the connection yield if its time is used up. whole says
// that all of its input was delivered: it has nothing to yield for.
func (m *Manager) look(whole bool) {
	b := &m.turn
	if !b.over {
		now := m.ticks()
		switch {
		case !b.looked:
			b.began, b.looked = now, true
		case now-b.last >= int64(maxPhaseTime)/8: // expensive work: look more often
			b.step = max(1, b.step/8)
		default:
			b.step = min(2*b.step, maxUnitsPerLook)
		}
		b.over = now-b.began >= int64(maxPhaseTime) && !b.unlimited
		b.last = now
	}
	b.nextLook = b.units + b.step
	if b.conn == nil || b.unlimited {
		return
	}
	switch end := b.first + maxEventsPerDelivery; {
	case whole:
		b.nextLook = b.units + 1
	case b.units >= end, b.over && b.units >= b.first+b.least:
		b.endTurnOf(b.conn)
	case b.over:
		b.nextLook = b.first + b.least
	default:
		b.nextLook = min(b.nextLook, end)
	}
}

// endTurnOf ends the delivery of c in this phase. A stream yields. What a datagram socket or a
// listener has left stays in the kernel.
func (b *turnBudget) endTurnOf(c *Conn) {
	b.ended = true
	if c.isDatagram() || c.isStreamListener() || c.InputStopped() {
		return
	}
	c.mgr.stats.Yields++
	if w := c.watchdog(); w != nil {
		w.pauseCountdowns()
	}
	c.flags |= yielded
	c.countHeld()
	c.markDirty()
	c.redispatch()
}

// takeTurn is called when the redeliver phase gets to the connection.
func (c *Conn) takeTurn() {
	hadYielded := c.is(yielded)
	c.redeliver()
	if hadYielded && !c.is(yielded) {
		c.endCatchUp()
	}
}

// endYield is called before what is left in Recv is delivered.
func (c *Conn) endYield() {
	if !c.is(yielded) {
		return
	}
	c.flags &^= yielded
	c.countHeld()
	c.markDirty()
	if w := c.watchdog(); w != nil && !c.is(paused) {
		w.resumeCountdowns()
		w.rearm()
	}
}

// waitsForTurn reports whether bytes wait in Recv because the connection has yielded.
func (c *Conn) waitsForTurn() bool { return c.is(yielded) && c.life < lingering && !c.is(failed) }

// endCatchUp ends a catch-up for a deadline if everything that it waited for is delivered and
// the peer has sent even more. Such a connection may have yielded again whenever the catch-up
// phase gets to it. While input is held it is not read, so the catch-up phase ends the catch-up.
func (c *Conn) endCatchUp() {
	w := c.watchdog()
	if w != nil && w.catchingUp && w.unread <= 0 && c.life < closing && !c.is(inputHeld) && !c.writeHasFailed() && socketHasInput(c) {
		w.writeIfStalled()
		w.enforce()
	}
}

// Worked tells the loop that the layer has done work that takes a while without raising an
// event, such as inflating 64 KiB. If the connection has used up its share of this turn,
// Conn.InputStopped returns true after the call, and the layer gets EvRead in a later turn.
func (s Stack) Worked() {
	m := s.c.mgr
	m.checkOwner()
	b := &m.turn
	b.units++
	if b.conn == s.c { // an expensive unit counts in full
		b.least = 0
	}
	m.look(false)
}

// Yielded reports whether input is stopped only because the connection has used up its share of
// a turn. The loop itself delivers the rest, so an answer of the peer is still read.
func (s Stack) Yielded() bool {
	return s.c.waitsForTurn() && !s.c.is(paused|inputHeld)
}

// eachWithin is each with a budget. What is left when the budget is used up stays on the list,
// in front of what was added meanwhile.
func (t *turnList) eachWithin(m *Manager, fn func(*Conn)) {
	if len(t.list) == 0 {
		return
	}
	m.beginPhase()
	list := t.list
	t.list = t.spare[:0]
	for i, c := range list {
		if m.turn.over && !m.closeCalled {
			left := list[:copy(list, list[i:])]
			clear(list[len(left):])
			added := t.list
			t.list, t.spare = append(left, added...), added[:0]
			clear(added)
			return
		}
		list[i] = nil
		if !m.closeCalled {
			fn(c)
			m.worked()
		}
	}
	t.spare = list[:0]
}
