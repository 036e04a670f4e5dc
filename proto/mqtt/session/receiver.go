package session

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/rikki-go/rikki/proto/mqtt"
)

// receiver is the state machine of the messages that a session receives. It says which messages the
// handler gets, and gives out their acknowledgements.
//
// A message of QoS 1 belongs to its connection: if it was not acknowledged there, the server sends
// it again, as a new message. A message of QoS 2 belongs to the session: its identifier is held
// until the server releases it with PUBREL, across connections, and with a store across processes.
// So the handler gets it once (4.3.3, method of storing the identifier).
//
//	held message           at PUBLISH            at the program's Ack   at PUBREL
//	none                   delivered, held       nothing                PUBCOMP (5.0: with 0x92)
//	not acknowledged       waits for the Ack     PUBREC waits for its   forgotten, PUBCOMP
//	                                             turn, stored
//	acknowledged           PUBREC                nothing                forgotten, PUBCOMP
//	refused (0x80 and up)  PUBREC, forgotten     nothing                forgotten, PUBCOMP
//
// PUBACK and PUBREC go out in the order in which the messages of this connection arrived
// [MQTT-4.6.0-2] [MQTT-4.6.0-3]. PUBCOMP has no such order.
type receiver struct {
	version   uint8
	manual    bool
	max       int    // the largest number of unacknowledged messages of a connection
	maxPacket uint32 // the largest packet that the server accepts, in bytes
	journal   *journal
	key       [3]byte

	arrivals []arrival // in order; those before head have been answered
	head     int
	number   uint32 // of the next arrival; it counts on across connections

	held     map[uint16]held // messages of QoS 2 by packet identifier
	released []release       // PUBRELs that have no PUBCOMP yet
	unacked  int             // messages of this connection that count for max
}

// arrival is a PUBLISH of QoS 1 or 2 whose acknowledgement has not been given out. Its position
// tells its number.
type arrival struct {
	id      uint16
	qos     uint8
	acked   bool    // QoS 1
	answer  *answer // QoS 1
	message uint32  // QoS 2: the number of the held message
}

// held is a message of QoS 2 that the handler has got, until PUBREL.
type held struct {
	number  uint32 // of its first arrival: tells it from others with the same identifier
	acked   bool
	queued  bool // it is in arrivals
	counted bool // it arrived on this connection, so it counts for max
	answer  *answer
}

// answer is a PUBACK or PUBREC with a reason code or properties.
type answer struct {
	code   mqtt.ReasonCode
	packet []byte
}

// release is a PUBREL that waits for its PUBCOMP.
type release struct {
	id   uint16
	code mqtt.ReasonCode
}

// receivedKey is the first byte of the store's keys of held messages. The packet identifier
// follows. The value is empty.
const receivedKey = 'i'

// newReceiver returns the receiver of a new session. max is the Receive Maximum of its CONNECT, 0
// if it has none. A 3.1.1 server does not know it, so there it does not apply.
func newReceiver(version uint8, j *journal, max uint16, manual bool) *receiver {
	if max == 0 || version != 5 {
		max = 65535
	}
	return &receiver{version: version, journal: j, max: int(max), manual: manual}
}

// load takes an entry of the store, before the first connection.
func (r *receiver) load(key, value []byte) error {
	if len(key) != len(r.key) || key[0] != receivedKey || key[1]|key[2] == 0 {
		return fmt.Errorf("session: store: the key %x is not %q and a packet identifier", key, receivedKey)
	}
	r.hold(binary.BigEndian.Uint16(key[1:]), held{acked: true})
	return nil
}

// hold sets the held message of a packet identifier.
func (r *receiver) hold(id uint16, h held) {
	if r.held == nil {
		r.held = make(map[uint16]held)
	}
	r.held[id] = h
}

// keyOf returns the store's key of a packet identifier. The next call uses its memory again.
func (r *receiver) keyOf(id uint16) []byte {
	r.key[0] = receivedKey
	binary.BigEndian.PutUint16(r.key[1:], id)
	return r.key[:]
}

// up begins a connection. If the server has no session, it uses all identifiers for new messages.
// The session must commit the store before it sends anything.
func (r *receiver) up(present bool, server *mqtt.Capabilities) {
	r.maxPacket = server.MaximumPacketSize
	if present {
		return
	}
	for id := range r.held {
		r.journal.delete(r.keyOf(id))
	}
	clear(r.held)
}

// down ends a connection. What was not acknowledged on it arrives again on the next one.
func (r *receiver) down() {
	clear(r.arrivals) // for the garbage collector
	r.arrivals, r.head, r.released, r.unacked = r.arrivals[:0], 0, r.released[:0], 0
	if cap(r.arrivals) > keptArrivals {
		r.arrivals = nil
	}
	if len(r.held) == 0 {
		r.held = nil // maps do not shrink
	}
	for id, h := range r.held {
		h.queued, h.counted = false, false
		r.held[id] = h
	}
}

// keptArrivals is the largest capacity of arrivals that a receiver keeps without a connection.
const keptArrivals = 64

// publish takes a PUBLISH. If deliver is true, the handler gets it, and then handled must be
// called. The error says that the server has not kept to the Receive Maximum.
func (r *receiver) publish(m *mqtt.Message) (d Delivery, deliver bool, err error) {
	switch m.QoS {
	case 0:
		return Delivery{}, true, nil
	case 1:
		if err = r.count(); err != nil {
			return Delivery{}, false, err
		}
		d = Delivery{epoch: r.number, id: m.ID, qos: 1}
		r.push(arrival{id: m.ID, qos: 1})
		return d, true, nil
	}
	h, known := r.held[m.ID] // a duplicate, with DUP or without [MQTT-4.3.3-10]
	if !h.counted {
		if err = r.count(); err != nil {
			return Delivery{}, false, err
		}
		h.counted = true
	}
	if !known {
		h.number = r.number
	}
	if !h.queued {
		h.queued = true
		r.push(arrival{id: m.ID, qos: 2, message: h.number})
	}
	r.hold(m.ID, h)
	return Delivery{epoch: h.number, id: m.ID, qos: 2}, !known, nil
}

// count counts a message for the Receive Maximum. It returns an error if there are too many.
func (r *receiver) count() error {
	if r.unacked < r.max {
		r.unacked++
		return nil
	}
	rule := "MQTT-4.8.0-2"
	if r.version == 5 {
		rule = "MQTT-3.3.4-9"
	}
	return &mqtt.ParseError{Cmd: mqtt.CmdPublish, Code: mqtt.ReasonReceiveMaximumExceeded, Rule: rule,
		Reason: "more than " + strconv.Itoa(r.max) + " messages of QoS 1 and 2 are not acknowledged"}
}

// push appends an arrival. It uses the memory of answered ones again.
func (r *receiver) push(a arrival) {
	if r.head > 0 && len(r.arrivals) == cap(r.arrivals) {
		n := copy(r.arrivals, r.arrivals[r.head:])
		clear(r.arrivals[n:])
		r.arrivals, r.head = r.arrivals[:n], 0
	}
	r.arrivals = append(r.arrivals, a)
	r.number++
}

// handled says that the handler has returned. It acknowledges the message, unless the program does.
func (r *receiver) handled(d Delivery) {
	if !r.manual {
		r.ack(d, mqtt.ReasonSuccess, nil) // an error of the store shows at its next commit
	}
}

// ack acknowledges a message with a reason code and properties, which 3.1.1 does not have. The
// acknowledgement waits for those of the messages that arrived before. ack does nothing for a
// message that is acknowledged, or that does not exist any more: of QoS 1 after its connection has
// ended, of QoS 2 after the server has lost the session.
func (r *receiver) ack(d Delivery, code mqtt.ReasonCode, props []mqtt.Property) error {
	if d.qos == 0 {
		return nil
	}
	a, err := r.newAnswer(d, code, props)
	if err != nil {
		return err
	}
	if d.qos == 1 {
		waiting := r.arrivals[r.head:]
		i := d.epoch - (r.number - uint32(len(waiting)))
		if i < uint32(len(waiting)) && !waiting[i].acked {
			waiting[i].acked, waiting[i].answer = true, a
		}
		return nil
	}
	h, ok := r.held[d.id]
	if !ok || h.number != d.epoch || h.acked {
		return nil
	}
	if code < mqtt.ReasonUnspecified {
		// Before PUBREC: afterwards the server does not send the message again, only
		// PUBREL.
		if err := r.journal.put(r.keyOf(d.id), nil); err != nil {
			return err
		}
	}
	h.acked, h.answer = true, a
	r.held[d.id] = h
	return nil
}

// newAnswer returns nil for the shortest acknowledgement, which needs no memory.
func (r *receiver) newAnswer(d Delivery, code mqtt.ReasonCode, props []mqtt.Property) (*answer, error) {
	if code == mqtt.ReasonSuccess && len(props) == 0 {
		return nil, nil
	}
	packet, err := mqtt.AppendAck(nil, r.version, ackOf(d.qos), d.id, code, props)
	if err != nil {
		return nil, fmt.Errorf("session: acknowledgement: %w", err)
	}
	return &answer{code, packet}, nil
}

// ackOf returns the packet that acknowledges a PUBLISH.
func ackOf(qos uint8) mqtt.Cmd {
	if qos == 2 {
		return mqtt.CmdPubrec
	}
	return mqtt.CmdPuback
}

// receive takes a PUBREL, which may be for a message of an earlier connection or process. The
// identifier is free for the next message when the server has PUBCOMP [MQTT-4.3.3-12].
func (r *receiver) receive(m *mqtt.Message) {
	h, ok := r.held[m.ID]
	code := mqtt.ReasonSuccess
	switch {
	case ok:
		delete(r.held, m.ID)
		r.journal.delete(r.keyOf(m.ID)) // committed before PUBCOMP is sent
		if h.counted {
			r.unacked--
		}
	case r.version == 5:
		code = mqtt.ReasonPacketIDNotFound // no error after a lost PUBCOMP. 5.0 section 3.7.2.1
	}
	r.released = append(r.released, release{m.ID, code})
}

// append appends the acknowledgements that may be sent, and forgets them.
func (r *receiver) append(dst []byte) []byte {
	for _, rel := range r.released { // [MQTT-4.3.3-11]
		dst = r.appendAck(dst, mqtt.CmdPubcomp, rel.id, rel.code)
	}
	r.released = r.released[:0]
	for r.head < len(r.arrivals) {
		e := &r.arrivals[r.head]
		if e.qos == 1 && !e.acked {
			break
		}
		if e.qos == 1 { // [MQTT-4.3.2-4]
			r.unacked--
			dst = r.appendAnswer(dst, e, e.answer)
		} else if h, ok := r.held[e.id]; ok && h.number == e.message { // else PUBREL came before PUBREC
			if !h.acked {
				break
			}
			dst = r.appendAnswer(dst, e, h.answer) // [MQTT-4.3.3-8]
			r.answered(e.id, h)
		}
		e.answer = nil
		r.head++
	}
	if r.head == len(r.arrivals) {
		r.arrivals, r.head = r.arrivals[:0], 0
	}
	return dst
}

// answered notes that PUBREC was given out. After a code of 0x80 or higher the identifier is free:
// the same message would be a new one [MQTT-4.3.3-9].
func (r *receiver) answered(id uint16, h held) {
	if h.answer != nil && h.answer.code >= mqtt.ReasonUnspecified {
		delete(r.held, id)
		r.unacked--
		return
	}
	h.queued = false
	r.held[id] = h
}

// appendAnswer appends the acknowledgement of e. It leaves out the properties if the packet would
// be too large for the server [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3].
func (r *receiver) appendAnswer(dst []byte, e *arrival, a *answer) []byte {
	switch {
	case a == nil:
		return r.appendAck(dst, ackOf(e.qos), e.id, mqtt.ReasonSuccess)
	case uint64(len(a.packet)) > uint64(r.maxPacket):
		return r.appendAck(dst, ackOf(e.qos), e.id, a.code)
	}
	return append(dst, a.packet...)
}

// appendAck appends an acknowledgement that cannot be wrong.
func (r *receiver) appendAck(dst []byte, cmd mqtt.Cmd, id uint16, code mqtt.ReasonCode) []byte {
	dst, err := mqtt.AppendAck(dst, r.version, cmd, id, code, nil)
	if err != nil {
		panic("session: " + err.Error())
	}
	return dst
}
