package session

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// ErrReplaced is the error of a SubResult if the program has changed the subscription again, before
// the server has answered.
var ErrReplaced = errors.New("session: the program has changed the subscription again")

// subscriptions is the state machine of the topic filters of a session.
//
// Each filter has at most one change in flight, and at most one that waits for it. A newer change
// replaces the one that waits. So the server ends with the last change, in whatever order it
// handles packets, and each change has one result.
//
//	                 Subscribe, Unsubscribe            append
//	(subscribed) ----------------------------> next -----------> sent ---+
//	     ^                                      ^                  |     | the answer: a result
//	     |                                      +------------------+     |
//	     |                                        down: once more        |
//	     +---------------------------------------------------------------+
//
// A filter that the server has refused, or that is unsubscribed, is forgotten. If the server has
// lost the session, each subscription that has no change is sent again. Its result is Resumed.
type subscriptions struct {
	version uint8
	ids     *packetid.Pool
	filters []*topicFilter // in the order of their names: a map would need more memory
	calls   uint64         // counts changes, for their order
	queue   []*topicFilter
	flight  []subscribePacket
	results []queuedResult
	last    *queuedResult // what result has returned last
	routes

	connected bool
	known     bool               // the server has told its capabilities, now or on the last connection
	server    *mqtt.Capabilities // shared with the session
}

// topicFilter is a topic filter with what the program wants, and what has been sent.
type topicFilter struct {
	Subscription // Fn is nil if the program does not want the filter
	next, sent   change
	queued       bool
	order        uint64 // of the program's last change

	inner  string // the filter that topics match: without $share/group/
	routed bool   // it is in the tree
	subID  uint32 // subscription identifier, 0 for none
}

// change is a subscription or its end.
type change struct {
	kind    mqtt.Cmd // CmdSubscribe, CmdUnsubscribe, 0 for none
	resumed bool     // not the program's change: it repeats one on a server that has lost the session
	done    func(*SubResult)
}

type queuedResult struct {
	SubResult
	done func(*SubResult)
}

func newSubscriptions(version uint8, ids *packetid.Pool) *subscriptions {
	return &subscriptions{version: version, ids: ids}
}

// subscribe takes subscriptions. It takes all or none: an error names the filter. From now on
// messages go to their Fn.
func (s *subscriptions) subscribe(list []Subscription) error {
	if len(list) == 0 {
		return errors.New("session: Subscribe without a topic filter")
	}
	for i := range list {
		if err := s.check(&list[i]); err != nil {
			return fmt.Errorf("session: topic filter %s: %w", quote.Cut(list[i].Filter), err)
		}
		if slices.ContainsFunc(list[:i], func(o Subscription) bool { return o.Filter == list[i].Filter }) {
			return fmt.Errorf("session: topic filter %s is twice in one call", quote.Cut(list[i].Filter))
		}
	}
	for i := range list {
		f := s.filter(list[i].Filter)
		s.removeRoute(f)
		f.Subscription = list[i]
		f.Props = cloneProps(list[i].Props)
		s.addRoute(f)
		s.change(f, change{kind: mqtt.CmdSubscribe, done: f.Done})
	}
	return nil
}

// check returns what is wrong with a subscription. It uses the rules of the packet.
func (s *subscriptions) check(sub *Subscription) error {
	for i := range sub.Props {
		if id := sub.Props[i].ID; id != mqtt.PropUserProperty {
			return fmt.Errorf("Subscription.Props has %v, only User Property is possible", id)
		}
	}
	filters := [1]mqtt.Filter{sub.packetFilter()}
	if _, err := mqtt.AppendSubscribe(nil, s.version, 1, filters[:], sub.Props); err != nil {
		return err
	}
	if s.known {
		return s.server.CheckFilter(s.version, filters[0], false)
	}
	return nil
}

// unsubscribe ends subscriptions, also those of an earlier process. It takes all or none. From now
// on the Fn of a filter is not called any more.
func (s *subscriptions) unsubscribe(list []string) error {
	if len(list) == 0 {
		return errors.New("session: Unsubscribe without a topic filter")
	}
	for i, name := range list {
		if _, err := mqtt.AppendUnsubscribe(nil, s.version, 1, list[i:i+1], nil); err != nil {
			return fmt.Errorf("session: topic filter %s: %w", quote.Cut(name), err)
		}
		if slices.Contains(list[:i], name) {
			return fmt.Errorf("session: topic filter %s is twice in one call", quote.Cut(name))
		}
	}
	for _, name := range list {
		f := s.filter(name)
		s.removeRoute(f)
		f.Subscription = Subscription{Filter: name}
		s.change(f, change{kind: mqtt.CmdUnsubscribe})
	}
	return nil
}

// filter returns the entry of a topic filter. It makes one if there is none.
func (s *subscriptions) filter(name string) *topicFilter {
	at, found := s.find(name)
	if !found {
		f := &topicFilter{Subscription: Subscription{Filter: name}, inner: innerFilter(name)}
		s.filters = slices.Insert(s.filters, at, f)
	}
	return s.filters[at]
}

// find returns the position of a topic filter in s.filters.
func (s *subscriptions) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(s.filters, name, func(f *topicFilter, name string) int { return cmp.Compare(f.Filter, name) })
}

// change makes c the next change of a filter.
func (s *subscriptions) change(f *topicFilter, c change) {
	s.replaced(f, f.next)
	s.calls++
	f.next, f.order = c, s.calls
	s.enqueue(f)
}

// replaced gives the result of a change that a newer one has replaced.
func (s *subscriptions) replaced(f *topicFilter, c change) {
	if c.kind != 0 && !c.resumed {
		s.failed(f, c, ErrReplaced)
	}
}

// enqueue queues a filter whose next change can be sent. Without a connection up does it.
func (s *subscriptions) enqueue(f *topicFilter) {
	switch {
	case !s.connected || f.queued || f.next.kind == 0 || f.sent.kind != 0:
		return
	case f.first:
		s.queue = slices.Insert(s.queue, 0, f)
	default:
		s.queue = append(s.queue, f)
	}
	f.queued = true
}

// up begins a connection. It queues all changes that have no answer. If the server has lost the
// session, it also queues the subscriptions that have no change.
func (s *subscriptions) up(present bool, server *mqtt.Capabilities) {
	s.connected, s.known, s.server = true, true, server
	s.identify = s.version == 5 && server.SubIDsAvailable
	var waiting []*topicFilter
	for _, f := range s.filters {
		if f.next.kind == 0 && !present {
			f.next = change{kind: mqtt.CmdSubscribe, resumed: true, done: f.Done}
		}
		if f.next.kind != 0 {
			waiting = append(waiting, f)
		}
	}
	slices.SortFunc(waiting, func(a, b *topicFilter) int { return cmp.Compare(a.order, b.order) })
	for _, f := range waiting {
		s.enqueue(f)
	}
}

// down ends a connection. What was in flight is sent again, if there is no newer change.
func (s *subscriptions) down() {
	s.connected = false
	for _, f := range s.queue {
		f.queued = false
	}
	for _, p := range s.flight {
		s.ids.Release(p.id)
		for _, f := range p.filters {
			if f.next.kind == 0 {
				f.next = f.sent
			} else {
				s.replaced(f, f.sent)
			}
			f.sent = change{}
		}
	}
	s.queue, s.flight = nil, nil
}

// receive takes a SUBACK or UNSUBACK. The error says how it breaks the protocol.
func (s *subscriptions) receive(m *mqtt.Message) error {
	asked := m.Cmd - 1 // SUBSCRIBE or UNSUBSCRIBE
	i := slices.IndexFunc(s.flight, func(p subscribePacket) bool { return p.id == m.ID && p.kind == asked })
	if i < 0 {
		return s.violation(m.Cmd, "MQTT-2.3.1-7", "MQTT-2.2.1-6", fmt.Sprintf("no %v with identifier %d waits for it", asked, m.ID))
	}
	p := s.flight[i]
	withCodes := m.Cmd == mqtt.CmdSuback || s.version == 5
	if withCodes && len(m.Data) != len(p.filters) {
		rule4, rule5 := "MQTT-3.8.4-5", "MQTT-3.8.4-6"
		if m.Cmd == mqtt.CmdUnsuback {
			rule5 = "MQTT-3.11.3-1"
		}
		return s.violation(m.Cmd, rule4, rule5, fmt.Sprintf("it has %d codes for %d topic filters", len(m.Data), len(p.filters)))
	}
	if s.flight = slices.Delete(s.flight, i, i+1); len(s.flight) == 0 {
		s.flight = nil // a session at rest keeps no memory for it
	}
	s.ids.Release(p.id)
	props := bytes.Clone(m.Props)
	for i, f := range p.filters {
		r := SubResult{Filter: f.Filter, Unsubscribed: asked == mqtt.CmdUnsubscribe, Resumed: f.sent.resumed, Props: props}
		if withCodes {
			r.Code = mqtt.ReasonCode(m.Data[i])
		}
		if r.Code >= mqtt.ReasonUnspecified {
			refused := &mqtt.RefusedError{Cmd: m.Cmd, Code: r.Code, Version: s.version, Reason: reasonOf(m)}
			r.Err = fmt.Errorf("session: topic filter %s: %w", quote.Cut(f.Filter), refused)
		}
		s.results = append(s.results, queuedResult{r, f.sent.done})
		f.sent = change{}
		s.ended(f, asked == mqtt.CmdSubscribe && r.Err == nil)
	}
	return nil
}

// reasonOf returns the Reason String of a packet, "" if it has none.
func reasonOf(m *mqtt.Message) string {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropReasonString {
			return string(p.Value)
		}
	}
	return ""
}

func (s *subscriptions) violation(cmd mqtt.Cmd, rule4, rule5, reason string) error {
	rule := rule4
	if s.version == 5 {
		rule = rule5
	}
	return &mqtt.ParseError{Cmd: cmd, Code: mqtt.ReasonProtocolError, Rule: rule, Reason: reason}
}

// ended is called after a change of f has its result. It forgets f, unless it is subscribed or has
// another change.
func (s *subscriptions) ended(f *topicFilter, subscribed bool) {
	if f.next.kind != 0 {
		s.enqueue(f)
	} else if !subscribed {
		s.removeRoute(f)
		if at, found := s.find(f.Filter); found {
			s.filters = slices.Delete(s.filters, at, at+1)
		}
	}
}

// failed queues the result of a change that the server has not answered.
func (s *subscriptions) failed(f *topicFilter, c change, err error) {
	s.results = append(s.results, queuedResult{SubResult{
		Filter: f.Filter, Unsubscribed: c.kind == mqtt.CmdUnsubscribe, Resumed: c.resumed,
		Code: mqtt.ReasonUnspecified, Err: fmt.Errorf("session: topic filter %s: %w", quote.Cut(f.Filter), err),
	}, c.done})
}

// result takes the next result. It returns nil if there is none. If done is nil, the result is for
// the handler. The next call uses the memory again.
func (s *subscriptions) result() (r *SubResult, done func(*SubResult)) {
	if len(s.results) == 0 {
		s.results, s.last = nil, nil
		return nil, nil
	}
	s.last, s.results = &s.results[0], s.results[1:]
	return &s.last.SubResult, s.last.done
}

// close ends the session. Each change that has no answer fails with err.
func (s *subscriptions) close(err error) {
	s.down()
	var waiting []*topicFilter
	for _, f := range s.filters {
		if f.next.kind != 0 && !f.next.resumed {
			waiting = append(waiting, f)
		}
		s.removeRoute(f)
	}
	slices.SortFunc(waiting, func(a, b *topicFilter) int { return cmp.Compare(a.order, b.order) })
	for _, f := range waiting {
		s.failed(f, f.next, err)
	}
	s.filters = nil
}

func cloneProps(props []mqtt.Property) []mqtt.Property {
	props = slices.Clone(props)
	for i := range props {
		props[i].Key, props[i].Value = bytes.Clone(props[i].Key), bytes.Clone(props[i].Value)
	}
	return props
}
