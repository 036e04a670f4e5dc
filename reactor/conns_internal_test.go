package reactor

import (
	"math/rand/v2"
	"testing"
)

// The table does what a map does: with IDs in sequence, with gaps, and with IDs that collide.
func TestConnTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		id   func(i uint64) uint64
	}{
		{"in sequence", func(i uint64) uint64 { return i }},
		{"every 4096th", func(i uint64) uint64 { return i << 12 }},
		{"high bits only", func(i uint64) uint64 { return i << 40 }},
		{"random", func(uint64) uint64 { return rand.Uint64() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var table connTable
			want := map[uint64]*Conn{}
			var ids []uint64
			for i := range uint64(20000) {
				grow := 6000 > i || i > 9000 && i < 12000
				if grow && rnd.IntN(4) > 0 || len(ids) == 0 {
					c := &Conn{id: tt.id(i + 1)}
					table.add(c)
					want[c.id], ids = c, append(ids, c.id)
				} else {
					k := rnd.IntN(len(ids))
					id := ids[k]
					ids[k] = ids[len(ids)-1]
					ids = ids[:len(ids)-1]
					c := want[id]
					delete(want, id)
					table.remove(c)
					if table.find(id) != nil {
						t.Fatalf("%d is found after it was removed", id)
					}
					table.remove(c) // does nothing
				}
				if table.n != len(want) {
					t.Fatalf("%d connections, want %d", table.n, len(want))
				}
				if i%500 == 0 {
					checkConnTable(t, &table, want)
				}
			}
			checkConnTable(t, &table, want)
		})
	}
}

func checkConnTable(t *testing.T, table *connTable, want map[uint64]*Conn) {
	t.Helper()
	for id, c := range want {
		if table.find(id) != c {
			t.Fatalf("connection %d is not found", id)
		}
	}
	n := 0
	for c := range table.all() {
		if n++; want[c.id] != c {
			t.Fatalf("connection %d is in the table", c.id)
		}
	}
	if n != len(want) || len(table.slots) > minSlots && n < len(table.slots)/8-1 {
		t.Fatalf("%d connections in %d slots, want %d", n, len(table.slots), len(want))
	}
}

// What an iteration meets may be removed during the iteration, and others may be added.
func TestConnTableChangesInAnIteration(t *testing.T) {
	var table connTable
	for id := range uint64(100) {
		table.add(&Conn{id: id + 1})
	}
	seen := map[uint64]int{}
	last := uint64(100)
	for c := range table.each() {
		seen[c.id]++
		table.remove(c)
		if other := table.find(c.id%100 + 1); other != nil && c.id%3 == 0 {
			table.remove(other)
			seen[other.id]++
		}
		last++
		table.add(&Conn{id: last})
		for range table.each() { // one iteration inside another
		}
	}
	for id := range uint64(100) {
		if seen[id+1] != 1 {
			t.Errorf("connection %d was met %d times", id+1, seen[id+1])
		}
	}
}
