package reactor

import "iter"

// connTable holds the connections of a manager by their ID. It is a hash table with linear probing.
// A connection takes 8 to 16 bytes in it, which is less than in a map.
type connTable struct {
	slots []*Conn // nil where there is none; the length is 0 or a power of two
	n     int     // number of connections
	spare []*Conn // for the next each
}

// minSlots is the least length of slots, if there are any.
const minSlots = 16

// home returns the index at which the search for an ID begins. The multiplier is 2^64 divided by
// the golden ratio. It spreads consecutive numbers evenly.
func (t *connTable) home(id uint64) int {
	return int(id * 0x9e3779b97f4a7c15 >> 32 & uint64(len(t.slots)-1))
}

// find returns the connection with that ID, or nil.
func (t *connTable) find(id uint64) *Conn {
	if t.n == 0 {
		return nil
	}
	for i := t.home(id); t.slots[i] != nil; i = (i + 1) & (len(t.slots) - 1) {
		if t.slots[i].id == id {
			return t.slots[i]
		}
	}
	return nil
}

// add adds a connection whose ID is not in the table.
func (t *connTable) add(c *Conn) {
	if t.n >= len(t.slots)/8*7 {
		t.resize(max(minSlots, 2*len(t.slots)))
	}
	t.insert(c)
	t.n++
}

// insert puts c into the first free slot.
func (t *connTable) insert(c *Conn) {
	i := t.home(c.id)
	for t.slots[i] != nil {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = c
}

// remove removes a connection. It does nothing if the connection is not in the table.
func (t *connTable) remove(c *Conn) {
	if t.find(c.id) != c {
		return
	}
	mask := len(t.slots) - 1
	gap := t.home(c.id)
	for t.slots[gap] != c {
		gap = (gap + 1) & mask
	}
	// A search ends at an empty slot. So a later connection moves into the gap, unless its search
	// begins behind the gap.
	for i := (gap + 1) & mask; t.slots[i] != nil; i = (i + 1) & mask {
		if home := t.home(t.slots[i].id); (i-home)&mask >= (i-gap)&mask {
			t.slots[gap], gap = t.slots[i], i
		}
	}
	t.slots[gap] = nil
	if t.n--; t.n < len(t.slots)/8 && len(t.slots) > minSlots {
		t.resize(len(t.slots) / 2)
	}
}

// resize moves all connections to a new slice.
func (t *connTable) resize(size int) {
	old := t.slots
	t.slots = make([]*Conn, size)
	for _, c := range old {
		if c != nil {
			t.insert(c)
		}
	}
}

// all returns an iterator. No connection may be added or removed during the iteration.
func (t *connTable) all() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range t.slots {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// each returns an iterator over the connections that are in the table when the iteration begins.
// Connections may be added and removed meanwhile. Those that were removed are left out.
func (t *connTable) each() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		list := t.spare[:0]
		t.spare = nil // an iteration may run inside another one
		for _, c := range t.slots {
			if c != nil {
				list = append(list, c)
			}
		}
		defer func() {
			clear(list)
			t.spare = list
		}()
		for _, c := range list {
			if t.find(c.id) == c && !yield(c) {
				return
			}
		}
	}
}
