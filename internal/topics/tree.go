// Package topics has trees of MQTT topics and topic filters, and searches in them: the filters that
// match a topic, and the topics that match a filter. Topics and filters must be valid: the package
// does not check them. It is not safe for use by several goroutines at once.
package topics

import (
	"slices"
	"strings"
)

// Node is a level of a tree of topics or of topic filters. A path such as a/b/c is three nodes.
// Wildcards are levels like others. The zero value is the root of an empty tree. A node exists
// only if it or a node below it has a value.
type Node[V any] struct {
	// Value belongs to the caller. It is nil if only longer paths are in the tree.
	Value *V

	parent   *Node[V] // nil for the root and for a node that was removed
	level    string
	index    int // in parent.children
	children []*Node[V]
	byLevel  map[string]*Node[V] // the same children, if there are more than fewChildren
}

// fewChildren is the largest number of children that are searched one by one.
const fewChildren = 8

// NodeSize is about the number of bytes that a node needs: what limits count for each level of a
// topic or filter.
const NodeSize = 160

// Levels returns the number of levels of a topic or filter.
func Levels(path string) int { return strings.Count(path, "/") + 1 }

// Len returns the number of nodes that are directly below n.
func (n *Node[V]) Len() int { return len(n.children) }

// child returns the child of n with that level, or nil.
func child[V any, T ~string | ~[]byte](n *Node[V], level T) *Node[V] {
	if n.byLevel != nil {
		return n.byLevel[string(level)]
	}
	for _, c := range n.children {
		if c.level == string(level) {
			return c
		}
	}
	return nil
}

// Find returns the node of a path below n, or nil. The node's Value is nil if only longer paths are
// in the tree.
func (n *Node[V]) Find(path string) *Node[V] {
	for level := range strings.SplitSeq(path, "/") {
		if n = child(n, level); n == nil {
			return nil
		}
	}
	return n
}

// Grow returns the node of a path below n. It makes the nodes that are missing, and copies their
// levels. The caller must set the node's Value.
func (n *Node[V]) Grow(path string) *Node[V] {
	for level := range strings.SplitSeq(path, "/") {
		c := child(n, level)
		if c == nil {
			c = n.add(strings.Clone(level)) // the path may be much larger than the level
		}
		n = c
	}
	return n
}

func (n *Node[V]) add(level string) *Node[V] {
	c := &Node[V]{parent: n, level: level, index: len(n.children)}
	n.children = append(n.children, c)
	n.indexChildren(c)
	return c
}

// indexChildren adds to byLevel, or makes it if there are many children.
func (n *Node[V]) indexChildren(added ...*Node[V]) {
	if n.byLevel == nil && len(n.children) > fewChildren {
		n.byLevel, added = make(map[string]*Node[V]), n.children
	}
	if n.byLevel != nil {
		for _, c := range added {
			n.byLevel[c.level] = c
		}
	}
}

// Clear removes the value of n, and then all nodes on the way to the root that are not needed any
// more. The caller must not use n afterwards.
func (n *Node[V]) Clear() {
	n.Value = nil
	for n.parent != nil && n.Value == nil && len(n.children) == 0 {
		p := n.parent
		p.drop(n)
		n = p
	}
}

// drop removes a child. The last child takes its position: a walk from the last child to the
// first misses none of them. Maps do not shrink, so drop makes a new one when most are gone.
func (n *Node[V]) drop(c *Node[V]) {
	last := len(n.children) - 1
	n.children[c.index] = n.children[last]
	n.children[c.index].index = c.index
	n.children[last] = nil
	n.children = n.children[:last]
	c.parent = nil
	delete(n.byLevel, c.level)
	if last <= cap(n.children)/4 {
		n.children, n.byLevel = slices.Clone(n.children), nil
		n.indexChildren()
	}
}
