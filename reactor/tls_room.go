package reactor

// Room for handshakes: Handshakes.HalfOpen says how much there is. Who finds none
// waits, unread, and so does the listener that has just accepted it; who came first
// is first.

// waiter is one that waits.
type waiter struct {
	t        *tlsState
	listener *Conn // that rests meanwhile
}

// enter takes room for the handshake of a server's connection, or lets it wait.
func (t *tlsState) enter() {
	m := t.c.mgr
	s := m.tlsShare()
	if limit := m.handshakes.HalfOpen; limit > 0 && s.halfOpen >= limit {
		t.c.flags |= resting
		t.waits = s.waiting.PushBack(&waiter{t: t})
		return
	}
	t.half = true
	s.halfOpen++
}

// holdBack lets the listener rest until the connection that it accepted need not
// wait any longer.
func (t *tlsState) holdBack(l *Conn) {
	t.waits.Value.(*waiter).listener = l
	l.flags |= resting
	l.ext.burst = 0
	l.mark()
}

// over gives back the room, to the first that waits, or ends the wait for it. It may
// be called more than once.
func (t *tlsState) over() {
	switch {
	case t.waits != nil:
		t.stopWaiting()
	case t.half:
		s := t.c.mgr.tls
		t.half = false
		s.halfOpen--
		if first := s.waiting.Front(); first != nil {
			next := first.Value.(*waiter).t
			next.stopWaiting()
			next.enter()
			next.c.mark()
		}
	}
}

func (t *tlsState) stopWaiting() {
	w := t.c.mgr.tls.waiting.Remove(t.waits).(*waiter)
	t.waits = nil
	t.c.flags &^= resting
	if l := w.listener; l != nil {
		l.flags &^= resting
		l.mark()
	}
}
