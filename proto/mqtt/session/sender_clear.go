package session

import (
	"slices"

	"github.com/rikki-go/rikki/internal/packetid"
)

// maxClearing is the largest number of packet identifiers that are cleared at once.
const maxClearing = 64

// clearing frees packet identifiers on a server that has kept a session which the sender does not
// know: the process that has used it is dead, and no store has its state. The server may hold
// identifiers of QoS 2 messages that were not released. It would take another message with such
// an identifier for a duplicate: acknowledge it, and deliver nothing.
//
// A 5.0 client must close the connection then [MQTT-3.2.2-4]. But what the server has queued for
// the session would be lost with it. So the sender keeps the session. Before it uses an identifier
// for QoS 2 for the first time, it sends PUBREL and waits for PUBCOMP. After PUBCOMP the server
// takes a message with the identifier for a new one [MQTT-4.3.3-12].
//
//	pool --take--> waiting --PUBCOMP--> ready --takeID--> a message of QoS 2
//
// It ends when the server has lost the session.
type clearing struct {
	cleared packetid.Set // PUBCOMP has arrived: the server holds only what this sender has sent
	waiting []uint16     // PUBCOMP has not arrived
	sent    int          // of waiting: this connection has got their PUBREL
	ready   []uint16     // cleared, and taken from the pool
}

// takeCleared takes a packet identifier that the server does not hold. If there is none, it makes
// append clear some, and returns false.
func (s *sender) takeCleared() (id uint16, ok bool) {
	if s.clearing == nil {
		s.clearing = new(clearing)
	}
	c := s.clearing
	if len(c.ready) > 0 {
		id = c.ready[0]
		c.ready = slices.Delete(c.ready, 0, 1)
		return id, true
	}
	want := min(maxClearing, s.window-s.inflight.n-s.released.n, s.queue.lists[1].n)
	for len(c.waiting) < max(want, 1) {
		if id, ok = s.ids.Next(); !ok || c.cleared.Has(id) {
			return id, ok
		}
		c.waiting = append(c.waiting, id)
	}
	return 0, false
}

// uncleared reports whether PUBRELs wait that clear identifiers.
func (s *sender) uncleared() bool {
	return s.clearing != nil && s.clearing.sent < len(s.clearing.waiting)
}

// appendClearing appends the next PUBREL that clears an identifier.
func (s *sender) appendClearing(dst []byte) []byte {
	c := s.clearing
	c.sent++
	return s.appendPubrel(dst, c.waiting[c.sent-1], 0)
}

// clear handles PUBCOMP with any code for an identifier that no message has.
func (s *sender) clear(id uint16) {
	c := s.clearing
	if c == nil {
		return
	}
	if i := slices.Index(c.waiting[:c.sent], id); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.sent--
		c.cleared.Add(id)
		c.ready = append(c.ready, id)
	}
}

// know ends the clearing: the server has begun a session, so it holds only what this sender has
// sent. A store notes it. If the process dies before the commit, the next one clears identifiers
// although it need not.
func (s *sender) know() {
	if c := s.clearing; c != nil {
		for _, id := range append(c.waiting, c.ready...) {
			s.ids.Release(id)
		}
		s.clearing = nil
	}
	if !s.known {
		s.known = true
		if s.j.durable() {
			s.putHandles()
		}
	}
}
