package broker

import (
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

func TestSubsMatch(t *testing.T) {
	type want struct {
		ok        bool
		qos       uint8
		published bool // RetainAsPublished
	}
	f := func(topic string, qos uint8) mqtt.Filter { return mqtt.Filter{Topic: topic, QoS: qos} }
	for _, tc := range []struct {
		name    string
		filters []mqtt.Filter
		topic   string
		own     bool
		want    want
	}{
		{"none", nil, "a", false, want{}},
		{"same", []mqtt.Filter{f("a/b", 1)}, "a/b", false, want{ok: true, qos: 1}},
		{"longer topic", []mqtt.Filter{f("a", 1)}, "a/b", false, want{}},
		{"longer filter", []mqtt.Filter{f("a/b", 1)}, "a", false, want{}},
		{"case", []mqtt.Filter{f("A", 1)}, "a", false, want{}},
		{"plus", []mqtt.Filter{f("a/+/c", 2)}, "a/b/c", false, want{ok: true, qos: 2}},
		{"plus is one level", []mqtt.Filter{f("a/+", 0)}, "a/b/c", false, want{}},
		{"plus is empty level", []mqtt.Filter{f("a/+", 0)}, "a/", false, want{ok: true}},
		{"plus is not no level", []mqtt.Filter{f("a/+", 0)}, "a", false, want{}},
		{"hash", []mqtt.Filter{f("a/#", 0)}, "a/b/c", false, want{ok: true}},
		{"hash and parent", []mqtt.Filter{f("a/#", 0)}, "a", false, want{ok: true}},
		{"hash alone", []mqtt.Filter{f("#", 0)}, "/a", false, want{ok: true}},
		{"hash and dollar", []mqtt.Filter{f("#", 0)}, "$SYS/x", false, want{}},
		{"plus and dollar", []mqtt.Filter{f("+/x", 0)}, "$SYS/x", false, want{}},
		{"dollar named", []mqtt.Filter{f("$SYS/#", 0)}, "$SYS/x", false, want{ok: true}},
		{"overlap: highest QoS", []mqtt.Filter{f("a/#", 0), f("a/+", 2), f("a/b", 1), f("b", 2)}, "a/b", false, want{ok: true, qos: 2}},
		{"overlap: those that match", []mqtt.Filter{f("a/#", 0), f("a/b", 1), f("b", 2)}, "a/b", false, want{ok: true, qos: 1}},
		{"same filter replaced", []mqtt.Filter{f("a", 2), f("a", 0)}, "a", false, want{ok: true, qos: 0}},
		{"no local, own", []mqtt.Filter{{Topic: "a", QoS: 1, NoLocal: true}}, "a", true, want{}},
		{"no local, other's", []mqtt.Filter{{Topic: "a", QoS: 1, NoLocal: true}}, "a", false, want{ok: true, qos: 1}},
		{"own", []mqtt.Filter{{Topic: "a", QoS: 1}}, "a", true, want{ok: true, qos: 1}},
		{"no local beside another", []mqtt.Filter{{Topic: "a", QoS: 2, NoLocal: true}, f("+", 1)}, "a", true, want{ok: true, qos: 1}},
		{"retain as published", []mqtt.Filter{f("+", 2), {Topic: "a", RetainAsPublished: true}}, "a", false, want{true, 2, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var root subTree
			s := &session{id: "s", subs: make(subs)}
			for _, f := range tc.filters {
				root.add(s, f, "", nil)
			}
			from := ""
			if tc.own {
				from = s.id
			}
			got := want{}
			for _, tg := range root.targets(tc.topic, from) {
				got = want{true, tg.qos, tg.retain}
			}
			if got != tc.want {
				t.Errorf("the targets of %q are %+v, want %+v", tc.topic, got, tc.want)
			}
		})
	}
}

// targets returns the clients that get a message.
func (root *subTree) targets(topic, from string) []target {
	p := publication{msg: &message{qos: 2, retain: true}, id: from, index: map[*session]int{}}
	for p.walk.Start(&root.Node, topic); !p.walk.Done(); {
		p.walk.Step(func(v *filterSubs) { p.add(v) })
	}
	return p.targets
}

func TestSubsAddRemove(t *testing.T) {
	var root subTree
	a, b := &session{subs: make(subs)}, &session{subs: make(subs)}
	if _, isNew := root.add(a, mqtt.Filter{Topic: "a/+", QoS: 1}, "", nil); !isNew {
		t.Error("the first subscription is not new")
	}
	if _, isNew := root.add(a, mqtt.Filter{Topic: "a/+", QoS: 2}, "", nil); isNew || len(a.subs) != 1 {
		t.Error("the same filter makes a second subscription")
	}
	root.add(b, mqtt.Filter{Topic: "a/+"}, "", nil)
	root.add(b, mqtt.Filter{Topic: "a/b"}, "", nil)
	if got := root.targets("a/b", ""); len(got) != 2 {
		t.Fatalf("%d clients, want 2", len(got))
	}
	a.subs["a/+"].remove()
	if got := root.targets("a/c", ""); len(got) != 1 || got[0].s != b || len(a.subs) != 0 {
		t.Errorf("after the first is removed: %+v", got)
	}
	b.subs["a/+"].remove()
	b.subs["a/b"].remove()
	if root.Len() != 0 || len(b.subs) != 0 {
		t.Error("the tree is not empty")
	}
}
