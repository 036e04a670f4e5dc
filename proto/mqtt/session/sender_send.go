package session

import (
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// windowOpen reports whether one more message may be in flight.
func (s *sender) windowOpen() bool { return s.inflight.n+s.released.n < s.window }

// takeID gives a record a packet identifier. It returns false if all are in use, or if some must be
// cleared first.
func (s *sender) takeID(r *record) bool {
	take := s.ids.Next
	if r.qos == 2 && !s.known {
		take = s.takeCleared
	}
	id, ok := take()
	if ok {
		r.setID(id)
	}
	return ok
}

// launch adds a record with an identifier to those in flight. It is sent with the next append.
func (s *sender) launch(r *record) {
	r.state = stateInflight
	s.inflight.push(r)
	s.byID.add(r)
	if s.unsent == nil {
		s.unsent = r
	}
}

// detach removes a record from inflight or released. It keeps its identifier until finish.
func (s *sender) detach(r *record) {
	if r == s.unsent {
		s.unsent = r.next
	}
	if r == s.unrel {
		s.unrel = r.next
	}
	if r.counted {
		r.counted = false
		s.onWire--
	}
	if r.state == stateReleased {
		s.released.remove(r)
	} else {
		s.inflight.remove(r)
	}
}

// count counts a record for Receive Maximum on this connection.
func (s *sender) count(r *record) {
	if !r.counted {
		r.counted = true
		s.onWire++
	}
}

// append appends the packets that may be sent now, until about room bytes are added: it begins no
// packet beyond room. The order is: PUBREL in the order of the PUBRECs, messages that are sent
// again in their original order, and then new messages in the order of Publish.
//
// The entries of the store have changed. So the caller commits the journal before it gives the
// packets to the connection. After an error of the store append adds nothing.
func (s *sender) append(now time.Time, dst []byte, room int) []byte {
	if !s.connected || s.j.err != nil {
		return dst
	}
	s.tick(now)
	start, end := dst, len(dst)+room
	n := 0
	for ; n < len(s.replies) && len(dst) < end; n++ {
		dst = s.appendPubrel(dst, s.replies[n].id, s.replies[n].code)
	}
	s.replies = s.replies[:copy(s.replies, s.replies[n:])]
	if len(s.replies) == 0 && cap(s.replies) > 256 {
		s.replies = nil
	}
	for s.unrel != nil && len(dst) < end {
		dst = s.appendPubrel(dst, s.unrel.id, 0)
		s.unrel.wire = true
		s.unrel = s.unrel.next
	}
	for len(dst) < end {
		switch {
		case s.unsent != nil && s.onWire < s.window:
			dst = s.appendInflight(now, dst, s.unsent)
		case s.unsent != nil:
			return dst
		case s.uncleared():
			dst = s.appendClearing(dst)
		default:
			var more bool
			if dst, more = s.appendQueued(now, dst); !more {
				return dst
			}
		}
		if s.j.err != nil {
			return start
		}
	}
	return dst
}

// appendInflight appends the first message in flight that this connection has not got.
func (s *sender) appendInflight(now time.Time, dst []byte, r *record) []byte {
	if code, err := s.limits.check(r.qos, r.retain, len(r.packet)); err != nil {
		s.reject(r, code, err)
		return dst
	}
	dst = s.appendPublish(now, dst, r)
	s.count(r)
	r.wire, r.dup = true, true
	s.unsent = r.next
	return dst
}

// appendQueued appends the oldest waiting message, or makes it the next one in flight. more is
// false if there is none, or if it must wait.
func (s *sender) appendQueued(now time.Time, dst []byte) (out []byte, more bool) {
	r := s.queue.oldest()
	if r == nil {
		return dst, false
	}
	if code, err := s.limits.check(r.qos, r.retain, len(r.packet)); err != nil {
		s.queue.remove(r)
		s.finish(r, Rejected, code, nil, err)
		return dst, true
	}
	if r.qos == 0 {
		s.queue.remove(r)
		dst = s.appendPublish(now, dst, r)
		r.packet = r.packet[:0]
		s.pushUnwritten(r)
		return dst, true
	}
	if !s.windowOpen() || !s.takeID(r) {
		return dst, s.uncleared()
	}
	s.queue.remove(r)
	s.launch(r)
	s.putEntry(r)
	return dst, true
}

// reject ends a message in flight that the limits of the server do not allow to send again.
func (s *sender) reject(r *record, code mqtt.ReasonCode, err error) {
	s.detach(r)
	if r.qos == 2 && r.dup {
		s.burn(r)
	}
	s.finish(r, Rejected, code, nil, err)
}

// burn takes the identifier away from a record, and keeps it from being used.
func (s *sender) burn(r *record) {
	s.byID.remove(r)
	s.burnt = append(s.burnt, burnt{r.seq, r.id})
	if r.stored {
		s.putBurnt(r.seq, r.id)
	}
	r.id, r.stored = 0, false
}

// pushUnwritten adds a message of QoS 0 that append has given out.
func (s *sender) pushUnwritten(r *record) {
	r.state, r.end = stateUnwritten, 0
	s.unwritten.push(r)
	if s.unmarked == nil {
		s.unmarked = r
	}
}

// appended says that all packets that append has given out are in the output of the connection, and
// end there at offset end.
func (s *sender) appended(end uint64) {
	for ; s.unmarked != nil; s.unmarked = s.unmarked.next {
		s.unmarked.end = end
	}
}

// written says that the socket has taken the first total bytes of the connection's output.
func (s *sender) written(total uint64) {
	for r := s.unwritten.first; r != nil && r != s.unmarked && r.end <= total; r = s.unwritten.first {
		s.unwritten.remove(r)
		s.finish(r, Sent, 0, nil, nil)
	}
}
