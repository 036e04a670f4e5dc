package reactor

import (
	"slices"

	"github.com/rikki-go/rikki/reactor/internal/poll"
)

// Handshakes bound what TLS handshakes cost a manager. In each field zero is the default
// and a negative value is no bound.
type Handshakes struct {
	// PerTurn is how many connections may take a step of their handshake in one turn of
	// the loop. A step is all that can be done without more from the peer, at most a
	// signature, a key exchange and a chain to verify. Measured with Go 1.26: 0.25 ms with
	// a key on P-256, 1.2 ms with RSA of 2048 bits, and 2.6 ms more for clients that insist
	// on P-521 for the exchange of keys, if CurvePreferences allows it. So 8 of them, the
	// default, hold the loop for 2 to 10 ms, in the worst case for 30.
	PerTurn int
	// HalfOpen is how many connections may be in their handshake at once, those of Connect
	// not counted. The default is 1024. A connection takes a slot when its first bytes are
	// there, so clients that connect and stay silent take none. One that finds no slot waits,
	// unread, while its deadline for TLS runs; when a slot is free the newest of those that
	// wait gets it. Meanwhile its listener does not accept, and clients wait in the kernel's
	// backlog. Listeners take turns with free slots, and one without TLS is not affected.
	HalfOpen int
}

// WithHandshakes sets the bounds of TLS handshakes.
func WithHandshakes(h Handshakes) Option { return func(m *Manager) { m.handshakes = h } }

const (
	defaultPerTurn  = 8
	defaultHalfOpen = 1024
)

// admission is the queue of the connections whose TLS handshake could go on but must
// wait: for a slot among Handshakes.HalfOpen (group), and then for a step among
// Handshakes.PerTurn (steps). Those that wait are not in the poller's set.
type admission struct {
	m      *Manager
	used   int             // slots
	steps  []*tlsTransport // first come, first served; nil for one that waits no more
	groups []*group        // those that are not empty, in the order of their turns
	others group           // of connections that no listener waits for
	turn   uint32          // the batch that taken belongs to
	taken  int             // steps
	grants bool            // run is giving steps
}

// group are the connections of one listener that wait for a slot.
type group struct {
	listener *Conn // nil for others
	waiting  []*tlsTransport
}

// admit reports whether the connection may take a step of its handshake now. If not, it
// waits, and admission lets it go on. It is asked when the socket is readable, or when a
// handshake is to begin without input.
func (a *admission) admit(t *tlsTransport) bool {
	c := t.c
	if c.on&onQueue != 0 {
		return false
	}
	if !t.slot && c.role != roleClient {
		if len(t.early) == 0 && !hasInput(c) {
			return true // finds nothing, or the end of the stream
		}
		if limit := limit(a.m.handshakes.HalfOpen, defaultHalfOpen); a.used >= limit {
			a.wait(t)
			return false
		}
		t.slot = true
		a.used++
	}
	if a.left() <= 0 || len(a.steps) > 0 && !a.grants {
		a.queue(t)
		return false
	}
	a.taken++
	return true
}

// left is how many steps may still be taken in this turn.
func (a *admission) left() int {
	if a.turn != a.m.batch {
		a.turn, a.taken = a.m.batch, 0
	}
	return limit(a.m.handshakes.PerTurn, defaultPerTurn) - a.taken
}

// hasInput reports whether bytes lie in the socket. A silent client takes no slot.
func hasInput(c *Conn) bool {
	if c.role == roleFile {
		return true
	}
	n, err := poll.Pending(int(c.fd))
	return n > 0 || err != nil
}

// queue puts a connection behind those that wait for a step.
func (a *admission) queue(t *tlsTransport) {
	t.c.on |= onSteps
	t.c.mark()
	a.steps = append(a.steps, t)
}

// wait lets a connection wait for a slot, and its listener with it.
func (a *admission) wait(t *tlsTransport) {
	t.c.on |= onSlots
	t.c.mark()
	g := t.group
	if len(g.waiting) == 0 {
		a.groups = append(a.groups, g)
	}
	g.waiting = append(g.waiting, t)
	if g.listener != nil {
		g.listener.ext.accept.burst = 0
		g.listener.mark()
	}
}

// run gives out the steps that are left in this turn. A connection that begins to wait
// meanwhile stands behind those that waited before, and its turn is a later one.
func (a *admission) run() {
	i, end := 0, len(a.steps)
	a.grants = true
	for n := a.left(); i < end && n > 0 && !a.m.ending; i++ {
		t := a.steps[i]
		if t == nil {
			continue
		}
		n--
		a.steps[i] = nil
		t.c.on &^= onSteps
		t.c.mark()
		t.c.input()
	}
	a.grants = false
	a.steps = slices.Delete(a.steps, 0, i)
}

// release gives back what a connection has of the admission, or ends its wait. It may be
// called more than once.
func (a *admission) release(t *tlsTransport) {
	c := t.c
	switch {
	case c.on&onSlots != 0:
		g := t.group
		g.waiting = slices.DeleteFunc(g.waiting, func(o *tlsTransport) bool { return o == t })
		a.emptied(g)
	case c.on&onSteps != 0:
		if i := slices.Index(a.steps, t); i >= 0 {
			a.steps[i] = nil
		}
	}
	c.on &^= onQueue
	if t.slot {
		t.slot = false
		a.used--
		a.grant()
	}
}

// grant gives a free slot to the newest connection of the listener whose turn it is.
func (a *admission) grant() {
	if len(a.groups) == 0 {
		return
	}
	g := a.groups[0]
	last := len(g.waiting) - 1
	t := g.waiting[last]
	g.waiting[last] = nil
	g.waiting = g.waiting[:last]
	a.groups = append(slices.Delete(a.groups, 0, 1), g)
	a.emptied(g)
	t.c.on &^= onSlots
	t.slot = true
	a.used++
	a.queue(t)
}

// emptied lets the listener accept again if none of its connections waits any more.
func (a *admission) emptied(g *group) {
	if len(g.waiting) > 0 {
		return
	}
	a.groups = slices.DeleteFunc(a.groups, func(o *group) bool { return o == g })
	if g.listener != nil {
		g.listener.mark()
	}
}
