package broker

import (
	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// subscription is a session's subscription to a topic filter. It is in the session's subs and in
// the broker's tree.
type subscription struct {
	mqtt.Filter
	s     *session
	ids   []uint32 // the subscription identifier, if it has one; never changed
	n     *topics.Node[filterSubs]
	group *group // of a shared subscription, or nil
	index int    // in the subscribers of n, or in the members of group
	fetch *fetch // the retained messages that it waits for, or nil
}

// filterSubs are the subscriptions to one topic filter.
type filterSubs struct {
	subscribers []*subscription
	groups      []*group
	byName      map[string]*group // the same groups
}

// subs are the subscriptions of one session, by topic filter.
type subs map[string]*subscription

// subTree is the tree of the subscriptions of all sessions. A shared subscription is at the node of
// its topic filter, without the share name.
type subTree struct{ topics.Node[filterSubs] }

// add adds a subscription of s to its subs and to the tree, or replaces the options of the one with
// the same filter [MQTT-3.8.4-3]. share is the share name, or empty. add reports whether the filter
// is new.
func (root *subTree) add(s *session, f mqtt.Filter, share string, ids []uint32) (sub *subscription, isNew bool) {
	if sub = s.subs[f.Topic]; sub != nil && (sub.group != nil) == (share != "") {
		sub.Filter, sub.ids = f, ids
		return sub, false
	}
	if isNew = sub == nil; !isNew { // 3.1.1 and 5.0 understand $share differently
		sub.endFetch()
		sub.remove()
	}
	path := f.Topic
	if share != "" {
		path = path[len("$share/")+len(share)+1:]
	}
	n := root.Grow(path)
	if n.Value == nil {
		n.Value = new(filterSubs)
	}
	sub = &subscription{Filter: f, s: s, ids: ids, n: n}
	list := &n.Value.subscribers
	if share != "" {
		sub.group = n.Value.join(share)
		list = &sub.group.members
	}
	sub.index = len(*list)
	*list = append(*list, sub)
	s.subs[f.Topic] = sub
	return sub, isNew
}

// join returns the group with a share name. It makes the group if it does not exist.
func (v *filterSubs) join(share string) *group {
	g := v.byName[share]
	if g == nil {
		if v.byName == nil {
			v.byName = make(map[string]*group)
		}
		g = &group{name: share, index: len(v.groups)}
		v.byName[share] = g
		v.groups = append(v.groups, g)
	}
	return g
}

// remove removes a subscription from the tree and from the session's subs.
func (sub *subscription) remove() {
	delete(sub.s.subs, sub.Topic)
	v := sub.n.Value
	list := &v.subscribers
	if sub.group != nil {
		list = &sub.group.members
	}
	last := len(*list) - 1
	(*list)[sub.index] = (*list)[last]
	(*list)[sub.index].index = sub.index
	(*list)[last] = nil
	*list = (*list)[:last]
	if sub.group != nil && last == 0 {
		v.leave(sub.group)
	}
	if len(v.subscribers) == 0 && len(v.groups) == 0 {
		sub.n.Clear()
	}
}

// leave removes a group that has no members.
func (v *filterSubs) leave(g *group) {
	delete(v.byName, g.name)
	last := len(v.groups) - 1
	v.groups[g.index] = v.groups[last]
	v.groups[g.index].index = g.index
	v.groups[last] = nil
	v.groups = v.groups[:last]
}

// deliver returns the delivery of a message to a member of a shared subscription.
func (sub *subscription) deliver(msg *message) delivery {
	return delivery{msg: msg, qos: min(msg.qos, sub.QoS), retain: msg.retain && sub.RetainAsPublished,
		ids: sub.ids, group: sub.group}
}
