package broker

// group is the members of a shared subscription: those with the same share name and the same topic
// filter.
type group struct {
	name    string
	index   int // in filterSubs.groups
	members []*subscription
	next    int // the member whose turn it is
}

// How well a member can take a message.
const (
	cannot  = iota // it is away, and the message has QoS 0
	isAway         // the message waits for the client
	isBusy         // it is connected, and the message waits for others or is dropped
	isReady        // it gets the message at once
)

// readiness says how well a member can take a message of a QoS.
func (sub *subscription) readiness(qos uint8) int {
	s := sub.s
	switch {
	case s.client == nil && qos == 0:
		return cannot
	case s.client == nil:
		return isAway
	case len(s.queue) == 0 && len(s.fetches) == 0 && s.maySend(qos):
		return isReady
	}
	return isBusy
}

// pick returns the member that gets the next message: the first that can take it best, beginning
// with the one whose turn it is. It returns nil if there is none, and the number of members that it
// looked at.
func (g *group) pick(msg *message) (member *subscription, visited int) {
	best, at := cannot, 0
	for i := 0; i < len(g.members) && best < isReady; i++ {
		visited++
		n := (g.next + i) % len(g.members)
		sub := g.members[n]
		if r := sub.readiness(min(msg.qos, sub.QoS)); r > best {
			member, best, at = sub, r, n
		}
	}
	if member != nil {
		g.next = at + 1
	}
	return member, visited
}

// handover is a job: the messages of a session that has ended go to other members of its shared
// subscriptions.
type handover struct {
	b       *Broker
	id      string // of the session
	list    []delivery
	dropped int // messages for which the members had no room
}

// handOver hands over the messages of a session, after its subscriptions were removed. A message of
// QoS 2 in flight goes to nobody else [MQTT-4.8.2-5].
func (b *Broker) handOver(s *session) {
	h := &handover{b: b, id: s.id}
	add := func(d delivery) {
		if d.group == nil || len(d.group.members) == 0 {
			return
		}
		if b.underway+d.msg.size() > b.limits.Total {
			b.log.Warn("message not handed over: too many bytes are being delivered", "client", s.id, "topic", d.msg.topic)
			return
		}
		h.list = append(h.list, d)
		b.underway += d.msg.size()
	}
	for i := range s.flights {
		if f := &s.flights[i]; f.qos == 1 {
			add(f.delivery)
		}
	}
	for _, d := range s.queue {
		add(d)
	}
	if len(h.list) > 0 {
		b.work.add(h)
	}
}

// run implements job.
func (h *handover) run(left *int) (done bool) {
	for len(h.list) > 0 {
		if *left <= 0 {
			return false
		}
		d := h.list[0]
		h.list[0] = delivery{}
		h.list = h.list[1:]
		h.b.underway -= d.msg.size()
		sub, visited := d.group.pick(d.msg)
		*left -= visited + workOf(len(d.msg.data))
		if sub == nil {
			continue
		}
		d = sub.deliver(d.msg)
		if s := sub.s; d.qos > 0 && s.client != nil && s.stored+d.msg.size() > h.b.limits.Client {
			h.dropped++ // it is not disconnected for the messages of another client
			continue
		}
		h.b.deliver(sub.s, d)
	}
	if h.dropped > 0 {
		h.b.log.Warn("messages not handed over: the other members have no room", "client", h.id, "messages", h.dropped)
	}
	return true
}
