package ws

import (
	"bytes"
	"errors"
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// Prepared is a message for many connections. It is compressed once for each way in
// which they want it, not for each of them. It belongs to the goroutine of the manager
// whose connections it is sent to.
type Prepared struct {
	payload  []byte
	op       OpCode
	variants []variant
}

// variant is the payload as some connections are sent it. It is not masked: each
// frame of a client has a key of its own [RFC 6455 5.3].
type variant struct {
	shape   shape
	payload []byte
}

// shape is how a payload is compressed.
type shape struct {
	level int
	bits  uint8 // of the window; 0 is not compressed
}

// Prepare makes a message, OpText or OpBinary, of a copy of p. The error is
// ErrOpCode, or a *ProtocolError for a text that is not UTF-8.
func Prepare(p []byte, op OpCode) (*Prepared, error) {
	if op != OpText && op != OpBinary {
		return nil, ErrOpCode
	}
	if err := checkPayload(op, p); err != nil {
		return nil, err
	}
	return &Prepared{payload: bytes.Clone(p), op: op}, nil
}

var errNotPrepared = errors.New("ws: Send of a Prepared that Prepare has not made")

// Send sends the message. A client masks each copy with a key of its own. Errors are
// those of the function Send, and one for a Prepared that Prepare has not made.
func (p *Prepared) Send(c *reactor.Conn) error {
	if p == nil || p.op == 0 {
		return errNotPrepared
	}
	l, err := mayBegin(c, p.op)
	if err != nil {
		return err
	}
	var want shape
	first := byte(p.op) | finBit
	if l.compresses(p.op, len(p.payload)) {
		want.level, want.bits = l.extras.deflate.shape()
		first |= rsv1Bit
	}
	if err := appendFrame(c, first, p.encoded(c, l, want)); err != nil {
		return err
	}
	if want.bits > 0 {
		l.extras.deflate.forget()
	}
	return nil
}

// encoded returns the payload in that shape, which it makes at the first use.
func (p *Prepared) encoded(c *reactor.Conn, l *layer, want shape) []byte {
	i := slices.IndexFunc(p.variants, func(v variant) bool { return v.shape == want })
	if i >= 0 {
		return p.variants[i].payload
	}
	payload := p.payload
	if want.bits > 0 {
		s := shared(c)
		d := s.flate.deflater(l.extras.deflate.opts, want.level, want.bits)
		payload = d.compress(nil, payload)
		s.flate.putDeflater(d)
	}
	p.variants = append(p.variants, variant{want, payload})
	return payload
}
