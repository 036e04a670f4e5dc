package mdns_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mdns"
	"github.com/rikki-go/rikki/reactor"
)

func question(name string, types ...mdns.Type) (m mdns.Message) {
	for _, t := range types {
		m.Questions = append(m.Questions, mdns.Question{Name: name, Type: t, Class: mdns.ClassIN})
	}
	return m
}

// answers returns the addresses of a message, and checks what all answers have in common.
func answers(t *testing.T, m mdns.Message, ttl uint32, flush bool) (list []string) {
	t.Helper()
	if !m.Response || !m.Authoritative {
		t.Errorf("not an authoritative response: %+v", m)
	}
	for _, r := range m.Answers {
		if r.TTL != ttl || r.CacheFlush != flush || r.Class != mdns.ClassIN {
			t.Errorf("record %+v, want TTL %d, flush %v", r, ttl, flush)
		}
		list = append(list, r.Addr.String())
	}
	return list
}

// listener makes a responder with two addresses.
func listener(t *testing.T, host string) (*reactor.Manager, *looptest.Clock) {
	t.Helper()
	clock := looptest.NewClock()
	m := looptest.NewManager(t, reactor.WithClock(clock.Now))
	_, err := mdns.Listen(m, &mdns.Options{Host: host, Interface: loopback(t),
		Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}}, nil, nil)
	looptest.Must(t, err)
	return m, clock
}

// A question from port 5353 is answered to the group, at most once per second for each type.
func TestAnswersToTheGroup(t *testing.T) {
	host := ownName("group")
	name := host + ".local"
	m, clock := listener(t, host)
	p := newRaw(t, group.Port())
	for _, row := range []struct {
		q    mdns.Message
		want []string // nil: no answer
	}{
		{question(strings.ToUpper(name), mdns.TypeA), []string{"10.0.0.1"}},
		{question(name, mdns.TypeA), nil}, // it was sent just now
		{question(name, mdns.TypeAAAA), []string{"fd00::1"}},
		{question(name, mdns.TypeANY), nil},
	} {
		p.send(group, row.q)
		if row.want == nil {
			looptest.Spin(t, m, 5)
			if a, _, ok := p.next(name, true); ok {
				t.Errorf("%+v: %+v", row.q, a)
			}
			continue
		}
		a, from := p.await(m, name, true)
		if got := answers(t, a, 120, true); !reflect.DeepEqual(got, row.want) || a.ID != 0 || len(a.Questions) > 0 || from.Port() != 5353 {
			t.Errorf("%+v: %q in %+v from %v", row.q, got, a, from)
		}
	}
	clock.Advance(time.Second)
	p.send(group, question(name, mdns.TypeANY))
	if a, _ := p.await(m, name, true); len(answers(t, a, 120, true)) != 2 {
		t.Errorf("a second later: %+v", a)
	}
}

// A querier whose address may be forged cannot make the answer large: each question is repeated
// once, however often it was asked, and those without an answer are not.
func TestAnswerToManyQuestions(t *testing.T) {
	host := ownName("many")
	name := host + ".local"
	m, _ := listener(t, host)
	p := newRaw(t, 0)
	q := question(name, mdns.TypeA, mdns.TypeAAAA)
	for i := range 90 {
		q.Questions = append(q.Questions, q.Questions[i%2], question(strings.ToUpper(name), mdns.Type(300+i)).Questions[0])
	}
	p.send(group, q)
	a, _ := p.await(m, name, true)
	if got := answers(t, a, 10, false); len(got) != 2 || len(a.Questions) != 2 {
		t.Errorf("answers %q, %d questions, want 2 of each", got, len(a.Questions))
	}
}

// What is not a question for the host's name is not answered.
func TestNoAnswer(t *testing.T) {
	host := ownName("none")
	name := host + ".local"
	m, _ := listener(t, host)
	p := newRaw(t, group.Port())
	bad := func(change func(m *mdns.Message)) mdns.Message {
		q := question(name, mdns.TypeA)
		change(&q)
		return q
	}
	for what, q := range map[string]mdns.Message{
		"another name": question("x"+name, mdns.TypeA),
		"another type": question(name, mdns.TypeTXT),
		"class":        bad(func(m *mdns.Message) { m.Questions[0].Class = 3 }),
		"opcode":       bad(func(m *mdns.Message) { m.Opcode = 1 }),
		"rcode":        bad(func(m *mdns.Message) { m.RCode = 1 }),
		"no question":  {},
		"known answer": bad(func(m *mdns.Message) {
			m.Answers = []mdns.Record{{Name: name, Type: mdns.TypeA, Class: 1, TTL: 60, Addr: netip.MustParseAddr("10.0.0.1")}}
		}),
	} {
		p.send(group, q)
		looptest.Spin(t, m, 5)
		if a, _, ok := p.next(name, true); ok {
			t.Errorf("%s: %+v", what, a)
		}
	}
	p.sendBytes(group, []byte("not DNS"))
	p.send(group, bad(func(m *mdns.Message) { // what is known expires soon
		m.Answers = []mdns.Record{{Name: name, Type: mdns.TypeA, Class: 1, TTL: 59, Addr: netip.MustParseAddr("10.0.0.1")}}
	}))
	p.await(m, name, true)
}

// A simple querier gets the answer alone: with the question, its ID and a short TTL. A querier that
// wants unicast gets the usual form alone. Neither is limited to one answer per second.
func TestUnicastAnswers(t *testing.T) {
	host := ownName("unicast")
	name := host + ".local"
	m, _ := listener(t, host)
	all, simple := newRaw(t, group.Port()), newRaw(t, 0)
	for range 2 {
		q := question(name, mdns.TypeANY)
		q.ID = 4711
		simple.send(group, q)
		a, from := simple.await(m, name, true)
		if got := answers(t, a, 10, false); len(got) != 2 || a.ID != 4711 || !reflect.DeepEqual(a.Questions, q.Questions) || from.Port() != 5353 {
			t.Errorf("%+v from %v", a, from)
		}
	}
	if a, _, ok := all.next(name, true); ok {
		t.Errorf("the group has got %+v", a)
	}
}

// Without Addrs, the answer has the addresses of the interface.
func TestAddressesOfTheInterface(t *testing.T) {
	m := looptest.NewStillManager(t)
	host := ownName("addrs")
	_, err := mdns.Listen(m, &mdns.Options{Host: host, Interface: loopback(t)}, nil, nil)
	looptest.Must(t, err)
	p := newRaw(t, 0)
	for range 2 { // from the system, and from the cache
		p.send(group, question(host+".local", mdns.TypeA))
		a, _ := p.await(m, host+".local", true)
		if got := answers(t, a, 10, false); !reflect.DeepEqual(got, []string{"127.0.0.1"}) {
			t.Errorf("%q", got)
		}
	}
}

// Query finds the host of a Listen.
func TestQueryFindsListen(t *testing.T) {
	host := ownName("both")
	m, _ := listener(t, host)
	h := &heard{}
	_, err := mdns.Query(m, host, &mdns.QueryOptions{Interface: loopback(t)}, h.handle, nil)
	looptest.Must(t, err)
	looptest.Await(t, m, "the records", func() bool { return len(h.records) == 2 })
	if want := []string{host + ".local 10.0.0.1", host + ".local fd00::1"}; !reflect.DeepEqual(h.records, want) {
		t.Errorf("%q", h.records)
	}
}

func TestListenErrors(t *testing.T) {
	m := looptest.NewManager(t)
	for _, row := range []struct {
		o    mdns.Options
		want string
	}{
		{mdns.Options{Host: "a.local"}, "want one label"},
		{mdns.Options{Host: strings.Repeat("x", 64)}, "more than 63 bytes"},
		{mdns.Options{Host: "a", Interface: "nope0"}, "on nope0"},
	} {
		called := false
		_, err := mdns.Listen(m, &row.o, func(*reactor.Conn, reactor.Event, any) { called = true }, nil)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v, want %q", row.o, err, row.want)
		}
		if looptest.Spin(t, m, 3); called || m.Stats().Listeners > 0 {
			t.Errorf("%+v: the handler was called: %v; %d listeners", row.o, called, m.Stats().Listeners)
		}
	}
}
