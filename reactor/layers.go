package reactor

import (
	"iter"
	"slices"
)

// layerList is the stack of a connection's layers. Most connections have one layer and need no
// memory besides the Conn.
type layerList struct {
	lowest Protocol
	upper  *[]Protocol // the others, from below to above; nil if there are none
}

func (l *layerList) len() int {
	switch {
	case l.lowest == nil:
		return 0
	case l.upper == nil:
		return 1
	}
	return 1 + len(*l.upper)
}

// at returns the layer number i. The lowest is number 0.
func (l *layerList) at(i int) Protocol {
	if i == 0 {
		return l.lowest
	}
	return (*l.upper)[i-1]
}

// index returns the number of layer p, or -1.
func (l *layerList) index(p Protocol) int {
	for i := range l.len() {
		if l.at(i) == p {
			return i
		}
	}
	return -1
}

// push adds a layer on top.
func (l *layerList) push(p Protocol) {
	switch {
	case l.lowest == nil:
		l.lowest = p
	case l.upper == nil:
		l.upper = &[]Protocol{p}
	default:
		*l.upper = append(*l.upper, p)
	}
}

// set replaces the layer number i.
func (l *layerList) set(i int, p Protocol) {
	if i == 0 {
		l.lowest = p
	} else {
		(*l.upper)[i-1] = p
	}
}

// remove removes the layer number i.
func (l *layerList) remove(i int) {
	switch {
	case l.upper == nil:
		l.lowest = nil
		return
	case i > 0:
		*l.upper = slices.Delete(*l.upper, i-1, i)
	default:
		l.lowest = (*l.upper)[0]
		*l.upper = slices.Delete(*l.upper, 0, 1)
	}
	if len(*l.upper) == 0 {
		l.upper = nil
	}
}

// all returns an iterator from the lowest layer to the topmost.
func (l *layerList) all() iter.Seq[Protocol] {
	return func(yield func(Protocol) bool) {
		for i := 0; i < l.len(); i++ {
			if !yield(l.at(i)) {
				return
			}
		}
	}
}
