package reactor

// Room for handshakes: Handshakes.HalfOpen says how much there is. Who finds none
// waits in line, unread, and so does the listener that has just accepted it.

// enter takes room for the handshake of a server's connection, or a place in
// the line for it.
func (t *tlsState) enter() {
	m := t.c.mgr
	s := m.tlsShare()
	if limit := m.handshakes.HalfOpen; limit > 0 && s.halfOpen >= limit {
		t.c.flags |= resting
		t.turn = s.line.PushBack(t)
		return
	}
	t.half = true
	s.halfOpen++
}

// over gives back the room, to the first in the line, or the place there. It may
// be called more than once.
func (t *tlsState) over() {
	m := t.c.mgr
	switch {
	case t.turn != nil:
		t.leaveLine()
	case t.half:
		t.half = false
		m.tls.halfOpen--
		if first := m.tls.line.Front(); first != nil {
			next := first.Value.(*tlsState)
			next.leaveLine()
			next.enter()
			next.c.mark()
		}
	default:
		return
	}
	m.feed()
}

func (t *tlsState) leaveLine() {
	t.c.mgr.tls.line.Remove(t.turn)
	t.turn = nil
	t.c.flags &^= resting
}

// crowded reports whether the connection that the listener accepted last waits
// for room still.
func (c *Conn) crowded() bool {
	x := c.ext
	if x.guest != nil && !x.guest.is(resting) {
		x.guest = nil
	}
	return x.guest != nil
}
