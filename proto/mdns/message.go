package mdns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Type is the type of a record.
type Type uint16

// The types that this package knows. Others can be asked for, and their records have Data only.
const (
	TypeA    Type = 1   // an IPv4 address
	TypePTR  Type = 12  // a name, for example of an instance of a service
	TypeTXT  Type = 16  // texts about a service
	TypeAAAA Type = 28  // an IPv6 address
	TypeSRV  Type = 33  // host and port of a service
	TypeANY  Type = 255 // in questions: all types
)

// ClassIN is the class of the Internet, the only one that multicast DNS uses.
const ClassIN = 1

// topBit is the upper bit of a class: "unicast response wanted" in a question, and "flush the
// cache" in a record [RFC 6762 5.4, 10.2].
const topBit = 1 << 15

// Message is a message of DNS [RFC 1035 4.1].
type Message struct {
	ID            uint16 // 0, except if the querier does not use port 5353 [RFC 6762 18.1]
	Response      bool
	Authoritative bool
	Truncated     bool
	Opcode        uint8 // 0, or the message is ignored [RFC 6762 18.3]
	RCode         uint8 // 0, or the message is ignored [RFC 6762 18.11]
	Questions     []Question
	Answers       []Record // in a query: the answers that the querier knows already
	Authorities   []Record
	Additionals   []Record
}

// Question asks for the records of a name.
type Question struct {
	Name    string
	Type    Type
	Class   uint16 // without the upper bit
	Unicast bool   // the answer is wanted by unicast
}

// Record is a resource record.
type Record struct {
	Name       string
	Type       Type
	Class      uint16     // without the upper bit
	CacheFlush bool       // it replaces other records of this name and type
	TTL        uint32     // in seconds; 0: it is not valid any more
	Addr       netip.Addr // of A and AAAA
	Target     string     // of PTR and SRV
	Port       uint16     // of SRV
	Data       []byte     // the content of the record; names in it may be compressed
}

// ErrIncomplete means that the message ends too early. A datagram is complete, so it is then
// malformed.
var ErrIncomplete = errors.New("mdns: message is incomplete")

// A FormatError says where and why a message is malformed.
type FormatError struct {
	Offset int // of the question or record
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("mdns: malformed message, at byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *FormatError) Unwrap() error { return e.Err }

const headerSize = 12

// ParseMessage parses a message and returns how many bytes it has used. The records' Data are parts
// of b, and everything else is copied. The error is ErrIncomplete or a *FormatError. A name with
// more than 127 compression pointers is malformed.
func ParseMessage(b []byte) (m Message, n int, err error) {
	if len(b) < headerSize {
		return Message{}, 0, ErrIncomplete
	}
	flags := binary.BigEndian.Uint16(b[2:])
	m = Message{
		ID: binary.BigEndian.Uint16(b), Response: flags>>15 != 0, Opcode: uint8(flags >> 11 & 15),
		Authoritative: flags>>10&1 != 0, Truncated: flags>>9&1 != 0, RCode: uint8(flags & 15),
	}
	at := headerSize
	for range binary.BigEndian.Uint16(b[4:]) {
		var q Question
		if q, at, err = parseQuestion(b, at); err != nil {
			return Message{}, 0, err
		}
		m.Questions = append(m.Questions, q)
	}
	for i, section := range []*[]Record{&m.Answers, &m.Authorities, &m.Additionals} {
		for range binary.BigEndian.Uint16(b[6+2*i:]) {
			var r Record
			if r, at, err = parseRecord(b, at); err != nil {
				return Message{}, 0, err
			}
			*section = append(*section, r)
		}
	}
	return m, at, nil
}

// formatError wraps an error, unless it is ErrIncomplete.
func formatError(at int, err error) error {
	if err == ErrIncomplete {
		return err
	}
	return &FormatError{at, err}
}

func parseQuestion(b []byte, at int) (q Question, next int, err error) {
	name, next, err := parseName(b, at)
	switch {
	case err != nil:
		return Question{}, 0, formatError(at, err)
	case next+4 > len(b):
		return Question{}, 0, ErrIncomplete
	}
	class := binary.BigEndian.Uint16(b[next+2:])
	return Question{name, Type(binary.BigEndian.Uint16(b[next:])), class &^ topBit, class&topBit != 0}, next + 4, nil
}

func parseRecord(b []byte, at int) (r Record, next int, err error) {
	name, next, err := parseName(b, at)
	switch {
	case err != nil:
		return Record{}, 0, formatError(at, err)
	case next+10 > len(b):
		return Record{}, 0, ErrIncomplete
	}
	class := binary.BigEndian.Uint16(b[next+2:])
	r = Record{
		Name: name, Type: Type(binary.BigEndian.Uint16(b[next:])), Class: class &^ topBit, CacheFlush: class&topBit != 0,
		TTL: binary.BigEndian.Uint32(b[next+4:]),
	}
	data := next + 10
	next = data + int(binary.BigEndian.Uint16(b[next+8:]))
	if next > len(b) {
		return Record{}, 0, ErrIncomplete
	}
	r.Data = b[data:next:next]
	if err := r.parseData(b[:next], data); err != nil {
		return Record{}, 0, &FormatError{at, err}
	}
	return r, next, nil
}

var errLength = errors.New("content of the record has a wrong length")

// parseData parses the content of a record, which begins at offset `at` and ends with the message.
func (r *Record) parseData(msg []byte, at int) error {
	var err error
	end := at + len(r.Data)
	switch {
	case r.Type == TypeA && len(r.Data) == 4, r.Type == TypeAAAA && len(r.Data) == 16:
		r.Addr, _ = netip.AddrFromSlice(r.Data)
		return nil
	case r.Type == TypePTR:
		r.Target, end, err = parseName(msg, at)
	case r.Type == TypeSRV && len(r.Data) > 6:
		r.Port = binary.BigEndian.Uint16(r.Data[4:])
		r.Target, end, err = parseName(msg, at+6)
	case r.Type == TypeA, r.Type == TypeAAAA, r.Type == TypeSRV:
		return errLength
	}
	if err == ErrIncomplete || err == nil && end != len(msg) {
		return errLength
	}
	return err
}

// AppendMessage appends a message to dst. Names are not compressed. A record of the types A, AAAA,
// PTR and SRV takes its content from Addr, Target and Port; others take it from Data. The error
// says which name is bad, or that there are too many records or too much content.
func AppendMessage(dst []byte, m *Message) ([]byte, error) {
	flags := uint16(m.Opcode&15)<<11 | uint16(m.RCode&15)
	for _, f := range []struct {
		set bool
		bit int
	}{{m.Response, 15}, {m.Authoritative, 10}, {m.Truncated, 9}} {
		if f.set {
			flags |= 1 << f.bit
		}
	}
	dst = binary.BigEndian.AppendUint16(dst, m.ID)
	dst = binary.BigEndian.AppendUint16(dst, flags)
	for _, n := range []int{len(m.Questions), len(m.Answers), len(m.Authorities), len(m.Additionals)} {
		if n > 1<<16-1 {
			return dst, fmt.Errorf("mdns: message has %d records in one section", n)
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	var err error
	for _, q := range m.Questions {
		if dst, err = appendHeader(dst, q.Name, q.Type, q.Class, q.Unicast); err != nil {
			return dst, err
		}
	}
	for _, section := range [][]Record{m.Answers, m.Authorities, m.Additionals} {
		for i := range section {
			if dst, err = appendRecord(dst, &section[i]); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// appendHeader appends what a question and a record begin with.
func appendHeader(dst []byte, name string, typ Type, class uint16, top bool) ([]byte, error) {
	dst, err := appendName(dst, name)
	if err != nil {
		return dst, err
	}
	if class &^= topBit; top {
		class |= topBit
	}
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(dst, uint16(typ)), class), nil
}

func appendRecord(dst []byte, r *Record) ([]byte, error) {
	dst, err := appendHeader(dst, r.Name, r.Type, r.Class, r.CacheFlush)
	if err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint32(dst, r.TTL)
	size := len(dst)
	dst = append(dst, 0, 0)
	switch r.Type {
	case TypeA, TypeAAAA:
		if r.Addr.Is4() != (r.Type == TypeA) || !r.Addr.IsValid() {
			return dst, fmt.Errorf("mdns: record of type %d for %q has the address %v", r.Type, r.Name, r.Addr)
		}
		dst = append(dst, r.Addr.AsSlice()...)
	case TypeSRV:
		dst = append(dst, 0, 0, 0, 0, byte(r.Port>>8), byte(r.Port)) // priority and weight are 0
		dst, err = appendName(dst, r.Target)
	case TypePTR:
		dst, err = appendName(dst, r.Target)
	default:
		dst = append(dst, r.Data...)
	}
	if err != nil {
		return dst, err
	}
	n := len(dst) - size - 2
	if n > 1<<16-1 {
		return dst, fmt.Errorf("mdns: record of %q has %d bytes", r.Name, n)
	}
	binary.BigEndian.PutUint16(dst[size:], uint16(n))
	return dst, nil
}
