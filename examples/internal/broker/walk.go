package broker

import "strings"

// This file has the two searches in trees. Both go step by step, so that a caller can stop after
// some steps and continue in a later turn of the loop. The tree may change between two steps. What
// is in the tree all the time is found. What is added or removed meanwhile may be found or not.

// filterWalk finds the filters that match a topic, in a tree of filters. It visits a node for
// each filter, or beginning of a filter, that matches the beginning of the topic. So the filters
// that do not match cost nothing.
type filterWalk[V any] struct{ stack []filterStep[V] }

// filterStep is a node that matches the beginning of the topic.
type filterStep[V any] struct {
	n    *node[V]
	rest string // of the topic, if end is not set
	end  bool   // n matches the whole topic
}

// start begins a search for a topic name.
func (w *filterWalk[V]) start(root *node[V], topic string) {
	w.stack = append(w.stack[:0], filterStep[V]{n: root, rest: topic})
}

func (w *filterWalk[V]) done() bool { return len(w.stack) == 0 }

// step visits a node and calls found for the values that match. It must not be called when the
// walk is done.
func (w *filterWalk[V]) step(found func(*V)) {
	last := len(w.stack) - 1
	s := w.stack[last]
	w.stack = w.stack[:last]
	if s.end {
		if s.n.value != nil {
			found(s.n.value)
		}
		if hash := s.n.child("#"); hash != nil && hash.value != nil { // a/# also matches a
			found(hash.value)
		}
		return
	}
	level, rest, more := strings.Cut(s.rest, "/")
	if s.n.parent != nil || level == "" || level[0] != '$' { // [MQTT-4.7.2-1]
		if hash := s.n.child("#"); hash != nil && hash.value != nil {
			found(hash.value)
		}
		if plus := s.n.child("+"); plus != nil {
			w.stack = append(w.stack, filterStep[V]{plus, rest, !more})
		}
	}
	if c := s.n.child(level); c != nil {
		w.stack = append(w.stack, filterStep[V]{c, rest, !more})
	}
}

// topicWalk finds the topics that match a filter, in a tree of topics. It visits the nodes that
// match the beginning of the filter, and for # all nodes below.
type topicWalk[V any] struct{ stack []topicStep[V] }

// topicStep is a node that matches the beginning of the filter.
type topicStep[V any] struct {
	n       *node[V]
	rest    string // of the filter, if end is not set
	end     bool   // n matches the whole filter
	visited bool
	left    int // children that the walk has not visited, if rest begins with a wildcard
}

// start begins a search with a topic filter.
func (w *topicWalk[V]) start(root *node[V], filter string) {
	w.stack = append(w.stack[:0], topicStep[V]{n: root, rest: filter})
}

func (w *topicWalk[V]) done() bool { return len(w.stack) == 0 }

// step visits a node. It returns its value if the node matches, or nil. It must not be called
// when the walk is done.
func (w *topicWalk[V]) step() *V {
	s := &w.stack[len(w.stack)-1]
	if s.end {
		w.pop()
		return s.n.value
	}
	first := !s.visited
	if first {
		s.visited, s.left = true, len(s.n.children)
	}
	level, rest, more := strings.Cut(s.rest, "/")
	switch level {
	case "#":
		if first && s.n.value != nil { // a/# also matches a
			return s.n.value
		}
		w.push(s, "#", false)
	case "+":
		w.push(s, rest, !more)
	default:
		c := s.n.child(level)
		w.pop()
		if c != nil {
			w.stack = append(w.stack, topicStep[V]{n: c, rest: rest, end: !more})
		}
	}
	return nil
}

// push visits the next child of a node below a wildcard. If there is none, it ends the visit of
// the node.
func (w *topicWalk[V]) push(s *topicStep[V], rest string, end bool) {
	if s.left = min(s.left, len(s.n.children)); s.left == 0 {
		w.pop()
		return
	}
	s.left--
	c := s.n.children[s.left]
	if s.n.parent == nil && c.level != "" && c.level[0] == '$' { // [MQTT-4.7.2-1]
		return
	}
	w.stack = append(w.stack, topicStep[V]{n: c, rest: rest, end: end})
}

func (w *topicWalk[V]) pop() { w.stack = w.stack[:len(w.stack)-1] }
