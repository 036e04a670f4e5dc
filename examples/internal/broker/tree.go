package broker

import (
	"slices"
	"strings"
)

// node is a level of a tree of topics or of topic filters. A path such as a/b/c is three nodes.
// Wildcards are levels like others. The zero value is the root of an empty tree. A node exists
// only if it or a node below it has a value.
type node[V any] struct {
	parent   *node[V] // nil for the root and for a node that was removed
	level    string
	index    int // in parent.children
	children []*node[V]
	byLevel  map[string]*node[V] // the same children, if there are more than fewChildren
	value    *V
}

// fewChildren is the largest number of children that are searched one by one.
const fewChildren = 8

// nodeSize is the number of bytes that limits count for each level of a topic or filter.
const nodeSize = 160

// levels returns the number of levels of a topic or filter.
func levels(path string) int { return strings.Count(path, "/") + 1 }

// child returns the child with that level, or nil.
func (n *node[V]) child(level string) *node[V] {
	if n.byLevel != nil {
		return n.byLevel[level]
	}
	for _, c := range n.children {
		if c.level == level {
			return c
		}
	}
	return nil
}

// find returns the node of a path below n, or nil.
func (n *node[V]) find(path string) *node[V] {
	for level := range strings.SplitSeq(path, "/") {
		if n = n.child(level); n == nil {
			return nil
		}
	}
	return n
}

// grow returns the node of a path below n. It makes the nodes that are missing. The caller must
// set the node's value.
func (n *node[V]) grow(path string) *node[V] {
	for level := range strings.SplitSeq(path, "/") {
		c := n.child(level)
		if c == nil {
			c = n.add(strings.Clone(level)) // the path may be much larger than the level
		}
		n = c
	}
	return n
}

func (n *node[V]) add(level string) *node[V] {
	c := &node[V]{parent: n, level: level, index: len(n.children)}
	n.children = append(n.children, c)
	n.indexChildren(c)
	return c
}

// indexChildren adds to byLevel, or makes it if there are many children.
func (n *node[V]) indexChildren(added ...*node[V]) {
	if n.byLevel == nil && len(n.children) > fewChildren {
		n.byLevel, added = make(map[string]*node[V]), n.children
	}
	if n.byLevel != nil {
		for _, c := range added {
			n.byLevel[c.level] = c
		}
	}
}

// clear removes the value of n, and then all nodes on the way to the root that are not needed any
// more.
func (n *node[V]) clear() {
	n.value = nil
	for n.parent != nil && n.value == nil && len(n.children) == 0 {
		p := n.parent
		p.drop(n)
		n = p
	}
}

// drop removes a child. The last child takes its position: a walk from the last child to the
// first misses none of them. Maps do not shrink, so drop makes a new one when most are gone.
func (n *node[V]) drop(c *node[V]) {
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
