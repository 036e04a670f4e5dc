package session

import (
	"bytes"
	"slices"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// The bounds of SUBSCRIBE and UNSUBSCRIBE packets.
const (
	maxSubscribes    = 16      // packets in flight
	maxBatch         = 8       // topic filters in a packet: AWS IoT Core accepts no more
	maxSubscribeSize = 8 << 10 // bytes of a packet, unless it has only one topic filter
)

// subscribePacket is a SUBSCRIBE or UNSUBSCRIBE in flight.
type subscribePacket struct {
	id      uint16
	kind    mqtt.Cmd
	filters []*topicFilter
}

// append appends the packets that may be sent, in the order of the program's calls. Several filters
// share a packet. What the server does not allow is not sent: it has its result at once.
func (s *subscriptions) append(dst []byte) []byte {
	for len(s.queue) > 0 && len(s.flight) < maxSubscribes {
		f := s.queue[0]
		if err := s.refusal(f); err != nil {
			s.take(1)
			c := f.next
			f.next = change{}
			s.failed(f, c, err)
			s.ended(f, false)
			continue
		}
		id, ok := s.ids.Next()
		if !ok {
			break // all are in use; an acknowledgement calls append again
		}
		p := subscribePacket{id: id, kind: f.next.kind, filters: s.take(s.batch())}
		for _, f := range p.filters {
			f.sent, f.next = f.next, change{}
		}
		dst = s.appendPacket(dst, &p)
		s.flight = append(s.flight, p)
	}
	return dst
}

// refusal returns the limit of the server that a filter exceeds, or nil.
func (s *subscriptions) refusal(f *topicFilter) error {
	if f.next.kind == mqtt.CmdSubscribe {
		if err := s.server.CheckFilter(s.version, f.packetFilter(), s.identified(f)); err != nil {
			return err
		}
	}
	if limit := s.server.MaximumPacketSize; uint64(s.overhead(f)+len(f.Filter)) > uint64(limit) {
		subID := uint32(0)
		if s.identified(f) {
			subID = s.lastID%maxSubID + 1
		}
		size := len(s.encode(nil, &subscribePacket{id: 1, kind: f.next.kind, filters: []*topicFilter{f}}, subID))
		if uint64(size) > uint64(limit) { // [MQTT-3.2.2-15]
			return &mqtt.PeerLimitError{Limit: mqtt.PropMaximumPacketSize.String(), Value: int(limit), Got: size}
		}
	}
	return nil
}

// overhead returns the largest size of a packet for f, without its filters.
func (s *subscriptions) overhead(f *topicFilter) int {
	n := 5 + 2 + 4 + 5 + 3 // header, packet identifier, property length, subscription identifier, options
	for i := range f.Props {
		n += 5 + len(f.Props[i].Key) + len(f.Props[i].Value)
	}
	return n
}

// batch returns how many filters of the queue the next packet takes.
func (s *subscriptions) batch() (n int) {
	first := s.queue[0]
	size := s.overhead(first) + len(first.Filter)
	for n = 1; n < len(s.queue) && n < maxBatch; n++ {
		f := s.queue[n]
		size += len(f.Filter) + 3
		if size > maxSubscribeSize || uint64(size) > uint64(s.server.MaximumPacketSize) ||
			f.next.kind != first.next.kind || s.refusal(f) != nil || !s.together(s.queue[:n], f) {
			break
		}
	}
	return n
}

// together reports whether a SUBSCRIBE may have another filter. The properties, and so the
// identifier, are those of all its filters.
func (s *subscriptions) together(batch []*topicFilter, f *topicFilter) bool {
	switch {
	case f.next.kind == mqtt.CmdUnsubscribe:
		return true
	case s.identified(f) != s.identified(batch[0]) || !slices.EqualFunc(f.Props, batch[0].Props, equalProps):
		return false
	}
	return !s.identified(f) || !slices.ContainsFunc(batch, func(o *topicFilter) bool { return overlap(o.inner, f.inner) })
}

func equalProps(a, b mqtt.Property) bool {
	return a.ID == b.ID && a.Int == b.Int && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
}

// identified reports whether the SUBSCRIBE of a filter has a subscription identifier.
func (s *subscriptions) identified(f *topicFilter) bool { return s.identify && f.routed }

// take removes n filters from the queue.
func (s *subscriptions) take(n int) []*topicFilter {
	batch := slices.Clone(s.queue[:n])
	clear(s.queue[:n])
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	for _, f := range batch {
		f.queued = false
	}
	return batch
}

// appendPacket appends a packet, and gives its filters their identifier.
func (s *subscriptions) appendPacket(dst []byte, p *subscribePacket) []byte {
	if p.kind == mqtt.CmdUnsubscribe || !s.identified(p.filters[0]) {
		for _, f := range p.filters {
			if f.routed {
				s.setID(f, 0)
			}
		}
		return s.encode(dst, p, 0)
	}
	id := s.nextID()
	for _, f := range p.filters {
		s.setID(f, id)
	}
	return s.encode(dst, p, id)
}

// encode appends a packet. It cannot fail: subscribe and unsubscribe have checked the filters.
func (s *subscriptions) encode(dst []byte, p *subscribePacket, subID uint32) []byte {
	var err error
	if p.kind == mqtt.CmdUnsubscribe {
		names := make([]string, len(p.filters))
		for i, f := range p.filters {
			names[i] = f.Filter
		}
		dst, err = mqtt.AppendUnsubscribe(dst, s.version, p.id, names, nil)
	} else {
		filters := make([]mqtt.Filter, len(p.filters))
		for i, f := range p.filters {
			filters[i] = f.packetFilter()
		}
		props := p.filters[0].Props
		if subID != 0 {
			props = append([]mqtt.Property{{ID: mqtt.PropSubscriptionIdentifier, Int: subID}}, props...)
		}
		dst, err = mqtt.AppendSubscribe(dst, s.version, p.id, filters, props)
	}
	if err != nil {
		panic("session: " + err.Error())
	}
	return dst
}

// packetFilter returns the filter of a SUBSCRIBE.
func (sub *Subscription) packetFilter() mqtt.Filter {
	return mqtt.Filter{
		Topic: sub.Filter, QoS: sub.QoS, NoLocal: sub.NoLocal,
		RetainAsPublished: sub.RetainAsPublished, RetainHandling: sub.RetainHandling,
	}
}
