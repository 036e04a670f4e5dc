package mdns

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// group is the address of multicast DNS on IPv4 [RFC 6762 3].
var group = netip.MustParseAddrPort("224.0.0.251:5353")

const groupURL = "udp://224.0.0.251:5353"

// hops is the TTL of all datagrams [RFC 6762 11].
const hops = 255

// Timeout is how long Query waits for answers, if QueryOptions.Timeout is 0.
const Timeout = 5 * time.Second

// repeatAfter is the time between the first two questions. It doubles each time [RFC 6762 5.2].
const repeatAfter = time.Second

// Response is the data of reactor.EvMDNSResp. It is valid until the handler returns.
type Response struct {
	Record *Record        // Record.Data is part of the datagram
	From   netip.AddrPort // the host that has sent it
}

// QueryOptions are the options of Query. The zero value is the default.
type QueryOptions struct {
	Types     []Type        // what to ask for; none: TypeA and TypeAAAA
	Interface string        // name of the network interface to ask on; "": the system chooses
	Timeout   time.Duration // when to give up; 0: Timeout. A negative value disables it
}

// Query asks the local network for the records of a name, such as "printer.local". A name without
// dot gets ".local" at its end. The question is repeated after 1, 2, 4 s and so on, until the
// connection closes.
//
// Each record of an answer raises reactor.EvMDNSResp. The handler closes the connection when it
// has enough. When the time is up, the connection closes: with EvError, a *reactor.DeadlineError,
// if there was no record. If o is nil, the defaults are used. The error says that the name is bad,
// or is the one of Manager.Connect.
func Query(m *reactor.Manager, name string, o *QueryOptions, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	if o == nil {
		o = &QueryOptions{}
	}
	q := &query{name: local(name), options: *o}
	if len(q.options.Types) == 0 {
		q.options.Types = []Type{TypeA, TypeAAAA}
	}
	var id [2]byte
	rand.Read(id[:])
	q.id = binary.BigEndian.Uint16(id[:]) | 1 // not 0: the answer repeats it [RFC 6762 6.7]
	var err error
	if q.question, err = appendQuestion(nil, q.id, q.name, q.options.Types); err != nil {
		return nil, err
	}
	c, err := m.Connect(groupURL, fn, fnData)
	if err != nil {
		return nil, err
	}
	q.answer = reactor.Deadline{Name: "mDNS answer", Expired: q.expired}
	c.Stack().Push(q)
	return c, nil
}

// local returns the name with ".local" at its end if it has one label only.
func local(name string) string {
	name = strings.TrimSuffix(name, ".")
	if name != "" && !strings.Contains(name, ".") {
		name += ".local"
	}
	return name
}

// appendQuestion appends a query.
func appendQuestion(dst []byte, id uint16, name string, types []Type) ([]byte, error) {
	if name == "" {
		return dst, errors.New("mdns: the name is empty")
	}
	m := Message{ID: id}
	for _, t := range types {
		m.Questions = append(m.Questions, Question{Name: name, Type: t, Class: ClassIN})
	}
	return AppendMessage(dst, &m)
}

// query is the layer of a connection of Query.
type query struct {
	name     string
	options  QueryOptions
	id       uint16
	question []byte
	wait     time.Duration // until the next question
	timer    *reactor.Timer
	answer   reactor.Deadline
	answered bool
	response Response // data of the event
}

// Handle implements reactor.Protocol.
func (q *query) Handle(c *reactor.Conn, ev reactor.Event, _ any) {
	switch ev {
	case reactor.EvConnect:
		if err := c.SetMulticast(reactor.Multicast{Interface: q.options.Interface, TTL: hops}); err != nil {
			c.Fail(err)
			return
		}
		c.Stack().StartDeadline(&q.answer, cmp.Or(q.options.Timeout, Timeout))
		q.ask(c)
	case reactor.EvRead:
		q.receive(c)
	case reactor.EvClose:
		if q.timer != nil {
			q.timer.Stop()
		}
	}
}

// ask sends the question and starts the timer for the next time.
func (q *query) ask(c *reactor.Conn) {
	if c.Stack().Closed() {
		return
	}
	if _, err := c.Write(q.question); err != nil {
		c.Fail(err)
		return
	}
	q.wait = max(repeatAfter, 2*q.wait)
	q.timer = c.Manager().AddTimer(q.wait, reactor.TimerOnce, func() { q.ask(c) })
}

// receive raises an event for each record that answers the question. Answers come from port 5353
// and repeat the ID of the question [RFC 6762 6, 6.7]. Others may be forged, and are ignored.
func (q *query) receive(c *reactor.Conn) {
	from := c.RemoteAddr()
	m, _, err := ParseMessage(c.Recv.Bytes())
	c.Recv.Reset()
	if err != nil || from.Port() != group.Port() || m.ID != q.id || !isResponse(&m) {
		return
	}
	for r := range m.records() {
		if r.Class != ClassIN || !EqualNames(r.Name, q.name) || !q.wants(r.Type) {
			continue
		}
		if q.answered = true; c.Stack().Closed() {
			return
		}
		q.response = Response{r, from}
		c.Call(reactor.EvMDNSResp, &q.response)
	}
}

// wants reports whether the question asks for a type.
func (q *query) wants(t Type) bool {
	return slices.Contains(q.options.Types, t) || slices.Contains(q.options.Types, TypeANY)
}

// expired is called when the time is up.
func (q *query) expired(c *reactor.Conn) {
	if q.answered {
		c.Close()
		return
	}
	c.Fail(&reactor.DeadlineError{Deadline: q.answer.Name, After: cmp.Or(q.options.Timeout, Timeout)})
}

// isResponse reports whether m is a response that is not to be ignored [RFC 6762 18.3, 18.11].
func isResponse(m *Message) bool { return m.Response && m.Opcode == 0 && m.RCode == 0 }

// records returns the records of a response, without those that only tell who is responsible.
func (m *Message) records() func(yield func(*Record) bool) {
	return func(yield func(*Record) bool) {
		for _, section := range [][]Record{m.Answers, m.Additionals} {
			for i := range section {
				if !yield(&section[i]) {
					return
				}
			}
		}
	}
}

// Ask sends a question for the records of a name, once, on a connection of Listen. The answers go
// to all hosts, and raise reactor.EvMDNSResp like those to the questions of others. A name without
// dot gets ".local" at its end. Without types, it asks for TypeA and TypeAAAA.
func Ask(c *reactor.Conn, name string, types ...Type) error {
	if _, ok := reactor.Find[*responder](c); !ok {
		if c.Stack().Closed() {
			return reactor.ErrClosed
		}
		return errors.New("mdns: Ask on a connection that Listen has not made")
	}
	if len(types) == 0 {
		types = []Type{TypeA, TypeAAAA}
	}
	question, err := appendQuestion(nil, 0, local(name), types)
	if err == nil {
		_, err = c.WriteTo(question, group)
	}
	return err
}
