package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// subServer is a server that handles the packets of its connection in any order. Its session has
// the subscriptions with their QoS.
type subServer struct {
	t        *testing.T
	s        *subscriptions
	ids      packetid.Pool
	limits   mqtt.Capabilities
	session  map[string]uint8
	requests []mqtt.Message // on the way to the server
	answers  []mqtt.Message // on the way to the client
	wanted   map[string]int // what the program wants: QoS, -1 for nothing
	changes  int            // of the program
	results  int            // of changes
	trace    []string
}

func newSubServer(t *testing.T, version uint8) *subServer {
	v := &subServer{t: t, limits: mqtt.NewCapabilities(version), session: map[string]uint8{}, wanted: map[string]int{}}
	v.s = newSubscriptions(version, &v.ids)
	v.s.up(false, &v.limits)
	return v
}

func (v *subServer) fail(format string, args ...any) {
	v.t.Fatalf("%s\nafter %s", fmt.Sprintf(format, args...), strings.Join(v.trace, ", "))
}

// change makes the program change a filter: subscribe with a QoS, or unsubscribe with -1.
func (v *subServer) change(filter string, qos int) {
	var err error
	if qos < 0 {
		err = v.s.unsubscribe([]string{filter})
	} else {
		err = v.s.subscribe([]Subscription{{Filter: filter, QoS: uint8(qos)}})
	}
	if err != nil {
		v.fail("%v", err)
	}
	v.wanted[filter] = qos
	v.changes++
}

// handle makes the server handle a request. It grants everything.
func (v *subServer) handle(i int) {
	m := v.requests[i]
	v.requests = slices.Delete(slices.Clone(v.requests), i, i+1)
	var f mqtt.Filter
	var codes []mqtt.ReasonCode
	for ofs := m.NextFilter(&f, 0); ofs > 0; ofs = m.NextFilter(&f, ofs) {
		if m.Cmd == mqtt.CmdSubscribe {
			v.session[f.Topic] = f.QoS
			codes = append(codes, mqtt.ReasonCode(f.QoS))
		} else {
			delete(v.session, f.Topic)
			codes = append(codes, 0)
		}
	}
	v.answers = append(v.answers, *subAnswer(v.t, &m, codes))
}

func (v *subServer) arrive() {
	m := v.answers[0]
	v.answers = v.answers[1:]
	if err := v.s.receive(&m); err != nil {
		v.fail("%v", err)
	}
}

func (v *subServer) cut(present bool) {
	v.requests, v.answers = nil, nil
	v.s.down()
	if v.ids.Len() != 0 {
		v.fail("%d packet identifiers are in use without a connection", v.ids.Len())
	}
	if !present {
		clear(v.session)
	}
	v.s.up(present, &v.limits)
}

func (v *subServer) takeResults() {
	for r, _ := v.s.result(); r != nil; r, _ = v.s.result() {
		if !r.Resumed {
			v.results++
		}
	}
}

func (v *subServer) step(pick func(int) int, changes []subChange, done *int, cuts, losses *int) {
	type choice struct {
		name string
		do   func()
	}
	var choices []choice
	may := func(ok bool, name string, do func()) {
		if ok {
			choices = append(choices, choice{name, do})
		}
	}
	may(*done < len(changes), fmt.Sprint("change ", *done), func() {
		*done++
		v.change(changes[*done-1].filter, changes[*done-1].qos)
	})
	may(len(v.s.queue) > 0, "send", func() {
		v.requests = append(v.requests, parsePackets(v.t, v.s.version, v.s.append(nil))...)
	})
	may(len(v.requests) > 0, "handle the first", func() { v.handle(0) })
	may(len(v.requests) > 1, "handle the last", func() { v.handle(len(v.requests) - 1) })
	may(len(v.answers) > 0, "arrive", v.arrive)
	may(*cuts > 0, "cut", func() { *cuts--; v.cut(true) })
	may(*losses > 0, "lose", func() { *losses--; v.cut(false) })
	if len(choices) > 0 {
		c := choices[pick(len(choices))]
		v.trace = append(v.trace, c.name)
		c.do()
		v.takeResults()
	}
}

type subChange struct {
	filter string
	qos    int // -1: unsubscribe
}

// Every order of events for a few changes: the server ends with what the program wants, and each
// change has one result.
func TestSubscriptionsEveryInterleaving(t *testing.T) {
	for _, tc := range []struct {
		changes      []subChange
		steps        int
		cuts, losses int
	}{
		{[]subChange{{"a", 0}, {"a", 1}, {"a", -1}}, 18, 2, 0},
		{[]subChange{{"a", 0}, {"a", -1}, {"a", 2}}, 12, 1, 1},
		{[]subChange{{"a", 0}, {"b", 1}, {"a", -1}}, 13, 0, 1},
		{[]subChange{{"a", 1}, {"b", 0}}, 11, 1, 1},
	} {
		runs := enumerate(func(pick func(int) int) {
			v := newSubServer(t, 5)
			done, cuts, losses := 0, tc.cuts, tc.losses
			for range tc.steps {
				v.step(pick, tc.changes, &done, &cuts, &losses)
			}
			v.finish(tc.changes[done:])
		})
		t.Logf("%+v: %d orders", tc, runs)
		if runs < 1000 {
			t.Errorf("%+v: only %d orders", tc, runs)
		}
	}
}

// finish does everything that is left to do. Then a new connection to the same session must send
// nothing.
func (v *subServer) finish(changes []subChange) {
	v.trace = append(v.trace, "the rest")
	for _, c := range changes {
		v.change(c.filter, c.qos)
	}
	for range 10 {
		v.requests = append(v.requests, parsePackets(v.t, v.s.version, v.s.append(nil))...)
		for len(v.requests) > 0 {
			v.handle(0)
		}
		for len(v.answers) > 0 {
			v.arrive()
		}
	}
	v.takeResults()
	want := map[string]uint8{}
	for filter, qos := range v.wanted {
		if qos >= 0 {
			want[filter] = uint8(qos)
		}
	}
	if fmt.Sprint(v.session) != fmt.Sprint(want) || len(v.s.filters) != len(want) {
		v.fail("the server has %v, the client %d, want %v", v.session, len(v.s.filters), want)
	}
	if v.results != v.changes {
		v.fail("%d changes have %d results", v.changes, v.results)
	}
	if v.cut(true); len(v.s.append(nil)) != 0 || v.ids.Len() != 0 {
		v.fail("something is sent again to a session that is present")
	}
}
