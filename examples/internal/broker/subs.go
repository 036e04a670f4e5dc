package broker

import "github.com/rikki-go/rikki/proto/mqtt"

// subscription is a client's subscription to a topic filter. It is in the client's subs and in the
// broker's tree.
type subscription struct {
	mqtt.Filter
	s     *session
	n     *node[subscribers]
	index int    // in the subscribers of n
	fetch *fetch // the retained messages that it waits for, or nil
}

// subscribers are the subscriptions to one topic filter.
type subscribers []*subscription

// subs are the subscriptions of one client, by topic filter.
type subs map[string]*subscription

// add adds a subscription of s to its subs and to the tree, or replaces the options of the one with
// the same filter [MQTT-3.8.4-3]. It reports whether the filter is new.
func (root *subTree) add(s *session, f mqtt.Filter) (sub *subscription, isNew bool) {
	if sub = s.subs[f.Topic]; sub != nil {
		sub.Filter = f
		return sub, false
	}
	n := root.grow(f.Topic)
	if n.value == nil {
		n.value = new(subscribers)
	}
	sub = &subscription{Filter: f, s: s, n: n, index: len(*n.value)}
	*n.value = append(*n.value, sub)
	s.subs[f.Topic] = sub
	return sub, true
}

// subTree is the tree of the subscriptions of all clients.
type subTree struct{ node[subscribers] }

// remove removes a subscription from the tree and from the client's subs.
func (sub *subscription) remove() {
	delete(sub.s.subs, sub.Topic)
	list := *sub.n.value
	last := len(list) - 1
	list[sub.index] = list[last]
	list[sub.index].index = sub.index
	list[last] = nil
	if *sub.n.value = list[:last]; last == 0 {
		sub.n.clear()
	}
}
