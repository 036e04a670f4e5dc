package reactor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type namedLayer struct{ name int }

func (*namedLayer) Handle(*Conn, Event, any) {}

// The list does what a slice does.
func TestLayerList(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var l layerList
	var spare spares[layerStack]
	var want []Protocol
	defer func() {
		l.clear(&spare)
		if l.len() != 0 || len(spare.list) != 1 {
			t.Errorf("%d layers and %d spare stacks, want 0 and 1", l.len(), len(spare.list))
		}
	}()
	for i := range 2000 {
		p := &namedLayer{i}
		switch k := rnd.IntN(3); {
		case k == 0 && len(want) < 4:
			l.push(p, &spare)
			want = append(want, p)
		case k == 1 && len(want) > 0:
			at := rnd.IntN(len(want))
			l.remove(at, &spare)
			want = slices.Delete(want, at, at+1)
		case len(want) > 0:
			at := rnd.IntN(len(want))
			l.set(at, p)
			want[at] = p
		}
		if got := slices.Collect(l.all()); !slices.Equal(got, want) || l.len() != len(want) || l.index(&namedLayer{}) != -1 {
			t.Fatalf("step %d: %d layers %v, want %v", i, l.len(), got, want)
		}
		for at, p := range want {
			if l.index(p) != at || l.at(at) != p {
				t.Fatalf("step %d: layer %d is at %d", i, at, l.index(p))
			}
		}
		if _, ok := l.one.(*layerStack); ok && l.len() < 2 {
			t.Fatalf("step %d: memory for %d layers", i, l.len())
		}
		for _, s := range spare.list {
			if len(*s) > 0 || slices.ContainsFunc((*s)[:cap(*s)], func(p Protocol) bool { return p != nil }) {
				t.Fatalf("step %d: a spare stack has layers", i)
			}
		}
	}
}
