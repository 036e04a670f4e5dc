package session

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// senderStore is a store in memory. Changes are pending until Commit; a crash loses them.
type senderStore struct {
	committed, pending map[string]string
	puts, deletes      int
	fail               error // of the next calls
	closed             bool
}

func newSenderStore() *senderStore {
	return &senderStore{committed: map[string]string{}, pending: map[string]string{}}
}

func (st *senderStore) Load(fn func(key, value []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(st.pending)) {
		if err := fn([]byte(key), []byte(st.pending[key])); err != nil {
			return err
		}
	}
	return nil
}

func (st *senderStore) Put(key, value []byte) error {
	st.puts++
	if st.fail == nil {
		st.pending[string(key)] = string(value)
	}
	return st.fail
}

func (st *senderStore) Delete(key []byte) error {
	st.deletes++
	if st.fail == nil {
		delete(st.pending, string(key))
	}
	return st.fail
}

func (st *senderStore) Commit() error {
	if st.fail == nil {
		st.committed = maps.Clone(st.pending)
	}
	return st.fail
}

func (st *senderStore) Close() error { st.closed = true; return nil }

// crash loses what was not committed.
func (st *senderStore) crash() { st.pending = maps.Clone(st.committed) }

// senderTime is when the tests begin.
var senderTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// senderBench runs a sender by a script. A script has one step per line:
//
//	up [lost] [rm=N] [qos=N] [size=N] [noretain]   a connection begins; lost: without the session
//	down                                           it ends
//	pub TOPIC=DATA [q1|q2] [retain] [exp=5s]       Publish
//	pub! TOPIC=DATA [...] : TEXT                   Publish, which returns an error with this text
//	> PACKET | PACKET                              all that append gives out; nothing: "> -"
//	>N PACKET | PACKET                             the same, with room for N bytes
//	< PUBACK ID [0x87]                             receive
//	<! PUBACK ID [0x87]                            receive, which returns an error
//	written                                        the socket has taken all
//	after 5s                                       time passes; next is checked to have told it
//	= HANDLE RESULT [CODE] | ...                   all outcomes; nothing: "= -"
//	restart                                        commit, and a new sender from the store
//	crash                                          a new sender from the store without commit
//	unknown                                        the server may hold unknown identifiers
//	close
//
// A packet is "1 TOPIC=DATA q1 dup exp=5" with its identifier, or "PUBREL 1 0x92".
type senderBench struct {
	t       *testing.T
	version uint8
	queue   Queue
	window  int
	store   *senderStore // nil: none

	s     *sender
	ids   *packetid.Pool
	now   time.Time
	ended uint64 // bytes of the connection's output
}

// senderFlow is an exchange in both versions of MQTT, unless only is set. One with restarts or
// crashes runs with a store, the others with and without one.
type senderFlow struct {
	name   string
	only   uint8
	queue  Queue
	window int
	script string
}

// runSenderFlows runs each flow in each way that it is for.
func runSenderFlows(t *testing.T, flows []senderFlow) {
	for _, f := range flows {
		for _, version := range []uint8{4, 5} {
			if f.only != 0 && f.only != version {
				continue
			}
			for _, durable := range []bool{false, true} {
				script, store := strings.ReplaceAll(f.script, " STORED", ""), (*senderStore)(nil)
				if durable {
					script, store = strings.ReplaceAll(f.script, "STORED", "stored"), newSenderStore()
				} else if strings.Contains(script, "restart") || strings.Contains(script, "crash") {
					continue
				}
				if script = strings.ReplaceAll(script, "EXP", "exp=1"); version == 4 {
					script = strings.ReplaceAll(script, "q1 exp=1\n", "q1\n")
				}
				name := []string{4: "3.1.1", 5: "5.0"}[version] + map[bool]string{true: ", with a store"}[durable]
				t.Run(f.name+", "+name, func(t *testing.T) {
					b := newSenderBench(t, version, f.queue, f.window, store)
					b.t = t
					b.run(script)
				})
			}
		}
	}
}

func newSenderBench(t *testing.T, version uint8, q Queue, window int, store *senderStore) *senderBench {
	b := &senderBench{t: t, version: version, queue: q, window: window, store: store, now: senderTime}
	b.start()
	return b
}

// start makes a sender, and loads the store.
func (b *senderBench) start() {
	b.t.Helper()
	b.ids = &packetid.Pool{}
	j := &journal{}
	if b.store != nil {
		j.store = b.store
	}
	b.s = newSender(b.version, b.ids, j, b.queue, b.window)
	if b.s.known = true; b.store == nil {
		return
	}
	if err := b.store.Load(func(k, v []byte) error { return b.s.load(b.now, k, v) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *senderBench) run(script string) {
	b.t.Helper()
	for i, line := range strings.Split(script, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			if msg := b.step(line); msg != "" {
				b.t.Fatalf("step %d, %q: %s", i, line, msg)
			}
			senderCheck(b.t, b.s)
			if used := senderTaken(b.s); b.ids.Len() != used {
				b.t.Fatalf("step %d, %q: %d identifiers are taken, %d are used", i, line, b.ids.Len(), used)
			}
		}
	}
}

func (b *senderBench) step(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case word == "up":
		present, caps := senderCaps(b.version, rest)
		b.ended = 0
		b.s.up(b.now, present, &caps)
	case word == "down":
		b.s.down(b.now)
	case word == "pub":
		if _, err := b.s.publish(b.now, senderMessage(rest)); err != nil {
			return "Publish: " + err.Error()
		}
	case word == "pub!":
		text, want, _ := strings.Cut(rest, " : ")
		if h, err := b.s.publish(b.now, senderMessage(text)); err == nil || h != 0 || !strings.Contains(err.Error(), want) {
			return fmt.Sprintf("Publish returns %d and error %v", h, err)
		}
	case word[0] == '>':
		room := 1 << 20
		if word != ">" {
			room, _ = strconv.Atoi(word[1:])
		}
		return senderDiffer(b.append(room), rest)
	case word == "<", word == "<!":
		if err := b.receive(rest); (err != nil) != (word == "<!") {
			return fmt.Sprintf("receive returns error %v", err)
		}
	case word == "written":
		b.s.written(b.ended)
	case word == "after":
		d, _ := time.ParseDuration(rest)
		b.now = b.now.Add(d)
		b.s.tick(b.now)
	case word == "=":
		return senderDiffer(b.outcomes(), rest)
	case word == "restart", word == "crash":
		if word == "restart" {
			b.s.j.commit()
		}
		b.store.crash()
		b.start()
	case word == "unknown":
		b.s.known = false
	case word == "close":
		b.s.close(b.now)
	default:
		return "there is no such step"
	}
	return ""
}

func senderDiffer(got []string, want string) string {
	text := strings.Join(got, " | ")
	if text == "" {
		text = "-"
	}
	if text != want {
		return "got " + text
	}
	return ""
}

func senderCaps(version uint8, options string) (present bool, caps mqtt.Capabilities) {
	caps, present = mqtt.NewCapabilities(version), true
	for o := range strings.FieldsSeq(options) {
		name, text, _ := strings.Cut(o, "=")
		n, _ := strconv.Atoi(text)
		switch name {
		case "lost":
			present = false
		case "rm":
			caps.ReceiveMaximum = uint16(n)
		case "qos":
			caps.MaximumQoS = uint8(n)
		case "size":
			caps.MaximumPacketSize = uint32(n)
		case "noretain":
			caps.RetainAvailable = false
		default:
			panic(o)
		}
	}
	return present, caps
}

func senderMessage(text string) *Message {
	m := &Message{}
	for i, o := range strings.Fields(text) {
		switch name, value, _ := strings.Cut(o, "="); {
		case i == 0:
			m.Topic, m.Data = name, []byte(value)
		case o == "q1":
			m.QoS = 1
		case o == "q2":
			m.QoS = 2
		case o == "retain":
			m.Retain = true
		case name == "exp":
			m.Expiry, _ = time.ParseDuration(value)
		default:
			panic(o)
		}
	}
	return m
}

// append returns what append gives out.
func (b *senderBench) append(room int) []string {
	out := b.s.append(b.now, []byte("head"), room)
	if string(out[:4]) != "head" {
		b.t.Fatal("append has changed what was there")
	}
	if err := b.s.j.commit(); err != nil {
		b.t.Fatal(err)
	}
	b.ended += uint64(len(out) - 4)
	b.s.appended(b.ended)
	return senderPackets(b.t, out[4:], b.version)
}

// senderPackets describes packets.
func senderPackets(t *testing.T, out []byte, version uint8) (packets []string) {
	t.Helper()
	var m mqtt.Message
	for len(out) > 0 {
		n, err := mqtt.Parse(out, version, &m)
		if err != nil {
			t.Fatalf("the packets %q: %v", out, err)
		}
		out = out[n:]
		if m.Cmd != mqtt.CmdPublish {
			text := fmt.Sprint(m.Cmd, " ", m.ID)
			if m.Ack != 0 {
				text += fmt.Sprintf(" 0x%02X", uint8(m.Ack))
			}
			packets = append(packets, text)
			continue
		}
		text := fmt.Sprintf("%s=%s q%d", m.Topic, m.Data, m.QoS)
		if m.ID != 0 {
			text = fmt.Sprint(m.ID, " ", text)
		}
		if m.Dup {
			text += " dup"
		}
		if m.Retain {
			text += " retain"
		}
		var p mqtt.Property
		for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
			if p.ID == mqtt.PropMessageExpiryInterval {
				text += fmt.Sprint(" exp=", p.Int)
			}
		}
		packets = append(packets, text)
	}
	return packets
}

// receive gives the sender an answer of the server.
func (b *senderBench) receive(text string) error {
	fields := strings.Fields(text)
	m := mqtt.Message{Version: b.version}
	for _, cmd := range []mqtt.Cmd{mqtt.CmdPuback, mqtt.CmdPubrec, mqtt.CmdPubcomp} {
		if cmd.String() == fields[0] {
			m.Cmd = cmd
		}
	}
	id, _ := strconv.Atoi(fields[1])
	m.ID = uint16(id)
	if len(fields) > 2 {
		code, _ := strconv.ParseUint(fields[2], 0, 8)
		m.Ack = mqtt.ReasonCode(code)
	}
	err := b.s.receive(b.now, &m)
	if err != nil && !errors.Is(err, mqtt.ErrMalformed) {
		b.t.Fatalf("receive returns %v, want a *mqtt.ParseError", err)
	}
	return err
}

// outcomes returns all outcomes.
func (b *senderBench) outcomes() (all []string) {
	b.s.j.commit()
	for o, _ := b.s.outcome(); o != nil; o, _ = b.s.outcome() {
		text := fmt.Sprint(uint64(o.Handle), " ", senderResults[o.Result])
		if o.Code != 0 {
			text += fmt.Sprintf(" 0x%02X", uint8(o.Code))
		}
		if o.Stored {
			text += " stored"
		}
		if (o.Err == nil) != (o.Result == Sent || o.Result == Acknowledged) {
			b.t.Fatalf("outcome %s has error %v", text, o.Err)
		}
		all = append(all, text)
	}
	return all
}

var senderResults = map[Result]string{Sent: "Sent", Acknowledged: "Acknowledged", Rejected: "Rejected",
	Dropped: "Dropped", Expired: "Expired", Abandoned: "Abandoned"}

// senderTaken returns how many identifiers a sender has taken from the pool.
func senderTaken(s *sender) int {
	n := s.byID.n + len(s.burnt)
	if c := s.clearing; c != nil {
		n += len(c.waiting) + len(c.ready)
	}
	return n
}

// senderCheck checks what is always true of a sender.
func senderCheck(t testing.TB, s *sender) {
	t.Helper()
	if err := senderBroken(s); err != nil {
		t.Fatal(err)
	}
}

func senderBroken(s *sender) error {
	ids, counted := map[uint16]bool{}, 0
	for _, l := range []*list{&s.queue.lists[0], &s.queue.lists[1], &s.inflight, &s.released, &s.unwritten, &s.finished} {
		n, bytes := 0, 0
		var prev *record
		for r := l.first; r != nil; prev, r = r, r.next {
			n, bytes = n+1, bytes+len(r.packet)
			if r.prev != prev {
				return errors.New("a list is broken")
			}
			if r.counted {
				counted++
			}
			if flying := l == &s.inflight || l == &s.released; flying != (r.id != 0 && s.byID.get(r.id) == r) {
				if l != &s.finished {
					return fmt.Errorf("message %d has identifier %d in state %d", r.seq, r.id, r.state)
				}
			} else if flying && (ids[r.id] || !s.ids.InUse(r.id)) {
				return fmt.Errorf("identifier %d is used twice, or not taken from the pool", r.id)
			} else if flying {
				ids[r.id] = true
			}
			if queued := l == &s.queue.lists[0] || l == &s.queue.lists[1]; queued && !r.deadline.IsZero() != (r.place >= 0) || !queued && r.place >= 0 {
				return fmt.Errorf("message %d has place %d among those that expire", r.seq, r.place)
			}
		}
		if l.last != prev || l.n != n || l.bytes != bytes {
			return fmt.Errorf("a list has %d records with %d bytes and says %d, %d", n, bytes, l.n, l.bytes)
		}
	}
	for i, r := range s.queue.expiries {
		if r.place != i || i > 0 && r.deadline.Before(s.queue.expiries[(i-1)/2].deadline) {
			return errors.New("the heap of expiries is broken")
		}
	}
	if len(ids) != s.byID.n || counted != s.onWire {
		return fmt.Errorf("%d identifiers, table has %d; %d counted, onWire %d", len(ids), s.byID.n, counted, s.onWire)
	}
	for r := s.unsent; r != nil; r = r.next {
		if r.wire {
			return errors.New("a message behind unsent was sent")
		}
	}
	return nil
}
