package broker

import (
	"container/list"
	"math"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// away has the sessions without a client. Their number and their bytes are limited.
type away struct {
	list  list.List // of *session: the one that is away longest is first
	bytes int       // what their accounts count
}

// longest returns the session that is away longest, but not except. It returns nil if there is
// none.
func (a *away) longest(except *session) *session {
	e := a.list.Front()
	if e != nil && e.Value == except {
		e = e.Next()
	}
	if e == nil {
		return nil
	}
	return e.Value.(*session)
}

// keep keeps a session whose client has gone, until it expires [MQTT-3.1.2-23] or until others need
// the room.
func (b *Broker) keep(s *session) {
	s.rejected = 0
	s.element = b.away.list.PushBack(s)
	b.away.bytes += s.stored
	s.expires = b.m.AddTimer(s.expiry, reactor.TimerOnce, func() {
		b.log.Info("session expired", "client", s.id)
		b.end(s)
	})
	if s.will != nil { // if the session ends first, that publishes it
		s.willDue = b.m.AddTimer(s.willDelay, reactor.TimerOnce, func() {
			will := s.will
			b.dropWill(s)
			b.publishWill(s.id, will)
		})
	}
	for b.away.list.Len() > b.limits.Sessions || b.away.bytes > b.limits.Kept {
		b.evict(b.away.longest(nil))
	}
}

// evict ends a session that is away, to make room.
func (b *Broker) evict(s *session) {
	b.log.Warn("session removed to make room", "client", s.id)
	b.end(s)
}

// retrieve removes a session from b.away, if it is away.
func (b *Broker) retrieve(s *session) {
	if s.element == nil {
		return
	}
	b.away.list.Remove(s.element)
	b.away.bytes -= s.stored
	s.element = nil
	s.expires.Stop()
	if s.rejected > 0 {
		b.log.Warn("messages not queued while the client was away", "client", s.id, "messages", s.rejected)
	}
}

// enqueue puts a message into the queue of a session that is away. It is dropped if it has QoS 0 or
// if there is no room.
func (b *Broker) enqueue(s *session, d delivery) {
	if d.qos == 0 {
		return
	}
	n := d.msg.size()
	if len(s.queue) >= b.limits.Queue || b.away.bytes+n > b.limits.Kept || !b.charge(s, n) {
		s.rejected++
		return
	}
	s.push(d)
}

// expiry returns how long a session may be away if the client asks for so many seconds. The
// largest number means that it does not expire. 5.0 section 3.1.2.11.2.
func (l *Limits) expiry(seconds uint32) time.Duration {
	asked := time.Duration(seconds) * time.Second
	if seconds == math.MaxUint32 {
		asked = math.MaxInt64
	}
	if l.Expiry < 0 {
		return asked
	}
	return min(asked, l.Expiry.Truncate(time.Second))
}
