package mdns_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mdns"
	"github.com/rikki-go/rikki/reactor"
)

// addr is a record with an address.
func addr(name, a string) mdns.Record {
	r := mdns.Record{Name: name, Type: mdns.TypeA, Class: mdns.ClassIN, TTL: 10, Addr: netip.MustParseAddr(a)}
	if r.Addr.Is6() {
		r.Type = mdns.TypeAAAA
	}
	return r
}

// A query raises an event for each record of its name, and ignores what does not answer it.
func TestQuery(t *testing.T) {
	m := looptest.NewStillManager(t)
	host := ownName("query")
	name := host + ".local"
	hosts := newRaw(t, group.Port())
	forger := newRaw(t, 0)
	h := &heard{}
	c, err := mdns.Query(m, host, &mdns.QueryOptions{Interface: loopback(t)}, h.handle, nil)
	looptest.Must(t, err)
	q, _ := hosts.await(m, name, false)
	if len(q.Questions) != 2 || q.Questions[0].Type != mdns.TypeA || q.Questions[1].Type != mdns.TypeAAAA || q.ID == 0 || q.Questions[0].Unicast {
		t.Errorf("question %+v", q)
	}
	client := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalAddr().Port())
	good := mdns.Message{ID: q.ID, Response: true, Questions: q.Questions, Answers: []mdns.Record{addr(strings.ToUpper(name), "10.0.0.1")},
		Additionals: []mdns.Record{addr(name, "fd00::1"), addr("x.local", "10.0.0.2"), {Name: name, Type: mdns.TypeTXT, Class: mdns.ClassIN}}}
	for what, change := range map[string]func(m *mdns.Message){
		"another ID": func(m *mdns.Message) { m.ID++ }, "ID 0": func(m *mdns.Message) { m.ID = 0 }, "a query": func(m *mdns.Message) { m.Response = false },
		"opcode": func(m *mdns.Message) { m.Opcode = 1 }, "rcode": func(m *mdns.Message) { m.RCode = 3 },
		"class": func(m *mdns.Message) {
			m.Answers = slices.Clone(m.Answers)
			m.Answers[0].Class = 3
			m.Additionals = nil
		},
	} {
		bad := good
		change(&bad)
		hosts.send(client, bad)
		if looptest.Spin(t, m, 3); len(h.records) > 0 {
			t.Errorf("%s: %q", what, h.records)
		}
	}
	forger.send(client, good) // not from port 5353
	hosts.sendBytes(client, []byte("not DNS"))
	looptest.Spin(t, m, 3)
	hosts.send(client, good)
	looptest.Await(t, m, "the records", func() bool { return len(h.records) >= 2 })
	if want := []string{strings.ToUpper(name) + " 10.0.0.1", name + " fd00::1"}; !slices.Equal(h.records, want) {
		t.Errorf("got %q, want %q", h.records, want)
	}
	c.Close()
	looptest.Await(t, m, "EvClose", func() bool { return h.closed })
	if len(h.errs) > 0 {
		t.Error(h.errs)
	}
}

// A question is repeated after 1, 2 and 4 s. When the time is up, the connection closes: with an
// error if nobody has answered.
func TestQueryRepeatsAndTimesOut(t *testing.T) {
	for _, answered := range []bool{false, true} {
		clock := looptest.NewClock()
		m := looptest.NewManager(t, reactor.WithClock(clock.Now))
		host := ownName("repeat")
		hosts := newRaw(t, group.Port())
		h := &heard{}
		c, err := mdns.Query(m, host, &mdns.QueryOptions{Interface: loopback(t), Timeout: 10 * time.Second, Types: []mdns.Type{mdns.TypeA}}, h.handle, nil)
		looptest.Must(t, err)
		q, _ := hosts.await(m, host+".local", false)
		for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			clock.Advance(wait - 1)
			looptest.Spin(t, m, 3)
			if _, _, ok := hosts.next(host+".local", false); ok {
				t.Errorf("repeated before %v", wait)
			}
			clock.Advance(1)
			hosts.await(m, host+".local", false)
		}
		if answered {
			hosts.send(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalAddr().Port()),
				mdns.Message{ID: q.ID, Response: true, Answers: []mdns.Record{addr(host+".local", "10.0.0.1")}})
			looptest.Await(t, m, "the record", func() bool { return len(h.records) == 1 })
		}
		clock.Advance(4 * time.Second)
		looptest.Await(t, m, "EvClose", func() bool { return h.closed })
		switch {
		case answered && len(h.errs) > 0:
			t.Error(h.errs)
		case !answered && (len(h.errs) != 1 || !errors.Is(h.errs[0], os.ErrDeadlineExceeded) || !strings.Contains(h.errs[0].Error(), "mDNS answer deadline of 10s")):
			t.Errorf("%v", h.errs)
		}
	}
}

// A handler may close the connection in the event of the first record.
func TestCloseInQuery(t *testing.T) {
	m := looptest.NewStillManager(t)
	host := ownName("close")
	hosts := newRaw(t, group.Port())
	got := 0
	c, err := mdns.Query(m, host+".local.", &mdns.QueryOptions{Interface: loopback(t), Types: []mdns.Type{mdns.TypeANY}}, func(c *reactor.Conn, ev reactor.Event, _ any) {
		if ev == reactor.EvMDNSResp {
			got++
			c.Close()
		}
	}, nil)
	looptest.Must(t, err)
	q, _ := hosts.await(m, host+".local", false)
	hosts.send(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalAddr().Port()),
		mdns.Message{ID: q.ID, Response: true, Answers: []mdns.Record{addr(host+".local", "10.0.0.1"), addr(host+".local", "10.0.0.2")}})
	looptest.Await(t, m, "the record", func() bool { return got > 0 })
	if looptest.Spin(t, m, 3); got != 1 {
		t.Errorf("%d events after Close", got)
	}
}

func TestQueryErrors(t *testing.T) {
	m := looptest.NewManager(t)
	for name, want := range map[string]string{"": "name is empty", "a..local": "empty label", strings.Repeat("x", 64): "more than 63 bytes"} {
		if _, err := mdns.Query(m, name, nil, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	h := &heard{}
	_, err := mdns.Query(m, "a", &mdns.QueryOptions{Interface: "nope0"}, h.handle, nil)
	looptest.Must(t, err)
	looptest.Await(t, m, "EvClose", func() bool { return h.closed })
	if len(h.errs) != 1 || !strings.Contains(h.errs[0].Error(), "on nope0") {
		t.Errorf("%v", h.errs)
	}
	other, err := m.Connect("udp://127.0.0.1:9", nil, nil)
	looptest.Must(t, err)
	if err := mdns.Ask(other, "a"); err == nil || !strings.Contains(err.Error(), "Listen has not made") {
		t.Errorf("Ask on another connection: %v", err)
	}
}

// Ask asks from a listener, which hears the answers to all.
func TestAsk(t *testing.T) {
	m := looptest.NewStillManager(t)
	host := ownName("ask")
	hosts := newRaw(t, group.Port())
	h := &heard{}
	l, err := mdns.Listen(m, &mdns.Options{Interface: loopback(t)}, h.handle, nil)
	looptest.Must(t, err)
	looptest.Must(t, mdns.Ask(l, host))
	q, from := hosts.await(m, host+".local", false)
	if q.ID != 0 || len(q.Questions) != 2 || from.Port() != 5353 {
		t.Errorf("%+v from %v", q, from)
	}
	newRaw(t, 0).send(group, mdns.Message{Response: true, Answers: []mdns.Record{addr(host+".local", "10.0.0.9")}}) // not from port 5353
	hosts.send(group, mdns.Message{Response: true, Answers: []mdns.Record{addr(host+".local", "10.0.0.1")}})
	looptest.Await(t, m, "the record", func() bool { return slices.Contains(h.records, host+".local 10.0.0.1") })
	if slices.Contains(h.records, host+".local 10.0.0.9") {
		t.Error("heard a forged answer")
	}
	if err := mdns.Ask(l, "a..b"); err == nil {
		t.Error("no error for a bad name")
	}
	l.Close()
	looptest.Await(t, m, "EvClose", func() bool { return h.closed })
	if err := mdns.Ask(l, host); err != reactor.ErrClosed {
		t.Errorf("Ask after EvClose: %v", err)
	}
}
