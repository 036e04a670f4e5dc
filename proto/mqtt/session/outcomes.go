package session

import (
	"errors"
	"sync"

	"github.com/rikki-go/rikki/internal/quote"
	"github.com/rikki-go/rikki/proto/mqtt"
)

// The errors of Publish and of outcomes. Publish adds what was wrong, so compare with errors.Is.
var (
	// ErrClosed is returned by calls after Close, and by Publish and Request also after Drain. It
	// is the Err of Abandoned.
	ErrClosed = errors.New("session: closed")

	// ErrQueueFull is returned by Publish for a message that does not fit into Options.Queue. It
	// is the Err of Dropped for a message that made room for a newer one.
	ErrQueueFull = errors.New("session: the queue is full")

	// ErrExpired is the Err of Expired.
	ErrExpired = errors.New("session: the message was not sent before it expired")

	// ErrSessionLost is the Err of Dropped for a message of QoS 2 that was sent, when the server
	// has lost the session. It may or may not have been delivered. To send it again could deliver
	// it twice.
	ErrSessionLost = errors.New("session: the server has lost the session, " +
		"and a repeated QoS 2 message could be delivered twice")

	// ErrConnectionLost is the Err of Dropped for a message of QoS 0, when the connection ended
	// before the socket had taken it.
	ErrConnectionLost = errors.New("session: the connection ended before the QoS 0 message was written")
)

// A RejectedError is the Err of Rejected if the server has answered with a code of 0x80 or higher.
// If the limits of the server do not allow the message, Err is a *mqtt.PeerLimitError instead.
type RejectedError struct {
	Cmd    mqtt.Cmd // CmdPuback or CmdPubrec
	Code   mqtt.ReasonCode
	Reason string // the Reason String of the packet; may be empty
}

// Error returns the packet, the code with its name, and the server's reason.
func (e *RejectedError) Error() string {
	text := "session: the server rejects the message with " + e.Cmd.String() + ": " + e.Code.Name(5)
	if e.Reason != "" {
		text += ": " + quote.Text(e.Reason, quote.MaxText)
	}
	return text
}

// rejection returns the error for a PUBACK or PUBREC with a code of 0x80 or higher.
func rejection(m *mqtt.Message) error {
	e := &RejectedError{Cmd: m.Cmd, Code: m.Ack}
	var p mqtt.Property
	for ofs := m.NextProp(&p, 0); ofs > 0; ofs = m.NextProp(&p, ofs) {
		if p.ID == mqtt.PropReasonString {
			e.Reason = string(p.Value)
		}
	}
	return e
}

// records has records to use again. Sessions at rest keep none.
var records = sync.Pool{New: func() any { return new(record) }}

// telling is the memory of an outcome while the program is told. Sessions at rest have none.
type telling struct {
	out Outcome
	msg mqtt.Message
}

var tellings = sync.Pool{New: func() any { return new(telling) }}

// maxRecycled is the largest buffer in bytes that a recycled record keeps.
const maxRecycled = 4 << 10

// recycle makes a record available for another message. No list contains it.
func recycle(r *record) {
	packet, props := r.packet[:0], r.props[:0]
	if cap(packet) > maxRecycled {
		packet = nil
	}
	if cap(props) > maxRecycled {
		props = nil
	}
	*r = record{packet: packet, props: props, place: -1}
	records.Put(r)
}

// finish gives a record its outcome. The caller has removed the record from its list. props are
// copied. Only Abandoned keeps a stored message in the store.
func (s *sender) finish(r *record, result Result, code mqtt.ReasonCode, props []byte, err error) {
	if r.id != 0 {
		s.byID.remove(r)
		s.ids.Release(r.id)
	}
	if result != Abandoned {
		if r.stored {
			s.deleteEntry(r)
			r.stored = s.j.done(r.commit)
		}
		r.commit = s.j.next()
	}
	r.result, r.code, r.err = result, code, err
	r.props = append(r.props[:0], props...)
	r.state = stateFinished
	s.finished.push(r)
}

// outcome takes the next outcome and the Done function of its message, which may be nil. It returns
// nil if there is none. The Outcome is valid until the next call. With a store an outcome comes
// after the commit that follows it: otherwise a crash could send a message again that was told to
// be dropped. A closed sender tells all.
func (s *sender) outcome() (*Outcome, func(*Outcome)) {
	if s.told != nil {
		recycle(s.told)
		s.told, *s.telling = nil, telling{}
	}
	r := s.finished.first
	if r == nil || !s.closed && !s.j.done(r.commit) {
		if s.telling != nil {
			tellings.Put(s.telling)
			s.telling = nil
		}
		return nil, nil
	}
	if s.telling == nil {
		s.telling = tellings.Get().(*telling)
	}
	out, msg := &s.telling.out, &s.telling.msg
	s.finished.remove(r)
	s.told = r
	*out = Outcome{Handle: Handle(r.seq), Result: r.result, Code: r.code, Err: r.err}
	if len(r.props) > 0 {
		out.Props = r.props
	}
	out.Stored = r.stored && s.j.done(r.commit) == (r.result == Abandoned)
	if len(r.packet) > 0 {
		r.message(s.version, msg)
		out.Message = msg
	}
	return out, r.done
}
