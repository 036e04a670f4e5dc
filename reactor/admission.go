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
// none. It keeps the slot until its handshake ends or it closes. Clients made by Connect need no
// slot, but their steps count. The poller does not report the input of a connection that waits.
//
// A free slot goes to the newest connection that waits. Otherwise a queue of clients that never
// continue could lock out later clients. Free slots go to the listeners in rotation. A
// listener whose connections wait for a slot does not accept, so its other clients wait in
// the kernel's backlog. A connection that has waited for a slot then waits for a step.

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
	// first bytes arrive, so clients that connect and stay silent take none. If no slot is
	// free, the connection waits and is not read, while its TLS deadline runs. A free slot
	// goes to the newest connection that waits. Meanwhile its listener does not accept, and
	// clients wait in the kernel's backlog. Free slots go to the listeners in rotation.
	// A listener without TLS is not affected.
	Concurrent int
}

// WithTLSHandshakes sets the bounds of TLS handshakes.
func WithTLSHandshakes(h TLSHandshakes) Option { return func(m *Manager) { m.tlsHandshakes = h } }

const (
	defaultHandshakesPerTurn    = 8
	defaultConcurrentHandshakes = 1024
)

// admission decides which connection may continue its TLS handshake. The zero value with m
// set is ready for use.
type admission struct {
	m             *Manager
	slotsUsed     int             // handshakes that count towards TLSHandshakes.Concurrent
	stepQueue     []*tlsTransport // connections that wait for a step; nil for one that no longer waits
	slotQueues    []*slotQueue    // the queues that are not empty; a free slot goes to the first
	noListener    slotQueue       // connections that stop no listener while they wait: WrapFD, StartTLS after EvAccept
	stepsTurn     uint32          // the batch that stepsTaken belongs to
	stepsTaken    int             // steps taken in that turn
	grantingSteps bool            // grantSteps is running
}

// slotQueue holds the connections of one listener that wait for a slot, the newest last.
type slotQueue struct {
	listener *Conn // nil in noListener
	waiting  []*tlsTransport
}

// admit reports whether the connection may take a step of its handshake now. If not, it puts
// the connection into a queue, and grantSteps calls its input later. The transport calls admit
// when the socket is readable, or when a handshake begins without input.
func (a *admission) admit(t *tlsTransport) bool {
	c := t.c
	if c.on&onHandshakeQueue != 0 {
		return false
	}
	if !t.hasSlot && c.role != roleClient {
		if len(t.earlyInput) == 0 && !socketHasInput(c) {
			return true // the read finds nothing, or the end of the stream: that is no step
		}
		if limit := effectiveLimit(a.m.tlsHandshakes.Concurrent, defaultConcurrentHandshakes); a.slotsUsed >= limit {
			a.queueForSlot(t)
			return false
		}
		t.hasSlot = true
		a.slotsUsed++
	}
	if a.stepsLeft() <= 0 || len(a.stepQueue) > 0 && !a.grantingSteps {
		a.queueForStep(t)
		return false
	}
	a.stepsTaken++
	return true
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
	t.c.markDirty()
	q := t.slotQueue
	if len(q.waiting) == 0 {
		a.slotQueues = append(a.slotQueues, q)
	}
	q.waiting = append(q.waiting, t)
	if q.listener != nil {
		q.listener.ext.accept.quota = 0
		q.listener.markDirty()
	}
}

// grantSteps lets queued connections take the steps that are left in this turn. A connection
// that is queued while grantSteps runs gets its step in a later turn.
func (a *admission) grantSteps() {
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
		q := t.slotQueue
		q.waiting = slices.DeleteFunc(q.waiting, func(o *tlsTransport) bool { return o == t })
		a.dropEmptyQueue(q)
	case c.on&onStepQueue != 0:
		if i := slices.Index(a.stepQueue, t); i >= 0 {
			a.stepQueue[i] = nil
		}
	}
	c.on &^= onHandshakeQueue
	if t.hasSlot {
		t.hasSlot = false
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
	last := len(q.waiting) - 1
	t := q.waiting[last]
	q.waiting[last] = nil
	q.waiting = q.waiting[:last]
	a.slotQueues = append(slices.Delete(a.slotQueues, 0, 1), q)
	a.dropEmptyQueue(q)
	t.c.on &^= onSlotQueue
	t.hasSlot = true
	a.slotsUsed++
	a.queueForStep(t)
}

// dropEmptyQueue removes q from slotQueues if it is empty. Its listener accepts again then.
func (a *admission) dropEmptyQueue(q *slotQueue) {
	if len(q.waiting) > 0 {
		return
	}
	a.slotQueues = slices.DeleteFunc(a.slotQueues, func(o *slotQueue) bool { return o == q })
	if q.listener != nil {
		q.listener.markDirty()
	}
}
