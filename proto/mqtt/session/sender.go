package session

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rikki-go/rikki/internal/packetid"
	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// state is what happens to a message. The diagram shows how a record moves between the lists of the
// sender.
//
//	Publish ---> queued ---------> unwritten                    QoS 0
//	                |                  |
//	                v                  v
//	             inflight ---------> finished ---> outcome()
//	                |                  ^
//	                v   PUBREC         |
//	             released -------------+                        QoS 2
//
// A message of QoS 1 or 2 goes to inflight when it gets its packet identifier. It is sent in the
// order of this list, at once or when there is room in Send.
type state uint8

const (
	stateQueued    state = iota // it waits, and has no packet identifier
	stateInflight               // QoS 1, 2: it has an identifier, and waits for PUBACK or PUBREC
	stateReleased               // QoS 2: PUBREC has arrived. It waits for PUBCOMP
	stateUnwritten              // QoS 0: given to the connection. The socket has not taken it
	stateFinished               // it has its outcome
)

// record is a message that was published.
type record struct {
	next, prev *record // of its list
	chain      *record // of idTable
	seq        uint64  // the Handle
	packet     []byte  // the PUBLISH, without DUP. Empty: QoS 0, given to the connection
	deadline   time.Time
	place      int // in expiries; -1 if it is not there
	done       func(*Outcome)

	state  state
	id     uint16 // 0: it has none
	qos    uint8
	retain bool
	stored bool   // the store has an entry
	commit uint64 // of the first entry; of the outcome if it is finished, unless Abandoned
	order  uint64 // released: the order of the PUBRECs
	end    uint64 // unwritten: where it ends in the output of the connection; 0 is not known

	dup     bool // it was given to a connection, and the server has not lost the session since then
	wire    bool // PUBLISH, or PUBREL if it is released, was given to this connection
	counted bool // it counts for Receive Maximum on this connection

	result Result
	code   mqtt.ReasonCode
	props  []byte
	err    error
}

// sender has the messages that are published, until each has its outcome.
//
// It respects the server's Receive Maximum as follows. Messages in flight and released messages
// count, whether or not they were sent again on this connection. So a server that counts the
// messages of the last connection agrees. If the server lowers Receive Maximum, those that are
// already in flight are sent again one after the other, as the window allows.
type sender struct {
	ids    *packetid.Pool // shared with the subscriptions
	j      *journal
	bounds bounds
	window int // messages in flight; of the options and of the server

	maxInflight int
	limits      limits // of the last server
	version     uint8
	connected   bool
	closed      bool
	expiring    bool // a message had an Expiry: append and tick need the time

	seq      uint64 // the last handle
	reserved uint64 // the store says that handles up to this one may have been used

	queue     queue
	inflight  list    // in the order in which they are sent [MQTT-4.6.0-1]
	unsent    *record // the first of inflight that was not given to this connection
	released  list    // in the order of the PUBRECs [MQTT-4.6.0-3]
	unrel     *record // the first of released whose PUBREL was not given to this connection
	order     uint64  // the last record.order
	unwritten list    // of QoS 0
	unmarked  *record // the first of unwritten whose end is not known
	finished  list

	byID    idTable // inflight and released
	onWire  int     // records that are counted
	replies []reply // PUBRELs that do not follow from a record's state
	burnt   []burnt

	known    bool      // the server holds no identifiers but those that the sender and its store know
	clearing *clearing // nil: none

	props      []mqtt.Property // scratch
	key, value []byte          // scratch
	told       *record         // its outcome was taken last
	telling    *telling
}

// reply is a PUBREL to send.
type reply struct {
	id   uint16
	code mqtt.ReasonCode
}

// burnt is an identifier that must not be used again before the server has lost the session. A
// message of QoS 2 was sent with it, and the limits of the server do not allow to send it again. So
// it is not known whether the server has kept the identifier. With it the server would discard
// another message as a duplicate.
type burnt struct {
	seq uint64
	id  uint16
}

// newSender returns a sender for a version of MQTT. Zero for inflight is DefaultInflight. A
// negative value is the largest number, which is that of packet identifiers.
func newSender(version uint8, ids *packetid.Pool, j *journal, q Queue, inflight int) *sender {
	version = cmp.Or(version, 4)
	caps := mqtt.NewCapabilities(version)
	if inflight = cmp.Or(inflight, DefaultInflight); inflight < 0 {
		inflight = math.MaxUint16
	}
	return &sender{
		version:     version,
		ids:         ids,
		j:           j,
		bounds:      q.resolved(),
		maxInflight: inflight,
		window:      inflight,
		limits:      limitsOf(&caps),
	}
}

// publish accepts a message, or returns an error and keeps nothing of it. Errors say what is
// wrong with which message:
//
//	ErrClosed              after close
//	*mqtt.PeerLimitError   the last server does not allow it
//	*mqtt.ParseError       it cannot be encoded, for example because the topic is not valid
//	ErrQueueFull           there is no room
func (s *sender) publish(now time.Time, m *Message) (Handle, error) {
	p, size, err := s.prepare(m)
	if err != nil {
		return 0, err
	}
	defer s.dropProps()
	if err := s.checkRoom(m.Topic, size); err != nil {
		return 0, err
	}
	r := records.Get().(*record)
	if r.place = -1; cap(r.packet) < size {
		r.packet = make([]byte, 0, size)
	}
	if r.packet, err = mqtt.AppendPublish(r.packet[:0], s.version, &p); err != nil {
		recycle(r)
		return 0, wrap(m, err)
	}
	r.qos, r.retain, r.done = m.QoS, m.Retain, m.Done
	if expires(m.Expiry) {
		r.deadline, s.expiring = now.Add(m.Expiry), true
	}
	if r.seq, err = s.newHandle(); err == nil && m.QoS > 0 {
		// With a window and an identifier it does not wait. So it needs one entry, not two.
		if s.connected && s.queue.len() == 0 && s.windowOpen() {
			s.takeID(r)
		}
		err = s.putEntry(r)
	}
	if err != nil {
		s.ids.Release(r.id)
		recycle(r)
		return 0, err
	}
	s.makeRoom(size)
	if r.id != 0 {
		s.launch(r)
	} else {
		s.queue.push(r)
	}
	return Handle(r.seq), nil
}

// prepare checks a message, and returns its PUBLISH and the size of the packet. If it returns no
// error, the caller calls dropProps after it has encoded the packet.
func (s *sender) prepare(m *Message) (p mqtt.PublishPacket, size int, err error) {
	switch {
	case m == nil:
		return p, 0, errNilMessage
	case s.closed:
		return p, 0, ErrClosed
	case s.j.err != nil:
		return p, 0, s.j.err
	}
	if p, err = s.content(m); err == nil {
		size = mqtt.PublishSize(s.version, &p)
		if _, limit := s.limits.check(m.QoS, m.Retain, size); limit != nil {
			err = limit
		}
	}
	if err != nil {
		s.dropProps()
		return p, 0, wrap(m, err)
	}
	return p, size, nil
}

// wrap adds the topic of the message to an error.
func wrap(m *Message, err error) error {
	return fmt.Errorf("session: Publish to %s: %w", quote.Cut(m.Topic), err)
}

// direct appends a message of QoS 0 to dst if it can be sent now, and room is above 0. ok is false
// if it cannot be sent: then call publish. It copies the message into dst and nowhere else. Call
// appended when the packet is in the output of the connection.
func (s *sender) direct(dst []byte, room int, m *Message) (out []byte, h Handle, ok bool, err error) {
	if m == nil || m.QoS != 0 || room <= 0 || !s.idle() {
		return dst, 0, false, nil
	}
	p, _, err := s.prepare(m)
	if err != nil {
		return dst, 0, true, err
	}
	defer s.dropProps()
	if dst, err = mqtt.AppendPublish(dst, s.version, &p); err != nil {
		return dst, 0, true, wrap(m, err)
	}
	seq, err := s.newHandle()
	if err != nil {
		return dst, 0, true, err
	}
	r := records.Get().(*record)
	r.seq, r.place, r.done = seq, -1, m.Done
	s.pushUnwritten(r)
	return dst, Handle(seq), true, nil
}

// idle reports whether a message can be sent now, because nothing waits before it.
func (s *sender) idle() bool {
	return s.connected && s.queue.len() == 0 && s.unsent == nil && s.unrel == nil && len(s.replies) == 0
}

// pending returns the number of messages that have no outcome, and of outcomes that were not taken.
func (s *sender) pending() int {
	n, _ := s.use()
	return n + s.unwritten.n + s.finished.n
}

// up begins a connection: the server has accepted it. present says whether the server has kept the
// session. caps are copied.
//
// If the server has kept the session, all messages in flight are sent again, and PUBREL for the
// released ones [MQTT-4.4.0-1]. If it has lost the session, messages of QoS 1 are sent again as new
// ones. Those of QoS 2 that were sent are dropped. If the server has kept a session that the sender
// does not know, see clearing.
func (s *sender) up(now time.Time, present bool, caps *mqtt.Capabilities) {
	if s.closed {
		return
	}
	if s.connected {
		s.down(now)
	}
	s.connected = true
	s.limits = limitsOf(caps)
	s.window = min(s.maxInflight, int(caps.ReceiveMaximum))
	if !present {
		s.lose()
	}
	for r := s.inflight.first; r != nil; r = r.next {
		r.wire, r.counted = false, false
	}
	for r := s.released.first; r != nil; r = r.next {
		r.wire, r.counted = false, true
	}
	s.onWire = s.released.n // Receive Maximum counts per connection. 5.0 section 4.9
	s.unsent, s.unrel = s.inflight.first, s.released.first
}

// lose ends the session's state that the server has lost.
func (s *sender) lose() {
	for _, b := range s.burnt {
		s.ids.Release(b.id)
		s.deleteKey(b.seq)
	}
	s.burnt = nil
	s.know()
	for r := s.released.first; r != nil; {
		next := r.next
		s.drop(r, ErrSessionLost)
		r = next
	}
	for r := s.inflight.first; r != nil; {
		next := r.next
		if r.qos == 2 && r.dup {
			s.drop(r, ErrSessionLost)
		}
		r.dup = false // the server has never got it
		r = next
	}
}

// drop ends a record of inflight or released.
func (s *sender) drop(r *record, err error) {
	s.detach(r)
	s.finish(r, Dropped, 0, nil, err)
}

// down ends the connection. Messages of QoS 0 that the socket has not taken are dropped: call
// written before, with all that it has taken.
func (s *sender) down(time.Time) {
	s.connected = false
	s.replies = s.replies[:0]
	if s.clearing != nil {
		s.clearing.sent = 0
	}
	s.unsent, s.unrel, s.unmarked = nil, nil, nil
	for r := s.unwritten.first; r != nil; r = s.unwritten.first {
		s.unwritten.remove(r)
		s.finish(r, Dropped, 0, nil, ErrConnectionLost)
	}
}

// close ends the sender. All messages without outcome are Abandoned. Those of QoS 1 and 2 stay in
// the store.
func (s *sender) close(time.Time) {
	if s.closed {
		return
	}
	s.closed, s.connected = true, false
	s.unsent, s.unrel, s.unmarked, s.replies = nil, nil, nil, nil
	for r := s.unwritten.first; r != nil; r = s.unwritten.first {
		s.unwritten.remove(r)
		s.finish(r, Abandoned, 0, nil, ErrClosed)
	}
	for _, l := range [...]*list{&s.released, &s.inflight} {
		for r := l.first; r != nil; r = l.first {
			s.detach(r)
			s.finish(r, Abandoned, 0, nil, ErrClosed)
		}
	}
	for r := s.queue.oldest(); r != nil; r = s.queue.oldest() {
		s.queue.remove(r)
		s.finish(r, Abandoned, 0, nil, ErrClosed)
	}
}

// errStoredTwice is the error of load for a second entry with the same packet identifier.
var errStoredTwice = errors.New("its packet identifier is used by another entry")
