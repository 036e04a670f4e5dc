package reactor

// Room for handshakes: Handshakes.HalfOpen says how much there is. Who finds none
// waits in line, unread, and so does the listener that has just accepted it.

// waiter is a place in the line.
type waiter struct {
	t        *tlsState
	listener *Conn // that rests meanwhile
}

// enter takes room for the handshake of a server's connection, or a place in
// the line for it.
func (t *tlsState) enter() {
	m := t.c.mgr
	s := m.tlsShare()
	if limit := m.handshakes.HalfOpen; limit > 0 && s.halfOpen >= limit {
		t.c.flags |= resting
		t.turn = s.line.PushBack(&waiter{t: t})
		return
	}
	t.half = true
	s.halfOpen++
}

// holdBack lets the listener rest until the connection that it accepted leaves
// the line.
func (t *tlsState) holdBack(l *Conn) {
	t.turn.Value.(*waiter).listener = l
	l.flags |= resting
	l.ext.burst = 0
	l.mark()
}

// over gives back the room, to the first in the line, or the place there. It may
// be called more than once.
func (t *tlsState) over() {
	switch {
	case t.turn != nil:
		t.leaveLine()
	case t.half:
		s := t.c.mgr.tls
		t.half = false
		s.halfOpen--
		if first := s.line.Front(); first != nil {
			next := first.Value.(*waiter).t
			next.leaveLine()
			next.enter()
			next.c.mark()
		}
	}
}

func (t *tlsState) leaveLine() {
	w := t.c.mgr.tls.line.Remove(t.turn).(*waiter)
	t.turn = nil
	t.c.flags &^= resting
	if l := w.listener; l != nil {
		l.flags &^= resting
		l.mark()
	}
}
