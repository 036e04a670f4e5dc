package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// publication is a job: a message on its way to all clients with a matching subscription. First
// it finds the subscriptions, then it delivers. A client gets one copy, even if several of its
// filters match.
type publication struct {
	b       *Broker
	msg     *message
	from    *session
	walk    filterWalk[subscribers]
	targets []target
	index   map[*session]int // of the targets
	next    int              // the first target that has not got the message
}

// target is a client that gets the message. The QoS is the highest of the filters that match
// [MQTT-3.3.5-1] (5.0: [MQTT-3.3.4-2]). RetainAsPublished is set if one of them has it.
type target struct {
	s         *session
	qos       uint8
	published bool // RetainAsPublished
}

// publish delivers a message to every client that has a matching subscription. If that takes
// long, the rest follows in later turns of the loop. The publisher is paused meanwhile. So its
// messages stay in order [MQTT-4.6.0-6] (5.0: [MQTT-4.6.0-5]), and there is only one of them. Its
// will, and what a connection that takes over publishes, wait in the client's lane.
func (b *Broker) publish(msg *message, from *session) {
	if b.underway+msg.size() > b.limits.Total {
		b.log.Warn("message not delivered: too many bytes are being delivered", "client", from.id, "topic", msg.topic)
		b.expel(from, mqtt.ReasonQuotaExceeded, errUnderway)
		return
	}
	p := b.newPublication()
	p.msg, p.from = msg, from
	lane := b.lanes[from.id]
	if len(lane) == 0 {
		p.begin()
		if b.work.start(p) {
			return
		}
	}
	b.lanes[from.id] = append(lane, p)
	b.underway += msg.size()
	from.conn.Pause()
}

// begin stores the message if it is to be retained, and starts the search for subscriptions.
func (p *publication) begin() {
	b, msg, from := p.b, p.msg, p.from
	b.verbose.Debug("publish", "client", from.id, "topic", msg.topic, "bytes", len(msg.data), "qos", msg.qos, "retain", msg.retain)
	if msg.retain && !b.retained.put(msg, b.limits.Retained) {
		b.log.Warn("message not retained: too many retained messages", "topic", msg.topic, "limit", b.limits.Retained)
	}
	p.walk.start(&b.subs.node, msg.topic)
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
	for !p.walk.done() {
		if *left <= 0 {
			return false
		}
		*left--
		p.walk.step(func(list *subscribers) {
			*left -= len(*list)
			p.add(*list)
		})
	}
	for p.next < len(p.targets) {
		if *left <= 0 {
			return false
		}
		t := &p.targets[p.next]
		p.next++
		*left -= workOf(len(p.msg.data))
		retain := p.msg.retain && t.published // [MQTT-3.3.1-9] (5.0: [MQTT-3.3.1-12], [MQTT-3.3.1-13])
		p.b.deliver(t.s, delivery{p.msg, min(p.msg.qos, t.qos), retain})
	}
	p.end()
	return true
}

// add adds the clients of a filter to the targets. If the client itself published the message,
// filters with No Local do not match [MQTT-3.8.3-3].
func (p *publication) add(list subscribers) {
	for _, sub := range list {
		if sub.NoLocal && sub.s == p.from {
			continue
		}
		i, ok := p.index[sub.s]
		if !ok {
			i = len(p.targets)
			p.index[sub.s] = i
			p.targets = append(p.targets, target{s: sub.s})
		}
		t := &p.targets[i]
		t.qos = max(t.qos, sub.QoS)
		t.published = t.published || sub.RetainAsPublished
	}
}

// end lets the publisher continue, and keeps the memory of the publication if it is small.
func (p *publication) end() {
	p.leaveLane()
	if len(p.targets) > 100 {
		return
	}
	clear(p.targets)
	clear(p.index)
	*p = publication{b: p.b, walk: p.walk, targets: p.targets[:0], index: p.index}
	p.b.spare = p
}

// leaveLane ends the first publication of a lane, and begins the next. A publication that needs
// only one turn is in no lane.
func (p *publication) leaveLane() {
	b, id := p.b, p.from.id
	lane := b.lanes[id]
	if len(lane) == 0 {
		return
	}
	p.from.conn.Resume()
	b.underway -= p.msg.size()
	lane[0] = nil
	if lane = lane[1:]; len(lane) == 0 {
		delete(b.lanes, id)
		return
	}
	b.lanes[id] = lane
	lane[0].begin()
	b.work.add(lane[0])
}

// received handles a PUBLISH from a client. The mqtt layer acknowledges it.
func (b *Broker) received(s *session, m *mqtt.Message) {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		switch p.ID {
		case mqtt.PropTopicAlias: // the Topic Alias Maximum is 0 [MQTT-3.2.2-18]
			b.expel(s, mqtt.ReasonTopicAliasInvalid, errUnsupported)
			return
		case mqtt.PropSubscriptionIdentifier: // [MQTT-3.3.4-6]
			b.expel(s, mqtt.ReasonProtocolError, errUnsupported)
			return
		}
	}
	msg := newMessage(m, b.m.Now())
	if levels(msg.topic) > b.limits.Levels {
		b.expel(s, mqtt.ReasonTopicNameInvalid, errLevels)
		return
	}
	b.publish(msg, s)
}
