package broker

import (
	"slices"

	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// publication is a job: a message on its way to all sessions with a matching subscription. First
// it finds the subscriptions, then it delivers. A session gets one copy, even if several of its
// filters match, and another one for each of its shared subscriptions that is chosen.
type publication struct {
	b       *Broker
	msg     *message
	id      string        // client identifier of the publisher
	conn    *reactor.Conn // of the publisher: paused if the delivery takes long; nil for a will
	walk    topics.FilterWalk[filterSubs]
	targets []target
	index   map[*session]int // of the targets without a group
	next    int              // the first target that has not got the message
	found   []*filterSubs    // by the walk, and not in the targets yet
	spreads bool             // it may have more than fewTargets
}

// maxSpread is the number of publications that may have more than fewTargets. Each has as many as
// there are sessions, so their memory would otherwise grow with the product of publishers and
// subscribers.
const (
	maxSpread  = 32
	fewTargets = 100
)

// target is a session that gets the message. The QoS is the highest of the filters that match
// [MQTT-3.3.5-1] (5.0: [MQTT-3.3.4-2]). The RETAIN flag is kept if one of them has
// RetainAsPublished.
type target struct {
	s *session
	delivery
}

// publish delivers a message to every session that has a matching subscription. If that takes
// long, the rest follows in later turns of the loop. The publisher is paused meanwhile. So its
// messages stay in order [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]), and there is only one of them. Its
// will, and what a connection that takes over publishes, wait in the client's lane. publish returns
// false, and disconnects the publisher, if too much waits.
func (b *Broker) publish(msg *message, from *client) (accepted bool) {
	if b.underway+msg.size() > b.limits.Total {
		b.log.Warn("message not delivered: too many bytes are being delivered", "client", from.id, "topic", msg.topic)
		b.expel(from, mqtt.ReasonQuotaExceeded, errUnderway)
		return false
	}
	p := b.newPublication()
	p.msg, p.id, p.conn = msg, from.id, from.conn
	if len(b.lanes[p.id]) == 0 {
		p.begin()
		b.atOnce = p
		done := b.work.start(p)
		b.atOnce = nil
		if done {
			return true
		}
		if len(b.lanes[p.id]) == 0 {
			b.addToLane(p)
		}
	} else {
		b.enterLane(p)
	}
	p.conn.Pause()
	return true
}

// enterLane puts a publication at the end of its client's lane. The will of a client may come while
// a message of the same client is being delivered at once: that is the first of the lane then.
func (b *Broker) enterLane(p *publication) {
	if first := b.atOnce; first != nil && first.id == p.id && len(b.lanes[p.id]) == 0 {
		b.addToLane(first)
	}
	if len(b.lanes[p.id]) == 0 {
		p.begin()
		b.work.add(p)
	}
	b.addToLane(p)
}

// addToLane appends a publication to its lane.
func (b *Broker) addToLane(p *publication) {
	b.lanes[p.id] = append(b.lanes[p.id], p)
	b.underway += p.msg.size()
}

// begin stores the message if it is to be retained, and starts the search for subscriptions.
func (p *publication) begin() {
	b, msg := p.b, p.msg
	b.verbose.Debug("publish", "client", p.id, "topic", msg.topic, "bytes", len(msg.data), "qos", msg.qos, "retain", msg.retain)
	if msg.retain && !b.retained.put(msg, b.limits.Retained) {
		b.log.Warn("message not retained: too many retained messages", "topic", msg.topic, "limit", b.limits.Retained)
	}
	p.walk.Start(&b.subs.Node, msg.topic)
}

// newPublication returns an empty publication. It uses the memory of the last one again.
func (b *Broker) newPublication() *publication {
	if p := b.spare; p != nil {
		b.spare = nil
		return p
	}
	return &publication{b: b, index: make(map[*session]int)}
}

// run implements job.
func (p *publication) run(left *int) (done bool) {
	for !p.walk.Done() || len(p.found) > 0 {
		if *left <= 0 {
			return false
		}
		if len(p.found) == 0 {
			*left--
			p.walk.Step(func(v *filterSubs) { p.found = append(p.found, v) })
			continue
		}
		v := p.found[len(p.found)-1]
		if !p.maySpread(len(v.subscribers) + len(v.groups)) {
			return false // it is called again in the next turn
		}
		p.found = p.found[:len(p.found)-1]
		*left -= p.add(v)
	}
	for p.next < len(p.targets) {
		if *left <= 0 {
			return false
		}
		t := &p.targets[p.next]
		p.next++
		*left -= workOf(len(p.msg.data))
		if t.s.ended && t.group != nil { // another member gets it
			sub, visited := t.group.pick(p.msg)
			*left -= visited
			if sub == nil {
				continue
			}
			t.s, t.delivery = sub.s, sub.deliver(p.msg)
		}
		p.b.deliver(t.s, t.delivery)
	}
	p.end()
	return true
}

// maySpread reports whether the publication may have n more targets now.
func (p *publication) maySpread(n int) bool {
	if !p.spreads && len(p.targets)+n > fewTargets && p.b.spread < maxSpread {
		p.spreads = true
		p.b.spread++
	}
	return p.spreads || len(p.targets)+n <= fewTargets
}

// add adds the subscribers of a filter to the targets, and one member of each group. It returns the
// units of work.
func (p *publication) add(v *filterSubs) (cost int) {
	for _, sub := range v.subscribers {
		p.addSub(sub)
	}
	cost = len(v.subscribers)
	for _, g := range v.groups {
		sub, visited := g.pick(p.msg)
		cost += 1 + visited
		if sub != nil {
			p.targets = append(p.targets, target{sub.s, sub.deliver(p.msg)})
		}
	}
	return cost
}

// addSub adds a subscriber. If the client itself published the message, filters with No Local do
// not match [MQTT-3.8.3-3].
func (p *publication) addSub(sub *subscription) {
	if sub.NoLocal && sub.s.id == p.id {
		return
	}
	i, ok := p.index[sub.s]
	if !ok {
		i = len(p.targets)
		p.index[sub.s] = i
		p.targets = append(p.targets, target{s: sub.s, delivery: delivery{msg: p.msg}})
	}
	t := &p.targets[i]
	t.qos = max(t.qos, min(p.msg.qos, sub.QoS))
	if p.msg.retain && sub.RetainAsPublished { // [MQTT-3.3.1-9] (5.0: [MQTT-3.3.1-12], [MQTT-3.3.1-13])
		t.retain = true
	}
	if t.ids == nil {
		t.ids = slices.Clip(sub.ids) // append copies it
	} else {
		t.ids = append(t.ids, sub.ids...) // [MQTT-3.3.4-5]
	}
}

// end lets the publisher continue, and keeps the memory of the publication if it is small.
func (p *publication) end() {
	p.leaveLane()
	if p.spreads {
		p.b.spread--
	}
	if len(p.targets) > fewTargets {
		return
	}
	clear(p.targets)
	clear(p.index)
	*p = publication{b: p.b, walk: p.walk, targets: p.targets[:0], index: p.index, found: p.found[:0]}
	p.b.spare = p
}

// leaveLane ends the first publication of a lane, and begins the next. A publication that needs
// only one turn is in no lane.
func (p *publication) leaveLane() {
	b := p.b
	lane := b.lanes[p.id]
	if len(lane) == 0 {
		return
	}
	if p.conn != nil {
		p.conn.Resume()
	}
	b.underway -= p.msg.size()
	lane[0] = nil
	if lane = lane[1:]; len(lane) == 0 {
		delete(b.lanes, p.id)
		return
	}
	b.lanes[p.id] = lane
	lane[0].begin()
	b.work.add(lane[0])
}

// received handles a PUBLISH from a client. The mqtt layer resolves a topic alias, refuses what a
// client must not send, drops duplicates of QoS 2, and acknowledges the message.
func (b *Broker) received(c *client, m *mqtt.Message) {
	if s := c.session; s != nil && !b.accepts(c, m) {
		s.unreleased.Remove(m.ID) // if it comes again, it is a new message
	}
}

// accepts publishes a PUBLISH. It returns false if it disconnects the client instead.
func (b *Broker) accepts(c *client, m *mqtt.Message) bool {
	switch {
	case topics.Levels(string(m.Topic)) > b.limits.Levels:
		b.expel(c, mqtt.ReasonTopicNameInvalid, errLevels)
		return false
	case hasSubID(m): // [MQTT-3.3.4-6]
		b.expel(c, mqtt.ReasonProtocolError, errUnsupported)
		return false
	case !b.noteAlias(c, m):
		b.expel(c, mqtt.ReasonQuotaExceeded, errAliases)
		return false
	case !b.chargeUnreleased(c.session):
		b.expel(c, mqtt.ReasonQuotaExceeded, errUnreleased)
		return false
	}
	return b.publish(newMessage(m, b.m.Now()), c)
}

// hasSubID reports whether a PUBLISH has a Subscription Identifier.
func hasSubID(m *mqtt.Message) bool {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropSubscriptionIdentifier {
			return true
		}
	}
	return false
}
