package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// allPaths returns all paths of up to depth levels, each from the list.
func allPaths(depth int, levels ...string) (all []string) {
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

// routed subscribes to filters, each with an Fn that notes its filter.
type routed struct {
	t   *testing.T
	s   *subscriptions
	ids packetid.Pool
	got []string
}

// newRouted returns subscriptions that a server has granted. identify says that it knows
// subscription identifiers.
func newRouted(t *testing.T, identify bool, filters ...string) *routed {
	r := &routed{t: t}
	r.s = newSubscriptions(5, &r.ids)
	server := mqtt.NewCapabilities(5)
	server.SubIDsAvailable = identify
	r.s.up(true, &server)
	for _, filter := range filters {
		if err := r.s.subscribe([]Subscription{{Filter: filter, Fn: r.note(filter)}}); err != nil {
			t.Fatal(err)
		}
	}
	r.grant()
	return r
}

func (r *routed) note(what string) reactor.Handler {
	return func(*reactor.Conn, reactor.Event, any) { r.got = append(r.got, what) }
}

// grant answers all packets until none is sent.
func (r *routed) grant() {
	for {
		sent := parsePackets(r.t, 5, r.s.append(nil))
		for _, m := range sent {
			codes := make([]mqtt.ReasonCode, strings.Count(filtersOf(&m), ","))
			if err := r.s.receive(subAnswer(r.t, &m, codes)); err != nil {
				r.t.Fatal(err)
			}
		}
		if len(sent) == 0 {
			return
		}
	}
}

func filtersOf(m *mqtt.Message) (text string) {
	var f mqtt.Filter
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		text += f.Topic + ","
	}
	return text
}

// message is a PUBLISH with subscription identifiers.
func (r *routed) message(topic string, ids ...uint32) *mqtt.Message {
	var props []mqtt.Property
	for _, id := range ids {
		props = append(props, mqtt.Property{ID: mqtt.PropSubscriptionIdentifier, Int: id})
	}
	packet, err := mqtt.AppendPublish(nil, 5, &mqtt.PublishPacket{Topic: topic, Props: props})
	if err != nil {
		r.t.Fatal(err)
	}
	return &parsePackets(r.t, 5, packet)[0]
}

// route returns the filters whose Fn was called, in order.
func (r *routed) route(m *mqtt.Message) []string {
	r.got = nil
	found := r.s.route(m, func(fn reactor.Handler) { fn(nil, reactor.EvMQTTMsg, m) })
	if found != (len(r.got) > 0) {
		r.t.Errorf("%s: found %v, called %q", m.Topic, found, r.got)
	}
	slices.Sort(r.got)
	return r.got
}

func (r *routed) id(filter string) uint32 { return r.s.filter(filter).subID }

// Each message gets to the filters that it matches: with identifiers in one message, with a message
// for each, and without.
func TestRouteAgreesWithMatch(t *testing.T) {
	var filters, topics []string
	for _, f := range allPaths(3, "", "a", "b", "$a", "+", "#") {
		if mqtt.ValidFilter(f, 5) && !slices.Contains(filters, f) {
			filters = append(filters, f)
		}
	}
	for _, topic := range allPaths(3, "", "a", "b", "$a") {
		if topic != "" && !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	for i, f := range filters {
		if i%3 == 0 {
			filters[i] = "$share/group/" + f
		}
	}
	tree, withIDs := newRouted(t, false, filters...), newRouted(t, true, filters...)
	for _, topic := range topics {
		var want []string
		var ids []uint32
		for _, f := range filters {
			if mqtt.Match(innerFilter(f), topic) {
				want, ids = append(want, f), append(ids, withIDs.id(f))
			}
		}
		slices.Sort(want)
		if got := tree.route(tree.message(topic)); !slices.Equal(got, want) {
			t.Fatalf("%s by topic: %q, want %q", topic, got, want)
		}
		if got := withIDs.route(withIDs.message(topic, ids...)); !slices.Equal(got, want) {
			t.Fatalf("%s by identifiers: %q, want %q", topic, got, want)
		}
		for _, f := range want {
			if got := withIDs.route(withIDs.message(topic, withIDs.id(f))); !slices.Equal(got, []string{f}) {
				t.Fatalf("%s for %s: %q", topic, f, got)
			}
		}
	}
}

func TestOverlap(t *testing.T) {
	var filters []string
	for _, f := range allPaths(3, "", "a", "$a", "+", "#") {
		if mqtt.ValidFilter(f, 4) {
			filters = append(filters, f)
		}
	}
	topics := allPaths(4, "", "a", "$a", "x")
	for _, a := range filters {
		for _, b := range filters {
			want := slices.ContainsFunc(topics, func(topic string) bool { return mqtt.Match(a, topic) && mqtt.Match(b, topic) })
			if a == "+" && b == "/#" || a == "/#" && b == "+" {
				want = true // they share only the topic without bytes, which does not exist
			}
			if got := overlap(a, b); got != want {
				t.Fatalf("overlap(%q, %q) = %v", a, b, got)
			}
		}
	}
}

func TestRoute(t *testing.T) {
	r := newRouted(t, true, "a/+", "+/b", "c")
	for _, tc := range []struct {
		name  string
		topic string
		ids   []uint32
		want  string
	}{
		{"both", "a/b", []uint32{r.id("a/+"), r.id("+/b")}, "+/b a/+"},
		{"one of two", "a/b", []uint32{r.id("+/b")}, "+/b"},
		{"an identifier twice", "a/b", []uint32{r.id("+/b"), r.id("+/b")}, "+/b"},
		{"no identifier", "a/b", nil, "+/b a/+"},
		{"an identifier that is not known", "a/b", []uint32{99}, "+/b a/+"},
		{"one that is known and one that is not", "a/b", []uint32{r.id("+/b"), 99}, "+/b a/+"},
		{"the identifier of another filter", "c", []uint32{r.id("+/b")}, "c"},
		{"nobody", "x", nil, ""},
		{"nobody, with an identifier", "x", []uint32{r.id("c")}, ""},
	} {
		if got := strings.Join(r.route(r.message(tc.topic, tc.ids...)), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Routing follows the program's calls, not the server's answers. An Fn may make these calls.
func TestRouteWhileSubscriptionsChange(t *testing.T) {
	for _, identify := range []bool{false, true} {
		r := newRouted(t, identify, "a", "+", "#")
		old := []uint32{}
		if identify {
			old = []uint32{r.id("a"), r.id("+"), r.id("#")}
		}
		check := func(what, want string) {
			t.Helper()
			for range 2 { // the second time after the server's answers
				if got := strings.Join(r.route(r.message("a", old...)), " "); got != want {
					t.Errorf("identify %v, %s: %s, want %s", identify, what, got, want)
				}
				r.grant()
			}
		}
		check("at first", "# + a")
		r.s.unsubscribe([]string{"+"})
		check("after Unsubscribe", "# a")
		r.s.subscribe([]Subscription{{Filter: "a", Fn: r.note("a2")}, {Filter: "#"}})
		check("with another Fn and without one", "a2")
		first := 0
		remove := func(c *reactor.Conn, ev reactor.Event, data any) {
			if r.got = append(r.got, "remove"); first == 0 {
				first++
				r.s.unsubscribe([]string{"a", "+", "#"})
			}
		}
		r.s.subscribe([]Subscription{{Filter: "a", Fn: remove}, {Filter: "+", Fn: remove}, {Filter: "#", Fn: remove}})
		if got := r.route(r.message("a", old...)); len(got) != 1 {
			t.Errorf("an Fn unsubscribes all filters: %q are called", got)
		}
		check("after all have been removed", "")
		if r.s.count != 0 || r.s.unidentified != 0 || r.s.tree.Len() != 0 || len(r.s.byID) != 0 {
			t.Errorf("%d filters, %d without an identifier, %d identifiers are left", r.s.count, r.s.unidentified, len(r.s.byID))
		}
	}
}

// A message may arrive inside an Fn.
func TestRouteInsideRoute(t *testing.T) {
	r := newRouted(t, false, "a", "b")
	r.s.subscribe([]Subscription{{Filter: "#", Fn: func(_ *reactor.Conn, _ reactor.Event, data any) {
		if r.got = append(r.got, "#"); string(data.(*mqtt.Message).Topic) == "a" {
			m := r.message("b")
			r.s.route(m, func(fn reactor.Handler) { fn(nil, 0, m) })
		}
	}}})
	for range 2 {
		if got := strings.Join(r.route(r.message("a")), " "); got != "# # a b" {
			t.Errorf("got %s", got)
		}
	}
}

// After the session has ended, no Fn is called any more.
func TestRouteWhileTheSessionEnds(t *testing.T) {
	r := newRouted(t, false)
	end := func(*reactor.Conn, reactor.Event, any) {
		r.got = append(r.got, "end")
		r.s.close(ErrReplaced)
	}
	r.s.subscribe([]Subscription{{Filter: "a", Fn: end}, {Filter: "+", Fn: end}})
	if got := r.route(r.message("a")); len(got) != 1 {
		t.Errorf("%q are called", got)
	}
}

// A server with identifiers may follow one without, for the same session, and the other way round.
// A filter that was granted without one is found by its topic.
func TestRouteWithSomeIdentifiers(t *testing.T) {
	r := newRouted(t, false, "a/+")
	server := mqtt.NewCapabilities(5)
	r.s.down()
	r.s.up(true, &server)
	r.s.subscribe([]Subscription{{Filter: "a/b", Fn: r.note("a/b")}})
	r.grant()
	if got := strings.Join(r.route(r.message("a/b", r.id("a/b"))), " "); got != "a/+ a/b" {
		t.Errorf("got %s", got)
	}
	server.SubIDsAvailable = false
	r.s.down()
	r.s.up(false, &server)
	r.grant()
	if r.id("a/b") != 0 || r.s.unidentified != 2 {
		t.Error("a filter keeps an identifier that the server does not know")
	}
}

// If a server refuses a filter, its Fn is not called any more.
func TestRouteAfterRefusal(t *testing.T) {
	r := newRouted(t, true, "a")
	r.s.subscribe([]Subscription{{Filter: "a", QoS: 1, Fn: r.note("again")}})
	m := parsePackets(t, 5, r.s.append(nil))[0]
	r.s.receive(subAnswer(t, &m, []mqtt.ReasonCode{0x87}))
	if got := r.route(r.message("a")); len(got) != 0 {
		t.Errorf("%q are called", got)
	}
}

// Identifiers go round, and those in use are left out.
func TestSubscriptionIdentifiersGoRound(t *testing.T) {
	r := newRouted(t, true, "a", "b")
	r.s.lastID = maxSubID - 1
	r.s.subscribe([]Subscription{{Filter: "c", Fn: r.note("c")}})
	r.grant()
	r.s.subscribe([]Subscription{{Filter: "d", Fn: r.note("d")}})
	r.grant()
	if c, d := r.id("c"), r.id("d"); c != maxSubID || d != 2 {
		t.Errorf("the identifiers are %d and %d, want %d and 2", c, d, maxSubID)
	}
}

func TestRouteAllocations(t *testing.T) {
	for _, identify := range []bool{false, true} {
		r := newRouted(t, identify, "devices/+/temperature", "devices/#", "#", "rooms/cellar")
		for i := range 100 {
			r.s.subscribe([]Subscription{{Filter: fmt.Sprint("devices/", i), Fn: r.note("x")}})
		}
		r.grant()
		m := r.message("devices/the one in the cellar/temperature")
		if identify {
			m = r.message("devices/the one in the cellar/temperature", r.id("#"), r.id("devices/#"))
		}
		calls := 0
		if n := testing.AllocsPerRun(100, func() { r.s.route(m, func(reactor.Handler) { calls++ }) }); n != 0 || calls < 200 {
			t.Errorf("identify %v: %v allocations, %d calls", identify, n, calls)
		}
	}
}
