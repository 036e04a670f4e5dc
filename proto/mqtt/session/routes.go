package session

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rikki-go/rikki/internal/topics"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// routes finds the handlers of a message among the subscriptions that have one.
//
// A 5.0 server that knows subscription identifiers tells which subscriptions a message is for. It
// may send a message once for all of them, or once for each [MQTT-3.3.4-2] [MQTT-3.3.4-3]: with the
// identifiers each handler gets the message once. Several filters of a SUBSCRIBE share one
// identifier. No topic matches two of them, so identifier and topic together tell the filter.
//
// Without identifiers, and if one of them is not known, the topic tells: each filter that it
// matches gets the message.
type routes struct {
	tree         topics.Node[[]*topicFilter] // by inner filter
	walk         topics.Search[[]*topicFilter, []byte]
	count        int // filters in the tree
	identify     bool
	byID         []*topicFilter // those in the tree that have an identifier, in its order
	unidentified int            // those in the tree that have none
	lastID       uint32
	matches      []*topicFilter // scratch memory of route
}

// maxSubID is the largest subscription identifier. 5.0 section 3.8.2.1.2.
const maxSubID = 268_435_455

// innerFilter returns the filter without the prefix of a shared subscription. In 3.1.1 those do not
// exist, but some servers have them.
func innerFilter(filter string) string {
	if _, inner, ok := mqtt.SplitShare(filter); ok {
		return inner
	}
	return filter
}

// addRoute adds a filter that has an Fn, without an identifier.
func (r *routes) addRoute(f *topicFilter) {
	if f.Fn == nil {
		return
	}
	n := r.tree.Grow(f.inner)
	if n.Value == nil {
		n.Value = new([]*topicFilter)
	}
	*n.Value = append(*n.Value, f)
	f.routed = true
	r.count++
	r.unidentified++
}

// removeRoute removes a filter. Its Fn is not called any more, not even by a route that is going
// on.
func (r *routes) removeRoute(f *topicFilter) {
	f.Fn = nil
	if !f.routed {
		return
	}
	r.setID(f, 0)
	n := r.tree.Find(f.inner)
	if *n.Value = without(*n.Value, f); len(*n.Value) == 0 {
		n.Clear()
	}
	f.routed = false
	r.count--
	r.unidentified--
}

// setID gives a filter in the tree another identifier, 0 for none.
func (r *routes) setID(f *topicFilter, id uint32) {
	if f.subID != 0 {
		r.byID = slices.DeleteFunc(r.byID, func(other *topicFilter) bool { return other == f })
		r.unidentified++
	}
	if f.subID = id; id != 0 {
		at := len(r.byID) - len(r.from(id+1))
		r.byID = slices.Insert(r.byID, at, f)
		r.unidentified--
	}
}

// from returns the filters whose identifier is id or larger.
func (r *routes) from(id uint32) []*topicFilter {
	at, _ := slices.BinarySearchFunc(r.byID, id, func(f *topicFilter, id uint32) int { return cmp.Compare(f.subID, id) })
	return r.byID[at:]
}

// identifiedBy returns the filters with an identifier.
func (r *routes) identifiedBy(id uint32) []*topicFilter {
	list := r.from(id)
	return list[:len(list)-len(r.from(id+1))]
}

// nextID returns an identifier that no filter has.
func (r *routes) nextID() uint32 {
	for {
		r.lastID = r.lastID%maxSubID + 1
		if len(r.identifiedBy(r.lastID)) == 0 {
			return r.lastID
		}
	}
}

// without removes f from a list, whose order does not matter.
func without(list []*topicFilter, f *topicFilter) []*topicFilter {
	if i := slices.Index(list, f); i >= 0 {
		last := len(list) - 1
		list[i], list[last] = list[last], nil
		list = list[:last]
	}
	return list
}

// route calls call for the Fn of each subscription that a PUBLISH is for. It returns false if there
// is none. An Fn may change subscriptions: a later one that it removes is not called.
func (r *routes) route(m *mqtt.Message, call func(reactor.Handler)) (found bool) {
	if r.count == 0 {
		return false
	}
	list := r.match(r.matches[:0], m)
	r.matches = nil // an Fn may make another message arrive
	for _, f := range list {
		if f.Fn != nil {
			found = true
			call(f.Fn)
		}
	}
	clear(list) // for the garbage collector
	r.matches = list[:0]
	return found
}

// match appends the filters that a message is for.
func (r *routes) match(list []*topicFilter, m *mqtt.Message) []*topicFilter {
	if r.unidentified == 0 {
		if byID := r.matchIDs(list, m); len(byID) > 0 {
			return byID
		}
	}
	for r.walk.Start(&r.tree, m.Topic); !r.walk.Done(); {
		r.walk.Step(func(filters *[]*topicFilter) { list = append(list, *filters...) })
	}
	return list
}

// matchIDs appends the filters that have the subscription identifiers of a message and match its
// topic. It appends none if one of the identifiers leads to no filter: it is of a subscription that
// has changed meanwhile, or of an earlier process.
func (r *routes) matchIDs(list []*topicFilter, m *mqtt.Message) []*topicFilter {
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID != mqtt.PropSubscriptionIdentifier {
			continue
		}
		with := r.identifiedBy(p.Int)
		i := slices.IndexFunc(with, func(f *topicFilter) bool { return mqtt.Match(f.inner, m.Topic) })
		if i < 0 {
			return list[:0]
		}
		if f := with[i]; !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// overlap reports whether a topic can match both filters.
func overlap(a, b string) bool {
	for first := true; ; first = false {
		var levelA, levelB string
		var moreA, moreB bool
		levelA, a, moreA = strings.Cut(a, "/")
		levelB, b, moreB = strings.Cut(b, "/")
		switch {
		case first && (isWildcard(levelA) && strings.HasPrefix(levelB, "$") || // [MQTT-4.7.2-1]
			isWildcard(levelB) && strings.HasPrefix(levelA, "$")):
			return false
		case levelA == "#" || levelB == "#":
			return true
		case levelA != levelB && levelA != "+" && levelB != "+":
			return false
		case !moreA && !moreB:
			return true
		case !moreA: // a/# also matches a
			return b == "#"
		case !moreB:
			return a == "#"
		}
	}
}

func isWildcard(level string) bool { return level == "+" || level == "#" }
