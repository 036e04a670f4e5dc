package broker

import (
	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// account counts the bytes that the broker holds for a session, whether it has a client or not.
type account struct {
	stored  int // client identifier, will, subscriptions, queue, in flight: bounded by Limits.Client
	counted int // of stored, what the identifiers in session.unreleased count
}

// filterSize returns the number of bytes that limits count for a subscription.
func filterSize(filter string) int {
	return overhead + len(filter) + topics.NodeSize*topics.Levels(filter)
}

// unreleasedSize returns the number of bytes that limits count for so many packet identifiers: the
// set of them has at most 1,024 words.
func unreleasedSize(ids int) int { return 20 * min(ids, 1024) }

// charge adds n bytes to what the broker stores for a session. It returns false, and adds nothing,
// if the session would exceed its limit. If all together would exceed theirs, makeRoom ends
// sessions. charge returns false if s itself uses most.
func (b *Broker) charge(s *session, n int) bool {
	if s.stored+n > b.limits.Client || !b.makeRoom(n, s) {
		return false
	}
	b.release(s, -n)
	return true
}

// release undoes charge.
func (b *Broker) release(s *session, n int) {
	s.stored -= n
	b.used -= n
	if s.element != nil {
		b.away.bytes -= n
	}
}

// chargeUnreleased counts the identifiers of the QoS 2 messages that the client has not released.
// It is called for each packet, before the mqtt layer removes that of a PUBREL. It returns false if
// there are too many.
func (b *Broker) chargeUnreleased(s *session) bool {
	n := unreleasedSize(s.unreleased.Len()) - s.counted
	if n > 0 && !b.charge(s, n) {
		return false
	}
	if n < 0 {
		b.release(s, -n)
	}
	s.counted += n
	return true
}

// meter counts a client's unsent bytes again.
func (b *Broker) meter(c *client) {
	if c.phase != connected {
		return
	}
	n := c.conn.Send.Len()
	b.used += n - c.unsent
	c.unsent = n
	b.makeRoom(0, nil)
}

// makeRoom ends sessions that are away, the longest first. Then it disconnects the clients that use
// most, until n more bytes are within Limits.Total. It returns false if only except is left, or if
// it is the client that uses most.
func (b *Broker) makeRoom(n int, except *session) bool {
	for b.used+n > b.limits.Total {
		if s := b.away.longest(except); s != nil {
			b.evict(s)
			continue
		}
		var most *session
		for _, s := range b.sessions {
			if s.client != nil && (most == nil || s.uses() > most.uses()) {
				most = s
			}
		}
		if most == nil || most == except {
			return false
		}
		b.expel(most.client, mqtt.ReasonQuotaExceeded, errMemory)
	}
	return true
}

// uses returns the bytes that a session with a client uses.
func (s *session) uses() int { return s.stored + s.client.unsent }

// settleAccount takes a session out of the sum.
func (b *Broker) settleAccount(s *session) {
	b.release(s, s.stored)
	s.account = account{}
}
