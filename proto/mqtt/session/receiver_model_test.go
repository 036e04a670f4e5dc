package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// enumerate runs a function once for every sequence of choices that it can make. pick(n) chooses
// one of n.
func enumerate(run func(pick func(n int) int)) (runs int) {
	var path, sizes []int
	for {
		i := 0
		run(func(n int) int {
			if i == len(path) {
				path, sizes = append(path, 0), append(sizes, n)
			}
			if sizes[i] != n {
				panic(fmt.Sprintf("the choice %d has %d ways, and before it had %d", i, n, sizes[i]))
			}
			i++
			return path[i-1]
		})
		runs++
		for len(path) > 0 && path[len(path)-1] == sizes[len(path)-1]-1 {
			path, sizes = path[:len(path)-1], sizes[:len(sizes)-1]
		}
		if len(path) == 0 {
			return runs
		}
		path[len(path)-1]++
	}
}

// publisher is a server that sends messages to a receiver, as 4.3 and 4.4 say, over a connection
// that keeps the order and may be cut. It uses two packet identifiers, so it uses them again soon.
type publisher struct {
	t        *testing.T
	version  uint8
	qos      []uint8         // of the messages, which are numbered from 0
	next     int             // message to send
	flight   map[uint16]int  // message by identifier
	order    []uint16        // of flight
	pubrec   map[uint16]bool // PUBREC has arrived for this identifier
	toClient [][]byte        // on the way
	toServer []mqtt.Message  // on the way
	arrived  []string        // on this connection: what must be acknowledged, in order
	client   *receiver       //
	server   mqtt.Capabilities
	store    *receiverStore
	unacked  []unackedMessage // of the program
	got      []int            // how often the handler got each message
	allowed  []int            // how often it may
	trace    []string
}

type unackedMessage struct {
	d       Delivery
	message int
}

func newPublisher(t *testing.T, version uint8, manual bool, qos ...uint8) *publisher {
	p := &publisher{
		t: t, version: version, qos: qos, flight: map[uint16]int{}, pubrec: map[uint16]bool{},
		server: mqtt.NewCapabilities(version), store: newReceiverStore(),
		got: make([]int, len(qos)), allowed: make([]int, len(qos)),
	}
	for i := range p.allowed {
		p.allowed[i] = 1
	}
	p.client = newReceiver(version, &journal{store: p.store}, 2, manual)
	p.client.up(true, &p.server)
	return p
}

func (p *publisher) fail(format string, args ...any) {
	p.t.Fatalf("%s\nafter %s", fmt.Sprintf(format, args...), strings.Join(p.trace, ", "))
}

// send sends the next message. It returns false if there is none, or no identifier.
func (p *publisher) send(try bool) bool {
	id := uint16(1)
	if _, used := p.flight[1]; used {
		id = 2
	}
	if _, used := p.flight[id]; used || p.next == len(p.qos) {
		return false
	}
	if !try {
		p.flight[id], p.order = p.next, append(p.order, id)
		p.next++
		p.transmit(id, false)
	}
	return true
}

func (p *publisher) transmit(id uint16, dup bool) {
	var packet []byte
	var err error
	if p.pubrec[id] {
		packet, err = mqtt.AppendAck(nil, p.version, mqtt.CmdPubrel, id, 0, nil)
	} else {
		m := p.flight[id]
		packet, err = mqtt.AppendPublish(nil, p.version, &mqtt.PublishPacket{
			Topic: "t", QoS: p.qos[m], ID: id, Dup: dup, Data: []byte{byte(m)},
		})
	}
	if err != nil {
		p.fail("%v", err)
	}
	p.toClient = append(p.toClient, packet)
}

// arrive gives the receiver the next packet.
func (p *publisher) arrive() {
	var m mqtt.Message
	if _, err := mqtt.Parse(p.toClient[0], p.version, &m); err != nil {
		p.fail("%v", err)
	}
	p.toClient = p.toClient[1:]
	if m.Cmd == mqtt.CmdPubrel {
		p.client.receive(&m)
		return
	}
	d, deliver, err := p.client.publish(&m)
	if err != nil {
		p.fail("%v", err)
	}
	p.arrived = append(p.arrived, fmt.Sprint(ackOf(m.QoS), m.ID))
	if deliver {
		n := int(m.Data[0])
		if p.got[n]++; p.qos[n] == 2 && p.got[n] > p.allowed[n] {
			p.fail("the handler gets message %d for the %dth time", n, p.got[n])
		}
		p.unacked = append(p.unacked, unackedMessage{d, n})
		if !p.client.manual {
			p.client.handled(d)
		}
	}
}

// ack makes the program acknowledge a message, which it does twice.
func (p *publisher) ack(i int) {
	for range 2 {
		if err := p.client.ack(p.unacked[i].d, 0, nil); err != nil {
			p.fail("%v", err)
		}
	}
	p.unacked = append(p.unacked[:i:i], p.unacked[i+1:]...)
}

// flush commits the store and sends what the receiver gives out.
func (p *publisher) flush() {
	if err := p.client.journal.commit(); err != nil {
		p.fail("%v", err)
	}
	for _, m := range parsePackets(p.t, p.version, p.client.append(nil)) {
		if m.Cmd != mqtt.CmdPubcomp {
			if len(p.arrived) == 0 || p.arrived[0] != fmt.Sprint(m.Cmd, m.ID) {
				p.fail("%v %d is sent, want %q", m.Cmd, m.ID, p.arrived)
			}
			p.arrived = p.arrived[1:]
		}
		p.toServer = append(p.toServer, m)
	}
}

// answer makes the server handle the next acknowledgement.
func (p *publisher) answer() {
	m := p.toServer[0]
	p.toServer = p.toServer[1:]
	n, used := p.flight[m.ID]
	switch {
	case !used:
		p.fail("%v %d, which is not in use", m.Cmd, m.ID)
	case m.Cmd == mqtt.CmdPubrec && p.qos[n] == 2 && !p.pubrec[m.ID]:
		p.pubrec[m.ID] = true
		p.transmit(m.ID, false)
	case m.Cmd == mqtt.CmdPuback && p.qos[n] == 1, m.Cmd == mqtt.CmdPubcomp && p.pubrec[m.ID]:
		delete(p.flight, m.ID)
		delete(p.pubrec, m.ID)
		for i, id := range p.order {
			if id == m.ID {
				p.order = append(p.order[:i:i], p.order[i+1:]...)
			}
		}
	default:
		p.fail("%v %d for a message of QoS %d", m.Cmd, m.ID, p.qos[n])
	}
}

// cut ends the connection, and makes another [MQTT-4.4.0-1]. crash also makes another process.
func (p *publisher) cut(crash bool) {
	p.toClient, p.toServer, p.arrived = nil, nil, nil
	if p.client.down(); crash {
		for id := range p.client.held { // what is not in the store may come again
			if n, ok := p.flight[id]; ok && !p.store.has(p.client.keyOf(id)) {
				p.allowed[n]++
			}
		}
		p.unacked = nil
		p.store.crash()
		r := newReceiver(p.version, &journal{store: p.store}, 2, p.client.manual)
		if err := p.store.Load(r.load); err != nil {
			p.fail("%v", err)
		}
		p.client = r
	}
	p.client.up(true, &p.server)
	for _, id := range p.order {
		p.transmit(id, true)
	}
}

// finish does everything that is left to do, in order.
func (p *publisher) finish() {
	p.trace = append(p.trace, "the rest")
	for range 100 {
		for len(p.toClient) > 0 {
			p.arrive()
		}
		for p.client.manual && len(p.unacked) > 0 {
			p.ack(0)
		}
		p.flush()
		for len(p.toServer) > 0 {
			p.answer()
		}
		if !p.send(true) && len(p.flight) == 0 && len(p.toClient) == 0 {
			break
		}
		p.send(false)
	}
	if len(p.flight) > 0 || p.next < len(p.qos) || len(p.client.held)+p.client.unacked+len(p.client.arrivals) > 0 {
		p.fail("not finished: %v, %d sent; the receiver holds %v, counts %d", p.flight, p.next, p.client.held, p.client.unacked)
	}
	for n, count := range p.got {
		if count == 0 {
			p.fail("message %d is lost", n)
		}
	}
	if len(p.store.keys()) > 0 {
		p.fail("the store still has %q", p.store.keys())
	}
}

// step takes one of the possible steps.
func (p *publisher) step(pick func(int) int, cuts, crashes *int) {
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
	may(p.send(true), "send", func() { p.send(false) })
	may(len(p.toClient) > 0, "arrive", p.arrive)
	may(p.client.manual && len(p.unacked) > 0, "ack first", func() { p.ack(0) })
	may(p.client.manual && len(p.unacked) > 1, "ack last", func() { p.ack(len(p.unacked) - 1) })
	may(p.client.journal.dirty || len(p.client.released)+len(p.client.arrivals) > 0, "flush", p.flush)
	may(len(p.toServer) > 0, "answer", p.answer)
	may(*cuts > 0, "cut", func() { *cuts--; p.cut(false) })
	may(*crashes > 0, "crash", func() { *crashes--; p.cut(true) })
	if len(choices) == 0 {
		return
	}
	c := choices[pick(len(choices))]
	p.trace = append(p.trace, c.name)
	c.do()
}

// Every order of events for a few messages: the handler gets messages of QoS 2 once, messages of
// QoS 1 at least once, and the server can end all exchanges.
func TestReceiverEveryInterleaving(t *testing.T) {
	for _, tc := range []struct {
		manual  bool
		qos     []uint8
		steps   int
		cuts    int
		crashes int
	}{
		{false, []uint8{2, 2, 2}, 12, 2, 0},
		{false, []uint8{2, 1, 2}, 11, 1, 1},
		{true, []uint8{2, 2, 1}, 10, 1, 0},
		{true, []uint8{2, 2}, 9, 1, 1},
		{true, []uint8{1, 2, 2}, 9, 2, 0},
	} {
		runs := enumerate(func(pick func(int) int) {
			p := newPublisher(t, 5, tc.manual, tc.qos...)
			cuts, crashes := tc.cuts, tc.crashes
			for range tc.steps {
				p.step(pick, &cuts, &crashes)
			}
			p.finish()
		})
		t.Logf("%+v: %d orders", tc, runs)
		if runs < 1000 {
			t.Errorf("%+v: only %d orders", tc, runs)
		}
	}
}
