package reactor

import (
	"slices"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// How TLS handshakes are bounded. A handshake runs in steps: a step does all that is possible
// without more bytes from the peer. A step of a server takes 0.25 ms or more, far longer than
// anything else in the loop. Many clients that connect at once could block the loop for all
// others. The two bounds of TLSHandshakes prevent this:
//
//	bound       limits              a connection that exceeds it
//	PerTurn     steps in one turn   waits in stepQueue, first come first served
//	Concurrent  handshakes at once  waits in the slotQueue of its listener
//
// A connection takes a slot when its first bytes are in the socket, so silent clients take
// none. It keeps the slot until its handshake ends or it closes, or until another connection
// needs one and it makes no progress (slots.go). Clients made by Connect need no slot, but
// their steps count.
//
// A free slot goes to the newest connection that waits. Otherwise a queue of clients that never
// continue could lock out later clients. Free slots go to the listeners in rotation. A
// listener whose connections wait for a slot does not accept, so its other clients wait in
// the kernel's backlog. A connection that has waited for a slot then waits for a step.
//
// While a connection waits for a step, it is not read. While it waits for a slot, the first
// maxEarlyInput bytes are read and kept. That is more than a client sends before it gets an
// answer, so the loop notices when the client leaves.

// TLSHandshakes bounds what TLS handshakes cost a manager. In each field zero is the default
// and a negative value is no bound.
type TLSHandshakes struct {
	// PerTurn is how many connections may take a step of their handshake in one turn of
	// the loop. The default is 8. A step is all that can be done without more bytes from
	// the peer: at most a signature, a key exchange and the verification of a certificate
	// chain. Measured with Go 1.26, a step takes
	//
	//	0.25 ms  with a key on P-256
	//	1.2 ms   with an RSA key of 2048 bits
	//	+2.6 ms  if the client insists on P-521 for the key exchange and
	//	         CurvePreferences allows it
	//
	// The default holds the loop for 2 to 10 ms, in the worst case for 30 ms.
	PerTurn int
	// Concurrent is how many connections may be in their handshake at once. The default is
	// 1024. Connections made by Connect do not count. A connection takes a slot when its
	// first bytes arrive, so clients that connect and stay silent take none.
	//
	// If a connection needs a slot and none is free, one that has not sent its whole
	// ClientHello loses its slot at once. If there is none, one that has made no progress for
	// a second loses it. The connection that has waited for the longest time is first, and
	// fails with ErrTLSEvicted. If no connection can lose its slot now, the new one waits
	// for one while its TLS deadline runs. A free slot goes to the newest that waits. Meanwhile
	// its listener does not accept, and clients wait in the kernel's backlog. Free slots go to
	// the listeners in rotation. A listener without TLS is not affected.
	Concurrent int
}

// WithTLSHandshakes sets the bounds of TLS handshakes.
func WithTLSHandshakes(h TLSHandshakes) Option { return func(m *Manager) { m.tlsHandshakes = h } }

const (
	defaultHandshakesPerTurn    = 8
	defaultConcurrentHandshakes = 1024
	// maxEarlyInput is how many bytes are read of a connection that waits for a slot.
	maxEarlyInput = 4 << 10
)

// admission decides which connection may continue its TLS handshake. The zero value with m
// set is ready for use.
type admission struct {
	m             *Manager
	slotsUsed     int             // handshakes that count towards TLSHandshakes.Concurrent
	stepQueue     []*tlsTransport // connections that wait for a step; nil for one that no longer waits
	slotQueues    []*slotQueue    // the queues that are not empty; a free slot goes to the first
	incomplete    slotList        // slots of connections that have sent a part of their ClientHello
	answered      slotList        // slots of connections that owe a later message of the handshake
	evicted       []*Conn         // connections that have lost their slot and are to fail
	timer         *Timer          // calls searchSlots while a connection waits for a slot; may be nil
	noListener    slotQueue       // connections that stop no listener while they wait: WrapFD, StartTLS after EvAccept
	stepsTurn     uint32          // the batch that stepsTaken belongs to
	stepsTaken    int             // steps taken in that turn
	grantingSteps bool            // grantSteps is running
}

// slotQueue holds the connections of one listener that wait for a slot, the newest last. All
// clients of a crowd may end at once, so each must leave the queue without a search.
type slotQueue struct {
	listener *Conn // nil in noListener
	waiting  slotList
}

// admit reports whether the connection may take a step of its handshake now. If not, it puts
// the connection into a queue, and grantSteps calls its input later. The transport calls admit
// when the socket is readable, or when a handshake begins without input.
func (a *admission) admit(t *tlsTransport) bool {
	c := t.c
	if c.on&onHandshakeQueue != 0 || t.evicted {
		return false
	}
	if t.slot == nil && c.role != roleClient {
		if len(t.earlyInput) == 0 && !socketHasInput(c) {
			return true // the read finds nothing, or the end of the stream: that is no step
		}
		if !a.hasFreeSlot() {
			a.queueForSlot(t)
			return false
		}
		a.takeSlot(t)
	}
	if a.stepsLeft() <= 0 || len(a.stepQueue) > 0 && !a.grantingSteps {
		a.queueForStep(t)
		return false
	}
	a.stepsTaken++
	return true
}

// hasFreeSlot reports whether a connection may take a slot now. If necessary, and if nobody waits
// for a slot, it frees one.
func (a *admission) hasFreeSlot() bool {
	limit := effectiveLimit(a.m.tlsHandshakes.Concurrent, defaultConcurrentHandshakes)
	return a.slotsUsed < limit || len(a.slotQueues) == 0 && a.evictIncomplete()
}

// stepsLeft returns how many steps may still be taken in this turn.
func (a *admission) stepsLeft() int {
	if a.stepsTurn != a.m.batch {
		a.stepsTurn, a.stepsTaken = a.m.batch, 0
	}
	return effectiveLimit(a.m.tlsHandshakes.PerTurn, defaultHandshakesPerTurn) - a.stepsTaken
}

// socketHasInput reports whether the connection's socket has unread bytes. It returns true if that
// cannot be found out.
func socketHasInput(c *Conn) bool {
	if c.role == roleFile {
		return true
	}
	n, err := poll.Pending(int(c.fd))
	return n > 0 || err != nil
}

// queueForStep puts the connection at the end of the queue for a step.
func (a *admission) queueForStep(t *tlsTransport) {
	t.c.on |= onStepQueue
	t.c.markDirty()
	a.stepQueue = append(a.stepQueue, t)
}

// queueForSlot makes the connection wait for a slot. Its listener stops accepting.
func (a *admission) queueForSlot(t *tlsTransport) {
	t.c.on |= onSlotQueue
	if len(t.earlyInput) >= maxEarlyInput {
		t.c.on |= onSlotFull
	}
	t.c.markDirty()
	q := t.slotQueue
	if q.waiting.last == nil {
		a.slotQueues = append(a.slotQueues, q)
	}
	t.slot = &handshakeSlot{t: t}
	t.slot.moveTo(&q.waiting)
	if q.listener != nil {
		q.listener.ext.accept.quota = 0
		q.listener.markDirty()
	}
	a.evictIncomplete()
	if len(a.slotQueues) > 0 {
		a.searchAt(a.firstExpiry())
	}
}

// hasWork reports whether grantSteps has something to do.
func (a *admission) hasWork() bool { return len(a.stepQueue)+len(a.evicted) > 0 }

// grantSteps fails the connections that have lost their slot. Then it lets queued connections
// take the steps that are left in this turn. A connection that is queued while grantSteps runs
// gets its step in a later turn.
func (a *admission) grantSteps() {
	a.failEvicted()
	i, end := 0, len(a.stepQueue)
	a.grantingSteps = true
	for n := a.stepsLeft(); i < end && n > 0 && !a.m.closeCalled; i++ {
		t := a.stepQueue[i]
		if t == nil {
			continue
		}
		n--
		a.stepQueue[i] = nil
		t.c.on &^= onStepQueue
		t.c.markDirty()
		t.c.input()
	}
	a.grantingSteps = false
	a.stepQueue = slices.Delete(a.stepQueue, 0, i)
}

// release frees the connection's slot and removes the connection from the queues. It may be
// called more than once.
func (a *admission) release(t *tlsTransport) {
	c := t.c
	switch {
	case c.on&onSlotQueue != 0:
		t.slot.moveTo(nil)
		t.slot = nil // it was only wanted
		a.dropEmptyQueue(t.slotQueue)
	case c.on&onStepQueue != 0:
		if i := slices.Index(a.stepQueue, t); i >= 0 {
			a.stepQueue[i] = nil
		}
	}
	c.on &^= onHandshakeQueue
	if t.slot != nil {
		t.slot.moveTo(nil)
		t.slot = nil
		a.slotsUsed--
		a.grantSlot()
	}
}

// grantSlot gives the free slot to the newest connection of the listener whose turn it is, and
// queues the connection for a step.
func (a *admission) grantSlot() {
	if len(a.slotQueues) == 0 {
		return
	}
	q := a.slotQueues[0]
	s := q.waiting.last
	s.moveTo(nil)
	a.slotQueues = append(slices.Delete(a.slotQueues, 0, 1), q)
	a.dropEmptyQueue(q)
	s.t.c.on &^= onSlotQueue | onSlotFull
	a.slotsUsed++
	a.queueForStep(s.t)
}

// dropEmptyQueue removes q from slotQueues if it is empty. Its listener accepts again then.
func (a *admission) dropEmptyQueue(q *slotQueue) {
	if q.waiting.last != nil {
		return
	}
	a.slotQueues = slices.DeleteFunc(a.slotQueues, func(o *slotQueue) bool { return o == q })
	if len(a.slotQueues) == 0 && a.timer != nil {
		a.timer.Stop()
	}
	if q.listener != nil {
		q.listener.markDirty()
	}
}
