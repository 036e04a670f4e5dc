package broker

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/topics"
)

func (r *retained) list(filter string, now time.Time) (got []string) {
	var walk topics.TopicWalk[message]
	for walk.Start(&r.root, filter); !walk.Done(); {
		if m := walk.Step(); m != nil && m.expired(now) {
			r.remove(m.topic)
		} else if m != nil {
			got = append(got, m.topic+"="+string(m.data))
		}
	}
	slices.Sort(got)
	return got
}

func TestRetainedMatch(t *testing.T) {
	var r retained
	if got := r.list("#", noon); got != nil {
		t.Fatalf("a new store holds %q", got)
	}
	for _, m := range []message{
		{topic: "a", data: []byte("1")},
		{topic: "a/b", data: []byte("2")},
		{topic: "a/b/c", data: []byte("3")},
		{topic: "$SYS/x", data: []byte("4")},
		{topic: "gone", data: []byte("5")},
		{topic: "a/b", data: []byte("6")},
		{topic: "gone"},
		{topic: "never there"},
		{topic: "a/soon", data: []byte("7"), expires: noon.Add(time.Second)},
	} {
		if !r.put(&m, RetainedLimit) {
			t.Fatalf("%s was not stored", m.topic)
		}
	}
	for _, tc := range []struct {
		filter string
		after  time.Duration
		want   []string
	}{
		{"#", 0, []string{"a/b/c=3", "a/b=6", "a/soon=7", "a=1"}},
		{"a/+", 0, []string{"a/b=6", "a/soon=7"}},
		{"a/b", 0, []string{"a/b=6"}},
		{"gone", 0, nil},
		{"$SYS/#", 0, []string{"$SYS/x=4"}},
		{"a/+", time.Second, []string{"a/b=6"}},
		{"a/+", 0, []string{"a/b=6"}}, // the expired message was removed
	} {
		if got := r.list(tc.filter, noon.Add(tc.after)); !slices.Equal(got, tc.want) {
			t.Errorf("match(%q) after %v = %q, want %q", tc.filter, tc.after, got, tc.want)
		}
	}
}

func TestRetainedLimit(t *testing.T) {
	var r retained
	big := &message{topic: "big", data: make([]byte, RetainedLimit-overhead-topics.NodeSize-len("big"))}
	if !r.put(big, RetainedLimit) || r.bytes != RetainedLimit {
		t.Fatalf("the limit cannot be reached: %d of %d bytes", r.bytes, RetainedLimit)
	}
	if r.put(&message{topic: "x", data: []byte("y")}, RetainedLimit) {
		t.Error("the limit was passed")
	}
	if got := r.list("x", noon); got != nil {
		t.Errorf("a refused message is stored: %q", got)
	}
	if !r.put(big, RetainedLimit) {
		t.Error("the new message of a topic counts as well as the old one")
	}
	if r.put(&message{topic: "big", data: make([]byte, RetainedLimit)}, RetainedLimit) || r.root.Len() != 0 || r.bytes != 0 {
		t.Errorf("a message that is no longer the last was kept: %d bytes", r.bytes)
	}
	n := 0
	for r.put(&message{topic: strconv.Itoa(n), data: []byte("x")}, RetainedLimit) {
		n++
	}
	if most := RetainedLimit / (overhead + topics.NodeSize); n > most || n < most/2 {
		t.Errorf("%d small messages fit, want nearly %d", n, most)
	}
	for i := range n {
		r.put(&message{topic: strconv.Itoa(i)}, RetainedLimit)
	}
	if r.bytes != 0 || r.root.Len() != 0 {
		t.Errorf("the empty store counts %d bytes and keeps %d children", r.bytes, r.root.Len())
	}
}
