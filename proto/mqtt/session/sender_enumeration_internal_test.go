package session

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// senderCases are the small cases of which every interleaving is tried.
var senderCases = []struct {
	name     string
	version  uint8
	qos      string // of the messages
	window   int
	rm       uint16 // Receive Maximum of the server
	cuts     int    // connections that end, or processes that die
	losses   int    // how often the server loses the session
	durable  bool   // a cut may also be a crash of the process
	separate bool   // publish, receive and pump are separate steps, so crashes come between them
	late     bool   // outcomes are taken one by one, as a step
	dup      bool   // the server sends each PUBREC twice
}{
	{name: "QoS 1", version: 4, qos: "111", window: 2, rm: 9, cuts: 2, losses: 1},
	{name: "QoS 2", version: 4, qos: "222", window: 2, rm: 9, cuts: 2, losses: 1},
	{name: "window of 1", version: 5, qos: "212", window: 9, rm: 1, cuts: 2, losses: 1},
	{name: "mixed", version: 5, qos: "012", window: 9, rm: 2, cuts: 2, losses: 1},
	{name: "late outcomes", version: 4, qos: "021", window: 2, rm: 9, cuts: 2, losses: 1, late: true},
	{name: "crashes", version: 5, qos: "212", window: 2, rm: 9, cuts: 2, losses: 1, durable: true},
	{name: "crashes between steps", version: 4, qos: "21", window: 2, rm: 9, cuts: 2, durable: true, separate: true},
	{name: "crashes between steps, a lost session", version: 5, qos: "22", window: 1, rm: 9, cuts: 2, losses: 1, durable: true, separate: true},
	{name: "crashes, late outcomes", version: 5, qos: "21", window: 1, rm: 9, cuts: 2, losses: 1, durable: true, separate: true, late: true},
	{name: "duplicate PUBREC", version: 5, qos: "22", window: 2, rm: 9, cuts: 2, losses: 1, dup: true},
	{name: "duplicate PUBREC, crashes", version: 4, qos: "22", window: 1, rm: 9, cuts: 2, durable: true, dup: true},
}

// TestSenderInterleavings tries every order in which the messages are published, packets arrive,
// connections are cut and begin again, processes die, and outcomes are taken. States that are
// equal are continued once.
func TestSenderInterleavings(t *testing.T) {
	for i, c := range senderCases {
		t.Run(c.name, func(t *testing.T) {
			e := &senderExplorer{i: i, seen: map[[12]byte]bool{}}
			if err := e.explore(nil); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d states, %d ends", len(e.seen), e.ends)
			if e.ends == 0 {
				t.Error("no path reaches the end")
			}
		})
	}
}

type senderExplorer struct {
	i    int // of senderCases
	seen map[[12]byte]bool
	ends int
}

// senderPath is a senderNet with what is left to do.
type senderPath struct {
	*senderNet
	i            int
	cuts, losses int
}

func (e *senderExplorer) replay(path string) (*senderPath, error) {
	c := senderCases[e.i]
	var store *senderStore
	if c.durable {
		store = newSenderStore()
	}
	p := &senderPath{newSenderNet(c.version, Queue{}, c.window, store), e.i, c.cuts, c.losses}
	for _, step := range []byte(path) {
		if err := p.step(step); err != nil {
			return nil, fmt.Errorf("after %q: %w", path, err)
		}
	}
	return p, nil
}

// explore tries all continuations of a path.
func (e *senderExplorer) explore(path []byte) error {
	p, err := e.replay(string(path))
	if err != nil {
		return err
	}
	for {
		sum := p.fingerprint()
		if e.seen[sum] {
			return nil
		}
		e.seen[sum] = true
		steps := p.steps()
		if !strings.ContainsAny(steps, "psdwrtu") {
			e.ends++
			if err := p.checkEnd(); err != nil {
				return fmt.Errorf("after %q: %w", path, err)
			}
		}
		if steps == "" {
			return nil
		}
		for _, step := range []byte(steps[1:]) {
			if err := e.explore(append(slices.Clone(path), step)); err != nil {
				return err
			}
		}
		path = append(path, steps[0])
		if err := p.step(steps[0]); err != nil {
			return fmt.Errorf("after %q: %w", path, err)
		}
	}
}

// steps returns the steps that are possible:
//
//	p  publish the next message         r  connect              x  cut
//	s  a packet arrives at the server   R  connect; it is lost  k  crash
//	d  a packet arrives at the sender   u  pump                 t  take an outcome
//	w  the socket has taken all
func (p *senderPath) steps() string {
	c, steps := senderCases[p.i], ""
	add := func(step string, possible bool) {
		if possible {
			steps += step
		}
	}
	add("d", len(p.toClient) > 0)
	add("s", len(p.toServer) > 0)
	add("u", c.separate && (p.s.j.dirty || p.connected && p.hasWork()))
	add("t", c.late && p.s.finished.n > 0 && !p.s.j.dirty)
	add("p", p.published() < len(c.qos))
	add("w", p.connected && p.s.unwritten.n > 0)
	add("r", !p.connected)
	add("R", !p.connected && p.server.session && p.losses > 0)
	add("x", p.connected && p.cuts > 0)
	add("k", c.durable && p.cuts > 0)
	return steps
}

func (p *senderPath) published() int { return len(p.order) }

// hasWork reports whether append would give out a packet.
func (p *senderPath) hasWork() bool {
	s := p.s
	return s.unrel != nil || len(s.replies) > 0 || s.unsent != nil && s.onWire < s.window ||
		s.queue.len() > 0 && s.unsent == nil && (s.queue.oldest().qos == 0 || s.windowOpen())
}

func (p *senderPath) step(step byte) error {
	c := senderCases[p.i]
	var err error
	switch step {
	case 'p':
		_, err = p.publish(&Message{Topic: "a", QoS: c.qos[p.published()] - '0'})
	case 's':
		err = p.serve(p.size(p.toServer))
		for i := 0; len(p.server.answers) > 0; i++ {
			again := p.server.answers[0]
			p.answer(0)
			if c.dup && i == 0 && mqtt.Cmd(again[0]>>4) == mqtt.CmdPubrec {
				p.toClient = append(p.toClient, again...)
			}
		}
	case 'd':
		err = p.deliver(p.size(p.toClient))
	case 'w':
		p.s.written(p.total)
	case 't':
		err = p.take(1)
	case 'u':
		err = p.pump(1 << 20)
	case 'r', 'R':
		caps := mqtt.NewCapabilities(p.version)
		caps.ReceiveMaximum = c.rm
		if step == 'R' {
			p.losses--
		}
		p.connect(caps, step == 'R')
	case 'x':
		p.cuts--
		p.cut()
	case 'k':
		p.cuts--
		err = p.crash()
	}
	if err == nil && !c.separate {
		err = p.pump(1 << 20)
	}
	if err == nil && !c.late {
		err = p.take(-1)
	}
	if err == nil {
		err = p.check()
	}
	return err
}

func (p *senderPath) size(packets []byte) int {
	var m mqtt.Message
	n, err := mqtt.Parse(packets, p.version, &m)
	if err != nil {
		panic(err)
	}
	return n
}

// fingerprint identifies the state of both sides.
func (p *senderPath) fingerprint() (sum [12]byte) {
	b := fmt.Appendf(nil, "%v %d %d %q %q %v %v %v|", p.connected, p.cuts, p.losses, p.toServer, p.toClient,
		p.server.session, p.server.held, p.server.last)
	s := p.s
	for _, l := range []*list{&s.queue.lists[0], &s.queue.lists[1], &s.inflight, &s.released, &s.unwritten, &s.finished} {
		for r := l.first; r != nil; r = r.next {
			b = binary.BigEndian.AppendUint64(b, r.seq)
			b = append(b, byte(r.id>>8), byte(r.id), byte(r.state), byte(r.result))
			for _, flag := range []bool{r.dup, r.wire, r.counted, r.stored, r == s.unsent, r == s.unrel, r == s.unmarked} {
				b = append(b, map[bool]byte{true: 1}[flag])
			}
		}
		b = append(b, '|')
	}
	b = fmt.Append(b, s.replies, s.burnt, s.j.dirty, s.seq, len(p.server.carried))
	for _, x := range p.order {
		b = fmt.Append(b, x.committed, min(x.delivered, 2), x.outcome != nil, x.gone)
		if x.outcome != nil {
			b = append(b, byte(x.outcome.Result))
		}
	}
	if p.store != nil {
		for _, key := range slices.Sorted(maps.Keys(p.store.committed)) {
			b = fmt.Append(b, key, p.store.committed[key])
		}
		b = append(b, '|')
		for _, key := range slices.Sorted(maps.Keys(p.store.pending)) {
			b = fmt.Append(b, key, p.store.pending[key])
		}
	}
	full := sha256.Sum256(b)
	copy(sum[:], full[:])
	return sum
}
