package poll

import (
	"slices"
	"testing"
)

var interests = []Interest{0, Readable, Writable, Readable | Writable}

// changes returns what kqueue is told for every change of interest.
func TestKqueueChanges(t *testing.T) {
	const both = Readable | Writable
	for system, k := range map[string]kqueueNumbers{"the BSDs": bsdNumbers, "NetBSD": netbsdNumbers} {
		addRead, addWrite := kqueueChange{k.read, k.add}, kqueueChange{k.write, k.add}
		noRead, noWrite := kqueueChange{k.read, k.remove}, kqueueChange{k.write, k.remove}
		for _, tc := range []struct {
			old, new Interest
			want     []kqueueChange
		}{
			{0, 0, nil},
			{0, Readable, []kqueueChange{addRead}},
			{0, Writable, []kqueueChange{addWrite}},
			{0, both, []kqueueChange{addRead, addWrite}},
			{Readable, 0, []kqueueChange{noRead}},
			{Readable, Readable, nil},
			{Readable, Writable, []kqueueChange{noRead, addWrite}},
			{Readable, both, []kqueueChange{addWrite}},
			{Writable, 0, []kqueueChange{noWrite}},
			{Writable, Readable, []kqueueChange{addRead, noWrite}},
			{Writable, Writable, nil},
			{Writable, both, []kqueueChange{addRead}},
			{both, 0, []kqueueChange{noRead, noWrite}},
			{both, Readable, []kqueueChange{noWrite}},
			{both, Writable, []kqueueChange{noRead}},
			{both, both, nil},
		} {
			var list [2]kqueueChange
			if got := k.changes(&list, tc.old, tc.new); !slices.Equal(got, tc.want) {
				t.Errorf("%s: from %02b to %02b: %v, want %v", system, tc.old, tc.new, got, tc.want)
			}
		}
	}
}

// interest translates events of kqueue. A filter that was never added means nothing.
func TestKqueueInterest(t *testing.T) {
	for system, k := range map[string]kqueueNumbers{"the BSDs": bsdNumbers, "NetBSD": netbsdNumbers} {
		for filter, want := range map[int]Interest{k.read: Readable, k.write: Writable, 7: 0, -7: 0} {
			if got := k.interest(filter); got != want {
				t.Errorf("%s: filter %d means %02b, want %02b", system, filter, got, want)
			}
		}
	}
}
