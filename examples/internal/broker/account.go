package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// account counts the bytes that the broker holds for a client.
type account struct {
	stored int // client identifier, will, subscriptions and queue: bounded by Limits.Client
	unsent int // in the connection's Send, when metered last: after each packet and each write
}

// filterSize returns the number of bytes that limits count for a subscription.
func filterSize(filter string) int { return overhead + len(filter) + nodeSize*levels(filter) }

// charge adds n bytes to what the broker stores for a client. It returns false, and adds nothing,
// if the client would exceed its limit. If all clients together would exceed theirs, it disconnects
// those that use most. charge returns false if s itself uses most.
func (b *Broker) charge(s *session, n int) bool {
	if s.stored+n > b.limits.Client || !b.makeRoom(n, s) {
		return false
	}
	s.stored += n
	b.used += n
	return true
}

// release undoes charge.
func (b *Broker) release(s *session, n int) {
	s.stored -= n
	b.used -= n
}

// meter counts a client's unsent bytes again.
func (b *Broker) meter(s *session) {
	if s.state != connected {
		return
	}
	n := s.conn.Send.Len()
	b.used += n - s.unsent
	s.unsent = n
	b.makeRoom(0, nil)
}

// makeRoom disconnects the clients that use most, until n more bytes are within Limits.Total. It
// returns false if the client that uses most is except.
func (b *Broker) makeRoom(n int, except *session) bool {
	for b.used+n > b.limits.Total {
		var most *session
		for _, s := range b.clients {
			if most == nil || s.stored+s.unsent > most.stored+most.unsent {
				most = s
			}
		}
		if most == nil || most == except {
			return false
		}
		b.expel(most, mqtt.ReasonQuotaExceeded, errMemory)
	}
	return true
}

// settleAccount takes a client out of the sum.
func (b *Broker) settleAccount(s *session) {
	b.used -= s.stored + s.unsent
	s.account = account{}
}
