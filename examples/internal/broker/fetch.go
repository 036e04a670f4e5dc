package broker

import (
	"slices"

	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// fetch sends the retained messages that match a new subscription [MQTT-3.3.1-6], with the
// RETAIN flag set [MQTT-3.3.1-8]. The session sends them in pieces: it is a job, and it waits
// while much is unsent or the window is full.
//
// No older message of a topic follows a newer one: what was in the queue at the SUBSCRIBE comes
// before the retained messages, and what is published later comes after them. So a retained
// message that is published later is not sent twice: the client gets it from the queue.
type fetch struct {
	sub   *subscription
	after int // begins when so many messages were taken from the queue
	since int // the last retained message at the SUBSCRIBE
	walk  topics.TopicWalk[message]
	held  *message // found, but it could not be sent yet
}

// fetchFor begins to send the retained messages for a subscription. If they are being sent
// already, it begins again.
func (b *Broker) fetchFor(sub *subscription) {
	sub.endFetch()
	f := &fetch{sub: sub, after: sub.s.pushed(), since: b.retained.puts}
	f.walk.Start(&b.retained.root, sub.Topic)
	sub.fetch = f
	sub.s.fetches = append(sub.s.fetches, f)
}

// endFetch ends the fetch of a subscription, if there is one.
func (sub *subscription) endFetch() {
	if sub.fetch == nil {
		return
	}
	s := sub.s
	if i := slices.Index(s.fetches, sub.fetch); i >= 0 { // not if the client has been disconnected
		s.fetches = slices.Delete(s.fetches, i, i+1)
	}
	if sub.fetch = nil; len(s.fetches) == 0 {
		s.fetches = nil // releases the memory
	}
}

// fetchIsNext reports whether retained messages come before what is in the queue.
func (s *session) fetchIsNext() bool {
	return len(s.fetches) > 0 && s.taken >= s.fetches[0].after
}

// continueFetching runs the session as a job, if it has something to fetch.
func (b *Broker) continueFetching(s *session) {
	if len(s.fetches) > 0 && !s.fetching && s.client != nil {
		s.fetching = true
		b.work.start(s)
	}
}

// run implements job. It is done when the client has got all, or when it must wait for the
// client: then continueFetching is called after the client has read or acknowledged something.
func (s *session) run(left *int) (done bool) {
	for s.client != nil && len(s.fetches) > 0 {
		if *left <= 0 {
			return false
		}
		if !s.fetchIsNext() {
			s.b.pump(s)
		}
		if !s.fetchIsNext() { // older messages wait for the client, or it was disconnected
			break
		}
		f := s.fetches[0]
		switch {
		case f.held != nil && !s.maySend(f.qos()):
			s.fetching = false
			return true
		case f.held != nil:
			*left -= workOf(len(f.held.data))
			f.send(s)
		case f.walk.Done():
			f.sub.endFetch()
		default:
			*left--
			f.find(s.b)
		}
	}
	s.fetching = false
	s.b.pump(s)
	return true
}

// send sends the message that was found. Until it is acknowledged it counts like those from the
// queue.
func (f *fetch) send(s *session) {
	b, size := s.b, f.held.size()
	d := delivery{msg: f.held, qos: f.qos(), retain: true, ids: f.sub.ids}
	if d.qos > 0 && !b.charge(s, size) {
		b.expel(s.client, mqtt.ReasonQuotaExceeded, errTooSlow)
		return
	}
	r := b.send(s, d)
	if r != failed {
		f.held = nil
	}
	if r != sent && d.qos > 0 {
		b.release(s, size)
	}
	b.settle(s, r)
}

// qos returns the QoS at which held is sent.
func (f *fetch) qos() uint8 { return min(f.held.qos, f.sub.QoS) }

// find looks at the next topic. It removes the expired messages that it meets, and skips those that
// were published after the SUBSCRIBE.
func (f *fetch) find(b *Broker) {
	m := f.walk.Step()
	if m != nil && m.expired(b.m.Now()) {
		b.retained.remove(m.topic)
		m = nil
	}
	if m != nil && m.number <= f.since {
		f.held = m
	}
}

// maySend reports whether a message of this QoS may be sent to the client now.
func (s *session) maySend(qos uint8) bool {
	return s.unsentFits() && s.mayFly(qos)
}
