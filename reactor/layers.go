package reactor

import (
	"iter"
	"slices"
)

// layerList is the stack of a connection's layers. Most connections have one layer and need no
// memory besides the Conn.
type layerList struct {
	one Protocol // nil if there is no layer, a *layerStack if there are several
}

// layerStack holds the layers, from below to above, if there are at least two.
type layerStack []Protocol

// Handle implements Protocol, so that a layerStack fits into a layerList. It is not called.
func (*layerStack) Handle(*Conn, Event, any) {}

func (l *layerList) len() int {
	if s, ok := l.one.(*layerStack); ok {
		return len(*s)
	}
	if l.one == nil {
		return 0
	}
	return 1
}

// at returns the layer number i. The lowest is number 0.
func (l *layerList) at(i int) Protocol {
	if s, ok := l.one.(*layerStack); ok {
		return (*s)[i]
	}
	return l.one
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

// push adds a layer on top. A second layer takes a stack from the spares.
func (l *layerList) push(p Protocol, spare *spares[layerStack]) {
	if s, ok := l.one.(*layerStack); ok {
		*s = append(*s, p)
	} else if l.one == nil {
		l.one = p
	} else {
		s := spare.take()
		if s == nil {
			s = new(layerStack)
		}
		*s = append(*s, l.one, p)
		l.one = s
	}
}

// set replaces the layer number i.
func (l *layerList) set(i int, p Protocol) {
	if s, ok := l.one.(*layerStack); ok {
		(*s)[i] = p
	} else {
		l.one = p
	}
}

// remove removes the layer number i. If one is left, the stack goes back to the spares: the layer
// that upgrades an HTTP connection to a WebSocket leaves no garbage.
func (l *layerList) remove(i int, spare *spares[layerStack]) {
	s, ok := l.one.(*layerStack)
	if !ok {
		l.one = nil
		return
	}
	if *s = slices.Delete(*s, i, i+1); len(*s) == 1 {
		l.one = (*s)[0]
		s.giveBack(spare)
	}
}

// clear removes all layers.
func (l *layerList) clear(spare *spares[layerStack]) {
	if s, ok := l.one.(*layerStack); ok {
		s.giveBack(spare)
	}
	l.one = nil
}

// giveBack empties the stack and puts it into the spares.
func (s *layerStack) giveBack(spare *spares[layerStack]) {
	clear(*s)
	*s = (*s)[:0]
	spare.put(s)
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
