package reactor

import (
	"slices"
	"testing"
)

var interests = []interest{0, readable, writable, readable | writable}

// What kqueue is told, for every change of interest there is.
func TestKqueueChanges(t *testing.T) {
	const both = readable | writable
	for system, k := range map[string]kqueueNumbers{"the BSDs": bsdNumbers, "NetBSD": netbsdNumbers} {
		addRead, addWrite := kqueueChange{k.read, k.add}, kqueueChange{k.write, k.add}
		noRead, noWrite := kqueueChange{k.read, k.remove}, kqueueChange{k.write, k.remove}
		for _, tc := range []struct {
			old, new interest
			want     []kqueueChange
		}{
			{0, 0, nil},
			{0, readable, []kqueueChange{addRead}},
			{0, writable, []kqueueChange{addWrite}},
			{0, both, []kqueueChange{addRead, addWrite}},
			{readable, 0, []kqueueChange{noRead}},
			{readable, readable, nil},
			{readable, writable, []kqueueChange{noRead, addWrite}},
			{readable, both, []kqueueChange{addWrite}},
			{writable, 0, []kqueueChange{noWrite}},
			{writable, readable, []kqueueChange{addRead, noWrite}},
			{writable, writable, nil},
			{writable, both, []kqueueChange{addRead}},
			{both, 0, []kqueueChange{noRead, noWrite}},
			{both, readable, []kqueueChange{noWrite}},
			{both, writable, []kqueueChange{noRead}},
			{both, both, nil},
		} {
			var list [2]kqueueChange
			if got := k.changes(&list, tc.old, tc.new); !slices.Equal(got, tc.want) {
				t.Errorf("%s: from %02b to %02b: %v, want %v", system, tc.old, tc.new, got, tc.want)
			}
		}
	}
}

// What an event of kqueue means. A filter that nobody asked for means nothing.
func TestKqueueInterest(t *testing.T) {
	for system, k := range map[string]kqueueNumbers{"the BSDs": bsdNumbers, "NetBSD": netbsdNumbers} {
		for filter, want := range map[int]interest{k.read: readable, k.write: writable, 7: 0, -7: 0} {
			if got := k.interest(filter); got != want {
				t.Errorf("%s: filter %d means %02b, want %02b", system, filter, got, want)
			}
		}
	}
}
