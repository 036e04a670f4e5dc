package topics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// paths returns all paths of up to depth levels, each from the list.
func paths(depth int, levels ...string) (all []string) {
	previous := []string{}
	for d := range depth {
		var next []string
		for _, level := range levels {
			if d == 0 {
				next = append(next, level)
			}
			for _, p := range previous {
				next = append(next, p+"/"+level)
			}
		}
		all, previous = append(all, next...), next
	}
	return all
}

// forest is a tree of filters and one of topics.
type forest struct{ filters, topics Node[string] }

func newForest(filters, topics []string) *forest {
	f := &forest{}
	for _, s := range filters {
		f.filters.Grow(s).Value = &s
	}
	for _, s := range topics {
		f.topics.Grow(s).Value = &s
	}
	return f
}

func (f *forest) matching(topic string) (got []string, steps int) {
	var w FilterWalk[string]
	for w.Start(&f.filters, topic); !w.Done(); steps++ {
		w.Step(func(s *string) { got = append(got, *s) })
	}
	slices.Sort(got)
	var again []string
	var bytes Search[string, []byte]
	for bytes.Start(&f.filters, []byte(topic)); !bytes.Done(); {
		bytes.Step(func(s *string) { again = append(again, *s) })
	}
	if slices.Sort(again); !slices.Equal(got, again) {
		panic(fmt.Sprintf("topic %q: %q with a string, %q with bytes", topic, got, again))
	}
	return got, steps
}

func (f *forest) matchedBy(filter string) (got []string, steps int) {
	var w TopicWalk[string]
	for w.Start(&f.topics, filter); !w.Done(); steps++ {
		if s := w.Step(); s != nil {
			got = append(got, *s)
		}
	}
	slices.Sort(got)
	return got, steps
}

// check compares both walks with mqtt.Match.
func check(t *testing.T, filters, topics []string) {
	t.Helper()
	f := newForest(filters, topics)
	for _, topic := range topics {
		var want []string
		for _, filter := range filters {
			if mqtt.Match(filter, topic) {
				want = append(want, filter)
			}
		}
		slices.Sort(want)
		if got, _ := f.matching(topic); !slices.Equal(got, want) {
			t.Fatalf("topic %q: filters\n got %q\nwant %q", topic, got, want)
		}
	}
	for _, filter := range filters {
		var want []string
		for _, topic := range topics {
			if mqtt.Match(filter, topic) {
				want = append(want, topic)
			}
		}
		slices.Sort(want)
		if got, _ := f.matchedBy(filter); !slices.Equal(got, want) {
			t.Fatalf("filter %q: topics\n got %q\nwant %q", filter, got, want)
		}
	}
}

// valid returns the strings that ok accepts, each once.
func valid(list []string, ok func(string) bool) []string {
	set := map[string]bool{}
	for _, s := range list {
		if ok(s) {
			set[s] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func isFilter(s string) bool { return mqtt.ValidFilter(s, 4) }
func isTopic(s string) bool  { return mqtt.ValidTopic(s) }

// All filters and topics of up to four levels.
func TestWalks(t *testing.T) {
	levels := []string{"", "a", "b", "$a"}
	check(t, valid(paths(3, append(levels, "+", "#")...), isFilter), valid(paths(3, levels...), isTopic))
	check(t, valid(paths(5, "a", "+", "#"), isFilter), valid(paths(5, "a", "b"), isTopic))
}

// Many children of a node are in a map.
func TestWalksWithManyChildren(t *testing.T) {
	var topics []string
	for i := range 5 * fewChildren {
		topics = append(topics, fmt.Sprint(i), fmt.Sprint("a/", i), fmt.Sprint(i, "/a"), fmt.Sprint("$", i))
	}
	check(t, append(topics, "#", "+", "+/#", "a/+", "+/a", "a/#", "7/#"), topics)
}

func FuzzWalks(f *testing.F) {
	f.Add("a/b\n+/#\n#\n$s/+", "a/b\n$s/x\n/\na")
	f.Add("+/+\n//\n+\n+/\n/#", "//\n/\na/\n/a")
	f.Fuzz(func(t *testing.T, filters, topics string) {
		check(t, valid(strings.Split(filters, "\n"), isFilter), valid(strings.Split(topics, "\n"), isTopic))
	})
}

// A search visits what matches, or begins like what matches, and nothing else.
func TestWalkCosts(t *testing.T) {
	var filters, topics []string
	for i := range 10_000 {
		filters = append(filters, fmt.Sprintf("x/%d/+/y", i), fmt.Sprintf("+/%d", i))
		topics = append(topics, fmt.Sprintf("x/%d/z/y", i))
	}
	f := newForest(filters, topics)
	if got, steps := f.matching("x/77/z/y"); len(got) != 1 || steps > 10 {
		t.Errorf("a topic of four levels: %q in %d steps", got, steps)
	}
	if got, steps := f.matchedBy("x/77/+/y"); len(got) != 1 || steps > 10 {
		t.Errorf("a filter of four levels: %q in %d steps", got, steps)
	}
}

// What is in the tree all the time is found, also if other topics come and go between the steps.
func TestTopicWalkWhileTopicsChange(t *testing.T) {
	for _, filter := range []string{"#", "+", "+/#"} {
		var topics []string
		for i := range 100 {
			topics = append(topics, fmt.Sprint(i))
		}
		f := newForest(nil, topics)
		found := map[string]bool{}
		var w TopicWalk[string]
		i := 0
		for w.Start(&f.topics, filter); !w.Done(); i++ {
			if s := w.Step(); s != nil {
				found[*s] = true
			}
			if n := f.topics.Find(fmt.Sprint(2 * (i * 7 % 50))); n != nil && i < 60 { // an even one
				n.Clear()
			}
			if i%5 == 0 {
				s := fmt.Sprint("new", i)
				f.topics.Grow(s).Value = &s
			}
		}
		for i := 1; i < 100; i += 2 {
			if !found[fmt.Sprint(i)] {
				t.Errorf("%s does not find %d", filter, i)
			}
		}
	}
}
