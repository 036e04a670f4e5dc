package topics

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// size returns the number of nodes below n. It checks what must hold for each node.
func (n *Node[V]) size(t *testing.T) (total int) {
	t.Helper()
	if (n.byLevel != nil) != (len(n.children) > fewChildren) && len(n.byLevel) != len(n.children) {
		t.Fatalf("%d children, %d of them by level", len(n.children), len(n.byLevel))
	}
	for i, c := range n.children {
		if c.index != i || c.parent != n || child(n, c.level) != c {
			t.Fatalf("child %d %q is not where it should be", i, c.level)
		}
		if c.Value == nil && len(c.children) == 0 {
			t.Fatalf("node %q is not needed", c.level)
		}
		total += 1 + c.size(t)
	}
	return total
}

// The tree agrees with a map while values are added and removed, and is empty at the end.
func TestTree(t *testing.T) {
	var root Node[int]
	want := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	path := func() string {
		levels := make([]string, 1+r.IntN(4))
		for i := range levels {
			levels[i] = []string{"", "a", "b", "+", "#", fmt.Sprint(r.IntN(40))}[r.IntN(6)]
		}
		return strings.Join(levels, "/")
	}
	for i := range 20_000 {
		p := path()
		if n := root.Find(p); (n != nil && n.Value != nil) != (want[p] != 0) || want[p] != 0 && *n.Value != want[p] {
			t.Fatalf("%q is wrong, want %d", p, want[p])
		}
		if i/2_000%2 == 0 { // grows and shrinks in turn
			v := i + 1
			root.Grow(p).Value, want[p] = &v, v
		} else if n := root.Find(p); n != nil && n.Value != nil {
			n.Clear()
			delete(want, p)
		}
		if i%500 == 0 {
			root.size(t)
		}
	}
	for p := range want {
		root.Find(p).Clear()
	}
	if n := root.size(t); n != 0 || cap(root.children) > fewChildren || root.byLevel != nil {
		t.Errorf("%d nodes are left, memory for %d", n, cap(root.children))
	}
}

// A node keeps no other part of the path than its level.
func TestTreeCopiesLevels(t *testing.T) {
	var root Node[int]
	path := "a/" + strings.Repeat("x", 1<<16)
	n := root.Grow(path)
	n.Value = new(int)
	root.Grow("a/b").Value = new(int)
	n.Clear()
	if got := root.size(t); got != 2 || Levels(path) != 2 || Levels("") != 1 || Levels("//") != 3 {
		t.Errorf("%d nodes, want 2", got)
	}
}
