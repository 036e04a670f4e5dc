package broker

import (
	"container/list"
	"time"

	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// session is what the broker keeps for a client identifier. It may outlive its client.
type session struct {
	b          *Broker
	id         string  // client identifier
	client     *client // nil if it is away or has ended
	ended      bool
	expiry     time.Duration // how long it may be away; 0: it ends with the connection
	subs       subs
	unreleased mqtt.Unreleased // identifiers of the client's QoS 2 messages before PUBREL
	will       *message        // of the connection that it has or had last
	willDelay  time.Duration
	fetches    []*fetch // subscriptions that wait for retained messages
	fetching   bool     // the session is a job in Broker.work, or runs as one
	outbox
	account

	// The fields below are for a session that is away.
	element  *list.Element  // in Broker.away
	expires  *reactor.Timer // ends it
	willDue  *reactor.Timer // publishes the will; nil: there is none
	rejected int            // messages for which there was no room
}

// sessionSize returns the number of bytes that limits count for a session without anything. That is
// about what it uses while it is away, with its timer and its entries in maps and lists.
func sessionSize(id string) int { return 2*overhead + len(id) }

// newSession makes a session. It returns nil if there is no room.
func (b *Broker) newSession(id string) *session {
	s := &session{b: b, id: id, subs: make(subs)}
	if !b.charge(s, sessionSize(id)) {
		return nil
	}
	b.sessions[id] = s
	return s
}

// dropWill forgets the will of a session, if it has one.
func (b *Broker) dropWill(s *session) {
	if s.will != nil {
		b.release(s, s.will.size())
		s.will = nil
	}
	if s.willDue != nil {
		s.willDue.Stop()
		s.willDue = nil
	}
}

// end ends a session that has no client. Its will is published if that was still to come. Other
// members of its shared subscriptions get its messages.
func (b *Broker) end(s *session) {
	if s.ended {
		return
	}
	will := s.will
	b.dropWill(s)
	b.retrieve(s)
	s.ended, s.fetches = true, nil
	delete(b.sessions, s.id)
	for _, sub := range s.subs {
		b.removeSub(sub)
	}
	b.handOver(s)
	s.subs, s.outbox = nil, outbox{}
	b.settleAccount(s)
	if will != nil {
		b.publishWill(s.id, will)
	}
}
