package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/proto/mqtt"
	"github.com/rikki-go/rikki/reactor"
)

// endpoint is a client whose connection is cut at random. It keeps its side of the session.
type endpoint struct {
	h       *fixture
	id      string
	version uint8
	conn    *reactor.Conn // nil between connections
	open    bool
	receive func(m *mqtt.Message)
	resume  func(present bool)
}

func (e *endpoint) connect() {
	var in []byte
	conn, err := e.h.m.Connect(e.h.urls["tcp"], func(c *reactor.Conn, ev reactor.Event, _ any) {
		switch ev {
		case reactor.EvClose:
			if e.conn == c {
				e.conn, e.open = nil, false
			}
		case reactor.EvRead:
			in = append(in, c.Recv.Bytes()...)
			c.Recv.Consume(c.Recv.Len())
			for {
				var m mqtt.Message
				n, err := mqtt.Parse(in, e.version, &m)
				if err != nil {
					return
				}
				if m.Cmd == mqtt.CmdConnack {
					e.open = true
					e.resume(m.SessionPresent)
				} else {
					e.receive(&m)
				}
				in = in[n:]
			}
		}
	}, nil)
	if err != nil {
		e.h.t.Fatal(err)
	}
	e.conn = conn
	e.send(keep(e.version, e.id))
}

func (e *endpoint) send(packet []byte) { e.conn.Write(packet) }

func (e *endpoint) ack(cmd mqtt.Cmd, id uint16) { e.send(ack(e.version, cmd, id, 0)) }

// TestCuts sends messages of QoS 1 and 2 through the broker, while the connections of the publisher
// and of the subscriber are cut at random. QoS 2 arrives exactly once, QoS 1 at least once, and
// both in order.
func TestCuts(t *testing.T) {
	for seed := range uint64(8) {
		for qos := range uint8(3) {
			if qos > 0 {
				t.Run(fmt.Sprintf("QoS%d/seed %d", qos, seed), func(t *testing.T) { runCuts(t, qos, seed) })
			}
		}
	}
}

func runCuts(t *testing.T, qos uint8, seed uint64) {
	const total = 200
	h := newFixture(t)
	r := rand.New(rand.NewPCG(seed, uint64(qos)))
	pub := &endpoint{h: h, id: "pub", version: uint8(4 + seed%2)}
	sub := &endpoint{h: h, id: "sub", version: uint8(4 + seed/2%2)}

	sent, halfway := 0, false // the message in flight; PUBREC has come
	publishNext := func(dup bool) {
		id := uint16(sent%7 + 1)
		if halfway {
			pub.ack(mqtt.CmdPubrel, id)
		} else if sent < total {
			pub.send(publish(pub.version, qos, "t", fmt.Sprint(sent), number(id, dup)))
		}
	}
	pub.resume = func(bool) { publishNext(true) }
	pub.receive = func(m *mqtt.Message) {
		switch {
		case m.Cmd == mqtt.CmdPubrec && m.ID == uint16(sent%7+1):
			halfway = true
			publishNext(false)
		case m.ID == uint16(sent%7+1):
			sent, halfway = sent+1, false
			publishNext(false)
		}
	}

	var got []string
	unreleased := map[uint16]bool{}
	subscribed := false
	sub.resume = func(present bool) {
		if present != subscribed {
			t.Errorf("session present is %v, want %v", present, subscribed)
		}
		if !subscribed {
			sub.send(subscribe(sub.version, 1, filter("t", 2)))
		}
	}
	sub.receive = func(m *mqtt.Message) {
		switch {
		case m.Cmd == mqtt.CmdSuback:
			subscribed = true
		case m.Cmd == mqtt.CmdPublish && qos == 1:
			if data := string(m.Data); len(got) == 0 || got[len(got)-1] != data || !m.Dup {
				got = append(got, data)
			}
			sub.ack(mqtt.CmdPuback, m.ID)
		case m.Cmd == mqtt.CmdPublish:
			if !unreleased[m.ID] {
				got = append(got, string(m.Data))
			}
			unreleased[m.ID] = true
			sub.ack(mqtt.CmdPubrec, m.ID)
		case m.Cmd == mqtt.CmdPubrel:
			delete(unreleased, m.ID)
			sub.ack(mqtt.CmdPubcomp, m.ID)
		}
	}
	sub.connect()
	h.until("the subscription", func() bool { return subscribed })

	cuts := 0
	for turn := 0; sent < total || len(got) == 0 || got[len(got)-1] != fmt.Sprint(total-1); turn++ {
		if turn > 200*looptest.Turns {
			t.Fatalf("%d messages are sent, %d have arrived", sent, len(got))
		}
		for _, e := range []*endpoint{pub, sub} {
			switch {
			case e.conn == nil && r.IntN(3) == 0:
				e.connect()
			case e.open && r.IntN(25) == 0:
				cuts++
				e.conn.Close()
			}
		}
		looptest.Spin(t, h.m, 1)
	}
	next := 0
	for _, data := range got { // QoS 1 may come again, with all that followed
		var n int
		fmt.Sscan(data, &n)
		if n > next || qos == 2 && n != next {
			t.Fatalf("message %d comes when %d is next", n, next)
		}
		next = max(next, n+1)
	}
	if next != total || qos == 2 && len(got) != total || cuts < 20 {
		t.Errorf("%d different messages, %d in all, %d cuts", next, len(got), cuts)
	}
	h.checkAccounts()
}
