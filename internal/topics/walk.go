package topics

import "strings"

// This file has the two searches in trees. Both go step by step, so that a caller can stop after
// some steps and continue in a later turn of the loop. The tree may change between two steps. What
// is in the tree all the time is found. What is added or removed meanwhile may be found or not.

// FilterWalk is a Search for topics that are strings.
type FilterWalk[V any] = Search[V, string]

// Search finds the filters that match a topic, in a tree of filters. It visits a node for each
// filter, or beginning of a filter, that matches the beginning of the topic. So the filters that do
// not match cost nothing. The zero value is done. A topic of bytes must not change until the search
// is done.
type Search[V any, T ~string | ~[]byte] struct{ stack []filterStep[V, T] }

// filterStep is a node that matches the beginning of the topic.
type filterStep[V any, T ~string | ~[]byte] struct {
	n    *Node[V]
	rest T    // of the topic, if end is not set
	end  bool // n matches the whole topic
}

// Start begins a search for a topic name. It ends the search before, and uses its memory again.
func (w *Search[V, T]) Start(root *Node[V], topic T) {
	w.stack = append(w.stack[:0], filterStep[V, T]{n: root, rest: topic})
}

// Done reports whether the search has ended.
func (w *Search[V, T]) Done() bool { return len(w.stack) == 0 }

// Step visits a node and calls found for the values that match: none, one or two. It must not be
// called when the search is done.
func (w *Search[V, T]) Step(found func(*V)) {
	last := len(w.stack) - 1
	s := w.stack[last]
	w.stack = w.stack[:last]
	if s.end {
		if s.n.Value != nil {
			found(s.n.Value)
		}
		if hash := child(s.n, "#"); hash != nil && hash.Value != nil { // a/# also matches a
			found(hash.Value)
		}
		return
	}
	level, rest, more := cut(s.rest)
	if s.n.parent != nil || len(level) == 0 || level[0] != '$' { // [MQTT-4.7.2-1]
		if hash := child(s.n, "#"); hash != nil && hash.Value != nil {
			found(hash.Value)
		}
		if plus := child(s.n, "+"); plus != nil {
			w.stack = append(w.stack, filterStep[V, T]{plus, rest, !more})
		}
	}
	if c := child(s.n, level); c != nil {
		w.stack = append(w.stack, filterStep[V, T]{c, rest, !more})
	}
}

// cut splits a path after its first level. more is false if there is only one level.
func cut[T ~string | ~[]byte](path T) (level, rest T, more bool) {
	for i := range len(path) {
		if path[i] == '/' {
			return path[:i], path[i+1:], true
		}
	}
	return path, rest, false
}

// TopicWalk finds the topics that match a filter, in a tree of topics. It visits the nodes that
// match the beginning of the filter, and for # all nodes below. The zero value is done.
type TopicWalk[V any] struct{ stack []topicStep[V] }

// topicStep is a node that matches the beginning of the filter.
type topicStep[V any] struct {
	n       *Node[V]
	rest    string // of the filter, if end is not set
	end     bool   // n matches the whole filter
	visited bool
	left    int // children that the walk has not visited, if rest begins with a wildcard
}

// Start begins a search with a topic filter, without the $share/group/ of a shared one. It ends the
// search before, and uses its memory again.
func (w *TopicWalk[V]) Start(root *Node[V], filter string) {
	w.stack = append(w.stack[:0], topicStep[V]{n: root, rest: filter})
}

// Done reports whether the search has ended.
func (w *TopicWalk[V]) Done() bool { return len(w.stack) == 0 }

// Step visits a node. It returns its value if the node matches, or nil. It must not be called
// when the walk is done.
func (w *TopicWalk[V]) Step() *V {
	s := &w.stack[len(w.stack)-1]
	if s.end {
		w.pop()
		return s.n.Value
	}
	first := !s.visited
	if first {
		s.visited, s.left = true, len(s.n.children)
	}
	level, rest, more := strings.Cut(s.rest, "/")
	switch level {
	case "#":
		if first && s.n.Value != nil { // a/# also matches a
			return s.n.Value
		}
		w.push(s, "#", false)
	case "+":
		w.push(s, rest, !more)
	default:
		c := child(s.n, level)
		w.pop()
		if c != nil {
			w.stack = append(w.stack, topicStep[V]{n: c, rest: rest, end: !more})
		}
	}
	return nil
}

// push visits the next child of a node below a wildcard. If there is none, it ends the visit of
// the node.
func (w *TopicWalk[V]) push(s *topicStep[V], rest string, end bool) {
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

func (w *TopicWalk[V]) pop() { w.stack = w.stack[:len(w.stack)-1] }
