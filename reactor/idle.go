package reactor

import "math"

// Idle connections: which accepted connections a full listener may close for a new one
// (capacity.go).
//
//	may be idle                                     because
//	in its opening (opening.go)                     it has not asked for anything yet
//	in a TLS handshake                              likewise
//	in a handshake or header (Stack.SetHandshaking) likewise
//	between requests (Stack.SetAwaitingRequest)     all requests are answered
//	no byte was ever read                           likewise
//	no layers                                       the loop knows no messages
//	lingering                                       all is written; only the peer's end is missing
//
// Some of these are busy at the moment: they are paused, bytes of them wait for the socket, or
// input waits in Recv (fairness.go) or in the socket. They are kept. An open WebSocket or MQTT
// session has layers and matches no row, so it is never idle.
//
// Each listener has a list of its connections that may be idle, in the order in which they were
// last used. A connection is added when it is accepted, and when a row above begins to match.
// Whenever the poller has reported it and its input is delivered, it moves to the end, or leaves
// the list if no row matches any more. If that changes at another time, it stays until the next
// input, or until the search for a victim meets it. A write moves it to the end too, because some
// connections only receive. The first write after a read does not: usually it is the answer, and
// follows at once. So the search takes the first of the list, and passes only busy connections and
// those that have changed. No call walks over all connections.
//
// The links of the list are in the table of registrations. They are descriptors plus 1, so that 0
// is none.

// acceptedSet is what the manager knows about the connections that one listener has accepted. It
// exists until the listener and all of them are closed.
type acceptedSet struct {
	index     uint16 // in Manager.acceptedSets, see Conn.acceptedBy
	listeners int    // 1, and 0 after the listener has closed
	open      int    // connections whose descriptors are open
	idle      int    // how many are on the list
	first     int32  // the one that is idle longest
	last      int32

	// The log uses these, see logFull.
	evicted, refused uint64 // since the last record
	logged           bool
	nextLog          int64 // tick before which nothing is logged
}

// These constants bound how many connections one search for a victim passes. Those that are not
// idle any more leave the list, so they are passed once.
const (
	maxBusyPassed  = 64
	maxStalePassed = 1024
)

// newAcceptedSet gives a listener its set. A set has a number of 16 bits, because each connection
// stores it. In the unlikely case that all are in use, listeners share the last set, and are full
// together.
func (m *Manager) newAcceptedSet(a *acceptor) {
	if len(m.acceptedSets) == 0 {
		m.acceptedSets = append(m.acceptedSets, nil) // 0 means none
	}
	i := 1
	for i < len(m.acceptedSets) && m.acceptedSets[i] != nil {
		i++
	}
	if i == len(m.acceptedSets) && i <= math.MaxUint16 {
		m.acceptedSets = append(m.acceptedSets, nil)
	}
	i = min(i, math.MaxUint16)
	if m.acceptedSets[i] == nil {
		m.acceptedSets[i] = &acceptedSet{index: uint16(i)}
	}
	a.accepted = m.acceptedSets[i]
	a.accepted.listeners++
}

// dropUnusedSet forgets a set whose listener and connections are closed.
func (m *Manager) dropUnusedSet(s *acceptedSet) {
	if s.listeners == 0 && s.open == 0 {
		m.acceptedSets[s.index] = nil
	}
}

// joinSet makes c, which listener l has just accepted, one of its connections.
func (c *Conn) joinSet(l *Conn) {
	s := l.ext.accept.accepted
	s.open++
	c.acceptedBy = s.index
	c.mgr.register(int(c.fd), c, 0) // no error is possible: the poller is not called
	c.listIdle()
}

// leaveSet is called before the descriptor of a connection or listener is closed.
func (c *Conn) leaveSet() {
	m := c.mgr
	if c.acceptedBy != 0 {
		c.unlistIdle()
		s := m.acceptedSets[c.acceptedBy]
		s.open--
		c.acceptedBy = 0
		m.dropUnusedSet(s)
	}
	if c.isStreamListener() && c.ext.accept.accepted != nil {
		c.ext.accept.accepted.listeners--
		m.dropUnusedSet(c.ext.accept.accepted)
	}
}

// registration returns what the manager knows about the connection's descriptor. It is nil if the
// descriptor was never registered.
func (c *Conn) registration() *registration { return c.mgr.registered.find(int(c.fd)) }

// idleLink returns the registration that a link of a list refers to.
func (m *Manager) idleLink(link int32) *registration { return m.registered.find(int(link - 1)) }

// isListed reports whether the connection is on the list of its listener.
func (c *Conn) isListed() bool {
	return c.acceptedBy != 0 && (c.registration().idlePrev != 0 || c.mgr.acceptedSets[c.acceptedBy].first == c.fd+1)
}

// listIdle puts an accepted connection at the end of the list. It may be on the list already.
func (c *Conn) listIdle() {
	if c.acceptedBy == 0 {
		return
	}
	m, me := c.mgr, c.fd+1
	s := m.acceptedSets[c.acceptedBy]
	if s.last == me {
		return
	}
	c.unlistIdle()
	if s.last == 0 {
		s.first = me
	} else {
		m.idleLink(s.last).idleNext = me
	}
	m.idleLink(me).idlePrev = s.last
	s.last = me
	s.idle++
}

// unlistIdle removes the connection from the list, if it is on it.
func (c *Conn) unlistIdle() {
	if !c.isListed() {
		return
	}
	m := c.mgr
	s, r := m.acceptedSets[c.acceptedBy], c.registration()
	if r.idlePrev == 0 {
		s.first = r.idleNext
	} else {
		m.idleLink(r.idlePrev).idleNext = r.idleNext
	}
	if r.idleNext == 0 {
		s.last = r.idlePrev
	} else {
		m.idleLink(r.idleNext).idlePrev = r.idlePrev
	}
	r.idlePrev, r.idleNext = 0, 0
	s.idle--
}

// noteHeard is called when the input of a connection was delivered.
func (c *Conn) noteHeard() {
	switch {
	case !c.isListed():
	case c.mayBeIdle():
		c.listIdle()
	default:
		c.unlistIdle()
	}
}

// written is called when the socket of an accepted connection took bytes.
func (c *Conn) written() {
	switch {
	case c.is(answerDue):
		c.flags &^= answerDue
	case c.isListed():
		c.listIdle()
	}
}

// mayBeIdle reports whether a row of the table above matches.
func (c *Conn) mayBeIdle() bool {
	return c.is(handshaking|awaitingRequest) || !c.is(hasRead) || c.layers.len() == 0 || c.life == lingering || c.handshakePending()
}

// busyNow reports whether a connection that may be idle is busy at the moment. What is unsent does
// not count in a TLS handshake, and neither does input that waits because the connection is in the
// handshake queue.
func (c *Conn) busyNow() bool {
	switch {
	case c.life == lingering:
		return false
	case c.is(paused | yielded), c.on&onRedeliver != 0 && c.Recv.Len() > 0:
		return true
	case c.on&onHandshakeQueue != 0:
		return false
	}
	return !c.handshakePending() && c.hasUnsent() || socketHasInput(c)
}

// longestIdle returns the connection of a set that is idle longest, or nil. It passes a bounded
// number of others: it removes those that cannot be idle any more from the list, and moves busy
// ones to its end.
func (m *Manager) longestIdle(s *acceptedSet) *Conn {
	busy, stale := 0, 0
	for left := s.idle; left > 0 && busy < maxBusyPassed && stale < maxStalePassed; left-- {
		m.idleChecks++
		c := m.idleLink(s.first).owner.(*Conn)
		switch {
		case !c.mayBeIdle():
			c.unlistIdle()
			stale++
		case c.busyNow():
			c.listIdle()
			busy++
		default:
			return c
		}
	}
	return nil
}

// longestIdleOfAll returns the connection that is idle longest of the listener that has the most
// on its list. If these are all busy, it returns one of another listener. It returns nil if there
// is none.
func (m *Manager) longestIdleOfAll() *Conn {
	var most *acceptedSet
	for _, s := range m.acceptedSets {
		if s != nil && (most == nil || s.idle > most.idle) {
			most = s
		}
	}
	if most == nil {
		return nil
	}
	if c := m.longestIdle(most); c != nil {
		return c
	}
	for _, s := range m.acceptedSets {
		if s != nil && s != most {
			if c := m.longestIdle(s); c != nil {
				return c
			}
		}
	}
	return nil
}
