package topics

import (
	"fmt"
	"testing"
)

// A search for a topic of bytes makes no string of it.
func TestSearchAllocations(t *testing.T) {
	var root Node[string]
	value := "x"
	for i := range 3 * fewChildren {
		root.Grow(fmt.Sprint("devices of the building/", i)).Value = &value
	}
	root.Grow("+/7").Value = &value
	root.Grow("#").Value = &value
	var w Search[string, []byte]
	topic, found := []byte("devices of the building/7"), 0
	allocs := testing.AllocsPerRun(100, func() {
		for w.Start(&root, topic); !w.Done(); {
			w.Step(func(*string) { found++ })
		}
	})
	if allocs != 0 || found == 0 || found%3 != 0 {
		t.Errorf("%v allocations, %d filters found", allocs, found)
	}
}
