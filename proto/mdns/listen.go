package mdns

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Options are the options of Listen.
type Options struct {
	// Host is the host's own name, one label such as "sensor". Listen answers for sensor.local. It
	// must be unique on the network. "" means that no question is answered.
	Host string
	// Addrs are the addresses in the answers. None means those of the interface.
	Addrs []netip.Addr
	// Interface is the name of the network interface, such as "eth0". "" leaves the choice to the
	// system. For several interfaces, call Listen for each of them.
	Interface string
}

const (
	recordTTL = 120 // seconds that a record with an address is valid [RFC 6762 10]
	legacyTTL = 10  // the same in an answer to a simple querier [RFC 6762 6.7]
)

// multicastAgainAfter is how long a record is not multicast again [RFC 6762 6].
const multicastAgainAfter = time.Second

// addrsLifetime is how long the addresses of an interface are used before the system is asked
// again.
const addrsLifetime = 10 * time.Second

// Listen joins the group of multicast DNS, 224.0.0.251 and port 5353, and answers questions for
// the addresses of Options.Host. Other programs on the host may do that too. Each record of an
// answer that any host sends raises reactor.EvMDNSResp. If o is nil, no question is answered.
//
// A simple querier, which does not ask from port 5353, gets the answer alone. The answer has its ID
// and its questions for an address of Host. Each question is there once, even if the query has it
// several times [RFC 6762 6.7].
//
// The error says that Host is bad, or is the one of Manager.Listen, Conn.JoinGroup or
// Conn.SetMulticast.
func Listen(m *reactor.Manager, o *Options, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	if o == nil {
		o = &Options{}
	}
	r := &responder{options: *o}
	if o.Host != "" {
		if strings.Contains(o.Host, ".") {
			return nil, fmt.Errorf("mdns: bad host %q: want one label, without %q", o.Host, ".local")
		}
		r.name = o.Host + ".local"
		if _, err := appendName(nil, r.name); err != nil {
			return nil, err
		}
	}
	l, err := m.Listen(groupURL, fn, fnData)
	if err != nil {
		return nil, err
	}
	if err = l.JoinGroup(group.Addr(), o.Interface); err == nil {
		err = l.SetMulticast(reactor.Multicast{Interface: o.Interface, TTL: hops})
	}
	if err != nil {
		l.Fn = nil // the program does not get this connection
		l.Close()
		return nil, err
	}
	l.Stack().Push(r)
	return l, nil
}

// responder is the layer of a connection of Listen.
type responder struct {
	options  Options
	name     string // "" if no question is answered
	addrs    []netip.Addr
	addrsAt  time.Time          // when addrs was made
	lastSent map[Type]time.Time // when records of a type were multicast
	out      []byte             // scratch for an answer
	response Response           // data of the event
}

// Handle implements reactor.Protocol.
func (r *responder) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev != reactor.EvRead {
		return
	}
	from, arrival := c.RemoteAddr(), c.Arrival()
	m, _, err := ParseMessage(c.Recv.Bytes())
	c.Recv.Reset()
	switch {
	case err != nil || m.Opcode != 0 || m.RCode != 0:
	case !arrival.To.IsMulticast(): // it may come from another network [RFC 6762 11]
	case !m.Response && r.name != "":
		r.reply(c, &m, from, arrival.Interface)
	case m.Response && from.Port() == group.Port(): // [RFC 6762 6]
		for rec := range m.records() {
			if c.Stack().Closed() {
				return
			}
			r.response = Response{rec, from}
			c.Call(reactor.EvMDNSResp, &r.response)
		}
	}
}

// reply answers the questions for the host's addresses. A querier that does not use port 5353 gets
// the answer alone, in the form of ordinary DNS [RFC 6762 6.7]. The same address is used if the
// querier wants that [RFC 6762 5.4]. Otherwise the answer goes to the group.
func (r *responder) reply(c *reactor.Conn, m *Message, from netip.AddrPort, ifi int) {
	legacy := from.Port() != group.Port()
	answer := Message{Response: true, Authoritative: true}
	unicast := legacy
	var wanted []Type
	for _, q := range m.Questions {
		if q.Class != ClassIN && q.Class != uint16(TypeANY) || !EqualNames(q.Name, r.name) {
			continue
		}
		for _, t := range []Type{TypeA, TypeAAAA} {
			if (q.Type == t || q.Type == TypeANY) && !slices.Contains(wanted, t) {
				wanted = append(wanted, t)
			}
		}
		unicast = unicast || q.Unicast
		q.Name, q.Unicast = r.name, false
		if legacy && (q.Type == TypeA || q.Type == TypeAAAA || q.Type == TypeANY) && !slices.Contains(answer.Questions, q) {
			answer.Questions = append(answer.Questions, q) // once, or the answer could be much larger than the query
		}
	}
	ttl := uint32(recordTTL)
	if legacy {
		answer.ID, ttl = m.ID, legacyTTL
	}
	for _, a := range r.addresses(c, len(wanted) > 0, ifi) {
		rec := Record{Name: r.name, Type: TypeAAAA, Class: ClassIN, CacheFlush: !legacy, TTL: ttl, Addr: a}
		if a.Is4() {
			rec.Type = TypeA
		}
		if slices.Contains(wanted, rec.Type) && !known(m, &rec) && (unicast || r.mayMulticast(c, rec.Type)) {
			answer.Answers = append(answer.Answers, rec)
		}
	}
	if len(answer.Answers) == 0 {
		return
	}
	var err error
	if r.out, err = AppendMessage(r.out[:0], &answer); err != nil {
		c.Stack().Report(err)
		return
	}
	to := group
	if unicast {
		to = from
	} else {
		r.noteMulticast(c, answer.Answers)
	}
	if _, err := c.WriteTo(r.out, to); err != nil {
		c.Stack().Report(err)
	}
}

// known reports whether the querier knows a record already, for half of its life at least
// [RFC 6762 7.1].
func known(m *Message, r *Record) bool {
	return slices.ContainsFunc(m.Answers, func(k Record) bool {
		return k.Type == r.Type && k.Class == r.Class && k.Addr == r.Addr && k.TTL >= r.TTL/2 && EqualNames(k.Name, r.Name)
	})
}

// mayMulticast reports whether records of a type may be multicast now.
func (r *responder) mayMulticast(c *reactor.Conn, t Type) bool {
	last, ok := r.lastSent[t]
	return !ok || c.Manager().Now().Sub(last) >= multicastAgainAfter
}

// noteMulticast notes that records are multicast now.
func (r *responder) noteMulticast(c *reactor.Conn, records []Record) {
	if r.lastSent == nil {
		r.lastSent = map[Type]time.Time{}
	}
	for _, rec := range records {
		r.lastSent[rec.Type] = c.Manager().Now()
	}
}

// addresses returns the addresses for an answer. ifi is the index of the interface that the
// question came in on, or 0.
func (r *responder) addresses(c *reactor.Conn, needed bool, ifi int) []netip.Addr {
	switch now := c.Manager().Now(); {
	case !needed:
		return nil
	case len(r.options.Addrs) > 0:
		return r.options.Addrs
	case r.addrs == nil || now.Sub(r.addrsAt) >= addrsLifetime:
		addrs, err := interfaceAddrs(r.options.Interface, ifi)
		if err != nil {
			c.Stack().Report(fmt.Errorf("mdns: no addresses to answer with: %w", err))
		}
		r.addrs, r.addrsAt = addrs, now
	}
	return r.addrs
}

// interfaceAddrs returns the addresses of the interface with this name or index. Without both, it
// returns all addresses of the host that are not of the loopback interface.
func interfaceAddrs(name string, index int) ([]netip.Addr, error) {
	var ifi *net.Interface
	var err error
	switch {
	case name != "":
		ifi, err = net.InterfaceByName(name)
	case index != 0:
		ifi, err = net.InterfaceByIndex(index)
	}
	if err != nil {
		return nil, err
	}
	all, err := net.InterfaceAddrs()
	if ifi != nil {
		all, err = ifi.Addrs()
	}
	list := []netip.Addr{}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && (ifi != nil || !n.IP.IsLoopback()) {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, ip.Unmap())
			}
		}
	}
	return list, err
}
