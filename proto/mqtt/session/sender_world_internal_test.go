package session

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// senderNet is a sender, a model of a server, and the bytes between them. The tests of the model
// and of all interleavings share it. Its functions return an error if a rule is broken.
type senderNet struct {
	version uint8
	queue   Queue
	window  int
	now     time.Time

	s     *sender
	store *senderStore // nil: none
	ids   *packetid.Pool
	total uint64 // bytes that the connection has got

	connected          bool
	toServer, toClient []byte

	server senderServer
	msgs   map[Handle]*senderMsg
	order  []*senderMsg // in the order of Publish
}

// senderMsg is what is known of a message.
type senderMsg struct {
	handle    Handle
	m         *Message
	n         int // its number, which is also its payload
	committed bool
	delivered int
	refused   bool     // once: if the answer is lost, a later copy may be accepted
	outcome   *Outcome // without slices
	gone      bool     // the process died before its outcome was told
}

// senderServer is a server that delivers a message of QoS 2 when PUBLISH arrives.
type senderServer struct {
	session   bool
	held      map[uint16]string // identifiers of QoS 2 that are not released, and the payloads
	caps      mqtt.Capabilities
	fly       map[uint16]bool // PUBLISH was received on this connection, and no final answer sent
	carried   map[uint16]bool // held since the last connection
	foreign   map[uint16]bool // held since a process that has died without a store
	strict    bool            // carried messages count for Receive Maximum
	maxRM     int             // the largest Receive Maximum of this session
	answers   [][]byte        // that were not sent
	refuse    func() mqtt.ReasonCode
	last      map[string]int // by topic and QoS: the number of the newest message
	duplicate func() bool
}

func newSenderNet(version uint8, q Queue, window int, store *senderStore) *senderNet {
	w := &senderNet{version: version, queue: q, window: window, store: store, now: senderTime, msgs: map[Handle]*senderMsg{}}
	w.server.last = map[string]int{}
	if err := w.start(); err != nil {
		panic(err)
	}
	return w
}

// start makes a sender and loads the store. Messages without outcome that it does not have are
// gone.
func (w *senderNet) start() error {
	dead := w.s
	w.ids = &packetid.Pool{}
	j := &journal{}
	if w.store != nil {
		j.store = w.store
	}
	w.s = newSender(w.version, w.ids, j, w.queue, w.window)
	if w.store == nil {
		for _, m := range w.order {
			m.gone = m.gone || m.outcome == nil
		}
		clear(w.msgs) // the next process begins with handle 1 again
		return nil
	}
	if err := w.store.Load(func(k, v []byte) error { return w.s.load(w.now, k, v) }); err != nil {
		return err
	}
	alive := map[uint64]bool{}
	for _, l := range []*list{&w.s.queue.lists[0], &w.s.queue.lists[1], &w.s.inflight, &w.s.released} {
		for r := l.first; r != nil; r = r.next {
			alive[r.seq] = true
		}
	}
	finished := map[uint64]bool{}
	if dead != nil {
		for r := dead.finished.first; r != nil; r = r.next {
			finished[r.seq] = true
		}
	}
	for h, m := range w.msgs {
		if m.outcome == nil && !m.gone && !alive[uint64(h)] {
			if m.committed && !finished[uint64(h)] {
				return fmt.Errorf("message %d was committed, and is lost by the crash", h)
			}
			m.gone = true
		}
	}
	return nil
}

// publish gives the sender a message with the next number as payload. It returns nil if the queue
// is full.
func (w *senderNet) publish(m *Message) (*senderMsg, error) {
	x := &senderMsg{m: m, n: len(w.order) + 1}
	m.Data = append(fmt.Appendf(nil, "%d ", x.n), m.Data...)
	h, err := w.s.publish(w.now, m)
	var limit *mqtt.PeerLimitError
	if errors.Is(err, ErrQueueFull) || errors.As(err, &limit) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if old := w.msgs[h]; old != nil && (old.committed || !old.gone) {
		return nil, fmt.Errorf("handle %d is used twice", h)
	}
	x.handle = h
	w.msgs[h] = x
	w.order = append(w.order, x)
	return x, nil
}

// pump gives the connection what the sender may send. It commits before.
func (w *senderNet) pump(room int) error {
	out := w.s.append(w.now, nil, room)
	if err := w.commit(); err != nil {
		return err
	}
	if w.connected {
		w.toServer = append(w.toServer, out...)
		w.total += uint64(len(out))
		w.s.appended(w.total)
	} else if len(out) > 0 {
		return errors.New("append gives out packets without a connection")
	}
	return nil
}

func (w *senderNet) commit() error {
	if err := w.s.j.commit(); err != nil {
		return err
	}
	if w.store != nil {
		for key := range w.store.committed {
			if len(key) == 9 {
				seq := Handle(0)
				for _, b := range []byte(key[1:]) {
					seq = seq<<8 | Handle(b)
				}
				w.msgs[seq].committed = true
			}
		}
	}
	return nil
}

// take takes all outcomes that may be told, or at most one.
func (w *senderNet) take(limit int) error {
	for ; limit != 0; limit-- {
		o, _ := w.s.outcome()
		if o == nil {
			return nil
		}
		m := w.msgs[o.Handle]
		switch {
		case m == nil:
			return fmt.Errorf("an outcome of the unknown message %d", o.Handle)
		case m.outcome != nil || m.gone:
			return fmt.Errorf("message %d has a second outcome, %s", o.Handle, senderResults[o.Result])
		case m.m.QoS > 0 && (o.Message == nil || string(o.Message.Data) != string(m.m.Data) || string(o.Message.Topic) != m.m.Topic):
			return fmt.Errorf("the outcome of message %d has message %+v", o.Handle, o.Message)
		}
		m.outcome = &Outcome{Handle: o.Handle, Result: o.Result, Code: o.Code, Err: o.Err}
	}
	return nil
}

// connect begins a connection. If the server has lost the session, it commits at once. No client
// can do without that: if it dies after the server has begun a new session and before it has noted
// this, the next CONNACK says that the session is present.
func (w *senderNet) connect(caps mqtt.Capabilities, forget bool) {
	sv := &w.server
	if forget {
		sv.session = false
	}
	present := sv.session
	if !present {
		sv.held, sv.foreign, sv.maxRM = map[uint16]string{}, map[uint16]bool{}, 0
	}
	sv.session, sv.caps, sv.fly, sv.carried, sv.answers = true, caps, map[uint16]bool{}, map[uint16]bool{}, nil
	for id := range sv.held {
		sv.carried[id] = !sv.foreign[id]
	}
	rm := min(int(caps.ReceiveMaximum), w.s.maxInflight)
	sv.strict = rm >= sv.maxRM
	sv.maxRM = max(rm, sv.maxRM)
	w.connected, w.toServer, w.toClient, w.total = true, nil, nil, 0
	w.s.up(w.now, present, &caps)
	if !present {
		if err := w.commit(); err != nil {
			panic(err)
		}
	}
}

// cut ends the connection. What is between the two sides is lost.
func (w *senderNet) cut() {
	w.connected, w.toServer, w.toClient, w.server.answers = false, nil, nil, nil
	w.s.down(w.now)
}

// crash ends the process. Changes that are not committed are lost. If there is no store, everything
// is, and the server does not know.
func (w *senderNet) crash() error {
	w.connected, w.toServer, w.toClient, w.server.answers = false, nil, nil, nil
	if w.store != nil {
		w.store.crash()
	}
	if w.store == nil {
		for id := range w.server.held {
			w.server.foreign[id] = true
		}
	}
	return w.start()
}

// loseStore ends the process, and empties its store.
func (w *senderNet) loseStore() error {
	w.store = nil
	if err := w.crash(); err != nil {
		return err
	}
	w.store = newSenderStore()
	return w.start()
}

// serve gives the server the first n bytes on their way to it. A rest of a packet waits.
func (w *senderNet) serve(n int) error {
	var m mqtt.Message
	for len(w.toServer) > 0 {
		size, err := mqtt.Parse(w.toServer, w.version, &m)
		if err != nil {
			return fmt.Errorf("the server gets %q: %w", w.toServer, err)
		}
		if n -= size; n < 0 {
			return nil
		}
		if err := w.server.packet(w, &m); err != nil {
			return fmt.Errorf("the server gets %v %d: %w", m.Cmd, m.ID, err)
		}
		w.toServer = w.toServer[size:]
	}
	return nil
}

// answer sends answer number i of the server.
func (w *senderNet) answer(i int) {
	sv := &w.server
	packet := sv.answers[i]
	sv.answers = slices.Delete(sv.answers, i, i+1)
	var m mqtt.Message
	if _, err := mqtt.Parse(packet, w.version, &m); err != nil {
		panic(err)
	}
	if m.Cmd != mqtt.CmdPubrec || m.Ack >= 0x80 {
		delete(sv.fly, m.ID)
		delete(sv.carried, m.ID)
	}
	w.toClient = append(w.toClient, packet...)
}

// deliver gives the sender the first n bytes on their way to it.
func (w *senderNet) deliver(n int) error {
	var m mqtt.Message
	for len(w.toClient) > 0 {
		size, err := mqtt.Parse(w.toClient, w.version, &m)
		if err != nil {
			return err
		}
		if n -= size; n < 0 {
			return nil
		}
		if err := w.s.receive(w.now, &m); err != nil {
			return err
		}
		clear(w.toClient[:size]) // slices of the message are not valid after receive
		w.toClient = w.toClient[size:]
	}
	return nil
}

func (sv *senderServer) add(version uint8, cmd mqtt.Cmd, id uint16, code mqtt.ReasonCode) {
	packet, err := mqtt.AppendAck(nil, version, cmd, id, code, nil)
	if err != nil {
		panic(err)
	}
	sv.answers = append(sv.answers, packet)
	if sv.duplicate != nil && sv.duplicate() {
		sv.answers = append(sv.answers, packet)
	}
}

// packet handles a packet of the client, and checks the rules that a server can see.
func (sv *senderServer) packet(w *senderNet, m *mqtt.Message) error {
	if m.Cmd == mqtt.CmdPubrel {
		code := mqtt.ReasonCode(0)
		if _, ok := sv.held[m.ID]; !ok && w.version == 5 {
			code = mqtt.ReasonPacketIDNotFound
		}
		delete(sv.held, m.ID)
		delete(sv.foreign, m.ID)
		sv.add(w.version, mqtt.CmdPubcomp, m.ID, code)
		return nil
	}
	if m.QoS > sv.caps.MaximumQoS || m.Retain && !sv.caps.RetainAvailable || len(m.Dgram) > int(sv.caps.MaximumPacketSize) {
		return errors.New("it is beyond a limit of the server")
	}
	if m.QoS == 0 {
		return sv.message(w, m)
	}
	held, again := sv.held[m.ID]
	if m.QoS == 1 && sv.foreign[m.ID] {
		again = false // only a message of QoS 2 can be a duplicate of one
	}
	if again && held != string(m.Data) {
		return fmt.Errorf("it uses the identifier of message %q again: %q is lost", held, m.Data)
	}
	if sv.fly[m.ID] {
		return errors.New("it is sent twice on one connection, or its identifier is in use")
	}
	sv.fly[m.ID] = true
	flying := len(sv.fly)
	if sv.strict {
		for id, counts := range sv.carried {
			burnt := slices.ContainsFunc(w.s.burnt, func(b burnt) bool { return b.id == id })
			if counts && !sv.fly[id] && !burnt {
				flying++
			}
		}
	}
	if limit := min(int(sv.caps.ReceiveMaximum), w.s.maxInflight); flying > limit {
		return fmt.Errorf("%d messages are in flight, Receive Maximum is %d, strict %v", flying, limit, sv.strict)
	}
	cmd, code := mqtt.CmdPuback, mqtt.ReasonCode(0)
	if m.QoS == 2 {
		cmd = mqtt.CmdPubrec
	}
	if !again && sv.refuse != nil {
		if code = sv.refuse(); code >= 0x80 {
			w.numberOf(m).refused = true
		}
	}
	if !again && code < 0x80 {
		if err := sv.message(w, m); err != nil {
			return err
		}
		if m.QoS == 2 {
			sv.held[m.ID] = string(m.Data)
		}
	}
	sv.add(w.version, cmd, m.ID, code)
	return nil
}

// numberOf finds the message that the payload names.
func (w *senderNet) numberOf(m *mqtt.Message) *senderMsg {
	n := 0
	for _, digit := range m.Data[:bytes.IndexByte(m.Data, ' ')] {
		n = 10*n + int(digit-'0')
	}
	return w.order[n-1]
}

// message delivers an application message.
func (sv *senderServer) message(w *senderNet, m *mqtt.Message) error {
	x := w.numberOf(m)
	n := x.n
	x.delivered++
	if x.delivered > 1 && m.QoS != 1 {
		return fmt.Errorf("message %d of QoS %d is delivered twice", n, m.QoS)
	}
	key := fmt.Sprint(string(m.Topic), m.QoS)
	if n < sv.last[key] && x.delivered == 1 && !x.refused {
		return fmt.Errorf("message %d is delivered after %d", n, sv.last[key])
	}
	sv.last[key] = max(n, sv.last[key])
	return nil
}

// check checks what is true at any time.
func (w *senderNet) check() error {
	if err := senderBroken(w.s); err != nil {
		return err
	}
	if n, size := w.s.use(); n > w.s.bounds.messages || size > w.s.bounds.bytes {
		return fmt.Errorf("the sender keeps %d messages with %d bytes, limits %+v", n, size, w.s.bounds)
	}
	if n := w.s.onWire - w.s.released.n; n > w.s.window {
		return fmt.Errorf("%d messages wait for PUBACK or PUBREC, the window is %d", n, w.s.window)
	}
	return nil
}

// checkEnd checks the messages when nothing is pending any more.
func (w *senderNet) checkEnd() error {
	if n := w.s.pending(); n != 0 {
		return fmt.Errorf("%d messages are pending, although nothing more can happen", n)
	}
	if w.ids.Len() != senderTaken(w.s) {
		return fmt.Errorf("%d identifiers are in use, %d burnt", w.ids.Len(), len(w.s.burnt))
	}
	if w.store != nil && len(w.store.committed) > 1+len(w.s.burnt) {
		return fmt.Errorf("the store has %d entries: %q", len(w.store.committed), slices.Sorted(maps.Keys(w.store.committed)))
	}
	for _, x := range w.order {
		if x.gone {
			continue
		}
		if x.outcome == nil {
			return fmt.Errorf("message %d has no outcome", x.n)
		}
		never := x.outcome.Result == Expired || x.outcome.Result == Dropped && errors.Is(x.outcome.Err, ErrQueueFull)
		switch got := x.outcome.Result; {
		case got == Acknowledged && (x.delivered == 0 || x.m.QoS == 0),
			never && x.delivered > 0,
			got == Sent && x.m.QoS > 0,
			got == Dropped && x.m.QoS == 1 && !never,
			got == Abandoned:
			return fmt.Errorf("message %d of QoS %d is %s (%v), and was delivered %d times",
				x.n, x.m.QoS, senderResults[got], x.outcome.Err, x.delivered)
		}
	}
	return nil
}
