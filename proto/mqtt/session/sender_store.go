package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// The keys of the sender in the store begin with 'o'. All integers are big-endian.
//
//	key                     value
//	'o'                     format, handle (8 bytes), 1 if known or else 0, checksum
//	'o', handle (8 bytes)   format, state, version of MQTT, packet identifier (2 bytes), deadline
//	                        (8 bytes), order of the PUBREC (8 bytes), PUBLISH, checksum
//
// The first entry says up to which handle the store may have used them, and whether the store knows
// all packet identifiers that the server's session may hold: see clearing. The deadline is in
// nanoseconds of Unix time, and 0 if there is none. The PUBLISH has no DUP flag. The checksum is
// the CRC-32C of the key and of the value before it.
//
// A message of QoS 0 has no entry. A burnt identifier has an entry without PUBLISH.
const (
	keySender    = 'o'
	entryFormat  = 1
	entryHeader  = 21
	entryTrailer = 4

	storedQueued   = 0
	storedInflight = 1
	storedReleased = 2
	storedBurnt    = 3
)

// handleBlock is how many handles the store reserves at once.
const handleBlock = 1024

// maxHandle is the largest handle in a store. No session gets there.
const maxHandle = 1 << 62

// maxScratch is the largest scratch buffer in bytes that the sender keeps.
const maxScratch = 16 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newHandle returns the next handle.
func (s *sender) newHandle() (uint64, error) {
	if s.seq++; s.seq > s.reserved && s.j.durable() {
		s.reserved = s.seq + handleBlock - 1
		if err := s.putHandles(); err != nil {
			return 0, err
		}
	}
	return s.seq, nil
}

// putHandles puts the first entry.
func (s *sender) putHandles() error {
	s.key = append(s.key[:0], keySender)
	s.value = binary.BigEndian.AppendUint64(append(s.value[:0], entryFormat), s.reserved)
	known := byte(0)
	if s.known {
		known = 1
	}
	s.value = append(s.value, known)
	return s.put()
}

// put puts the entry in s.key and s.value, after it has added the checksum.
func (s *sender) put() error {
	s.value = binary.BigEndian.AppendUint32(s.value, checksum(s.key, s.value))
	err := s.j.put(s.key, s.value)
	if cap(s.value) > maxScratch {
		s.value = nil
	}
	return err
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func (s *sender) setKey(seq uint64) {
	s.key = binary.BigEndian.AppendUint64(append(s.key[:0], keySender), seq)
}

// putEntry puts the entry of a record of QoS 1 or 2.
func (s *sender) putEntry(r *record) error {
	if !s.j.durable() {
		return nil
	}
	state := byte(storedQueued)
	switch {
	case r.state == stateReleased:
		state = storedReleased
	case r.id != 0:
		state = storedInflight
	}
	if !r.stored {
		r.stored, r.commit = true, s.j.next()
	}
	return s.putState(r.seq, state, r.id, r.deadline, r.order, r.packet)
}

// putBurnt replaces the entry of a message by that of a burnt identifier.
func (s *sender) putBurnt(seq uint64, id uint16) {
	s.putState(seq, storedBurnt, id, time.Time{}, 0, nil)
}

func (s *sender) putState(seq uint64, state byte, id uint16, deadline time.Time, order uint64, packet []byte) error {
	s.setKey(seq)
	s.value = append(s.value[:0], entryFormat, state, s.version)
	s.value = binary.BigEndian.AppendUint16(s.value, id)
	nanos := int64(0)
	if !deadline.IsZero() {
		nanos = deadline.UnixNano()
	}
	s.value = binary.BigEndian.AppendUint64(s.value, uint64(nanos))
	s.value = binary.BigEndian.AppendUint64(s.value, order)
	s.value = append(s.value, packet...)
	return s.put()
}

func (s *sender) deleteEntry(r *record) { s.deleteKey(r.seq) }

func (s *sender) deleteKey(seq uint64) {
	if s.j.durable() {
		s.setKey(seq)
		s.j.delete(s.key)
	}
}

// load takes over an entry of the store. Call it before the first connection and before publish,
// in the order of the keys. It copies what it needs. An error names the key: the entry is damaged,
// or does not belong to a sender.
func (s *sender) load(now time.Time, key, value []byte) error {
	if err := s.loadEntry(now, key, value); err != nil {
		return fmt.Errorf("session: store: entry %s: %w", quote.Cut(key), err)
	}
	return nil
}

func (s *sender) loadEntry(now time.Time, key, value []byte) error {
	if len(key) != 1 && len(key) != 9 || key[0] != keySender {
		return errors.New("the key is not one of a published message")
	}
	if len(value) < 1+entryTrailer {
		return fmt.Errorf("the value has only %d bytes", len(value))
	}
	if value[0] != entryFormat {
		return fmt.Errorf("the format of the value is %d, want %d", value[0], entryFormat)
	}
	body, sum := value[:len(value)-entryTrailer], binary.BigEndian.Uint32(value[len(value)-entryTrailer:])
	if checksum(key, body) != sum {
		return errors.New("the checksum is wrong: the entry is damaged")
	}
	if len(key) == 1 {
		if len(body) != 10 {
			return fmt.Errorf("the value has %d bytes, want %d", len(value), 10+entryTrailer)
		}
		if body[9] > 1 {
			return fmt.Errorf("the last byte is %d, want 0 or 1", body[9])
		}
		reserved := binary.BigEndian.Uint64(body[1:9])
		if reserved > maxHandle {
			return fmt.Errorf("the handle is %d, want at most %d", reserved, uint64(maxHandle))
		}
		s.known = body[9] == 1
		s.reserved = max(s.reserved, reserved)
		s.seq = max(s.seq, s.reserved)
		return nil
	}
	if len(body) < entryHeader {
		return fmt.Errorf("the value has only %d bytes", len(value))
	}
	return s.loadRecord(now, binary.BigEndian.Uint64(key[1:]), body)
}

// loadRecord takes over the entry of a message or of a burnt identifier.
func (s *sender) loadRecord(now time.Time, seq uint64, body []byte) error {
	state, version, id := body[1], body[2], binary.BigEndian.Uint16(body[3:])
	switch {
	case seq == 0 || seq > maxHandle:
		return fmt.Errorf("the handle is %d, want 1 to %d", seq, uint64(maxHandle))
	case state > storedBurnt:
		return fmt.Errorf("the state is %d, want 0 to %d", state, storedBurnt)
	case version != 4 && version != 5:
		return fmt.Errorf("the version of MQTT is %d, want 4 or 5", version)
	case (id == 0) != (state == storedQueued):
		return fmt.Errorf("the packet identifier is %d in state %d", id, state)
	case state == storedBurnt && len(body) != entryHeader:
		return errors.New("an identifier that is kept from being used has a message")
	}
	var r *record
	if state != storedBurnt {
		var err error
		if r, err = s.restore(now, version, body); err != nil {
			return err
		}
		if state == storedReleased && r.qos != 2 {
			return fmt.Errorf("the message was released and has QoS %d, want 2", r.qos)
		}
		r.seq = seq
	}
	if id != 0 && !s.ids.Take(id) {
		return errStoredTwice
	}
	if id != 0 { // the newest comes last. So no identifier is used again soon after it is free
		s.ids.Continue(id)
	}
	s.seq = max(s.seq, seq)
	switch state {
	case storedQueued:
		s.queue.push(r)
	case storedInflight:
		r.setID(id)
		r.dup = true // it may have been sent
		s.launch(r)
		s.unsent = nil
	case storedReleased:
		r.setID(id)
		r.dup, r.order = true, binary.BigEndian.Uint64(body[13:])
		s.loadReleased(r)
	case storedBurnt:
		s.burnt = append(s.burnt, burnt{seq, id})
	}
	return nil
}

// loadReleased adds a released record in the order of the PUBRECs.
func (s *sender) loadReleased(r *record) {
	r.state = stateReleased
	s.byID.add(r)
	after := s.released.last
	for after != nil && after.order > r.order {
		after = after.prev
	}
	s.released.insert(r, after)
	s.order = max(s.order, r.order)
}

// restore returns the record for the message of an entry. The message may have been stored for
// another version of MQTT. It is an error if this version cannot express its properties.
func (s *sender) restore(now time.Time, version uint8, body []byte) (*record, error) {
	packet := body[entryHeader:]
	var m mqtt.Message
	n, err := mqtt.Parse(packet, version, &m)
	switch {
	case err != nil:
		return nil, err
	case n != len(packet):
		return nil, fmt.Errorf("%d bytes follow the message", len(packet)-n)
	case m.Cmd != mqtt.CmdPublish || m.QoS == 0 || m.Dup:
		return nil, fmt.Errorf("it has %v with QoS %d, want a PUBLISH of QoS 1 or 2 without DUP", m.Cmd, m.QoS)
	}
	content := Message{Topic: string(m.Topic), Data: m.Data, QoS: m.QoS, Retain: m.Retain}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID != mqtt.PropMessageExpiryInterval {
			content.Props = append(content.Props, p)
		}
	}
	r := records.Get().(*record)
	r.place, r.qos, r.retain, r.stored = -1, m.QoS, m.Retain, true
	if nanos := int64(binary.BigEndian.Uint64(body[5:])); nanos != 0 {
		// A deadline with the reading of the monotonic clock, if now has one.
		rest := time.Unix(0, nanos).Sub(now)
		content.Expiry = max(1, rest)
		if expires(content.Expiry) {
			r.deadline, s.expiring = now.Add(rest), true
		}
	}
	publish, err := s.content(&content)
	if err == nil {
		r.packet, err = mqtt.AppendPublish(r.packet[:0], s.version, &publish)
	}
	s.dropProps()
	if err != nil {
		recycle(r)
		return nil, err
	}
	return r, nil
}
