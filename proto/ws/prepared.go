package ws

import (
	"bytes"
	"slices"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Prepared is a message for many connections: it is framed, masked and
// compressed once for each way in which they want it, not for each of them. It belongs
// to the goroutine of the manager whose connections it is sent to.
type Prepared struct {
	payload  []byte
	op       OpCode
	variants []variant
}

// variant is the message as some connections are sent it.
type variant struct {
	kind  variantKind
	frame []byte
}

type variantKind struct {
	masked bool
	bits   uint8 // of the window it is compressed for; 0 is not compressed
	level  int
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

// Send sends the message. Errors are those of the function Send.
func (p *Prepared) Send(c *reactor.Conn) error {
	l, err := mayBegin(c, p.op)
	if err != nil {
		return err
	}
	kind := variantKind{masked: c.IsClient()}
	if l.compresses(p.op, len(p.payload)) {
		kind.level, kind.bits = l.rare.deflate.shape()
	}
	i := slices.IndexFunc(p.variants, func(v variant) bool { return v.kind == kind })
	if i < 0 {
		i = len(p.variants)
		var o *Deflate
		if kind.bits > 0 {
			o = l.rare.deflate.opts
		}
		p.variants = append(p.variants, variant{kind, p.encode(c, kind, o)})
	}
	if _, err := c.Write(p.variants[i].frame); err != nil {
		return err
	}
	if kind.bits > 0 {
		l.rare.deflate.forget()
	}
	return nil
}

// encode makes the frame of a kind. A client's has one key for all the
// connections it goes to, chosen when the payload is fixed already [RFC 6455 10.3].
func (p *Prepared) encode(c *reactor.Conn, kind variantKind, o *Deflate) []byte {
	payload, first := p.payload, byte(p.op)|finBit
	if kind.bits > 0 {
		s := shared(c)
		d := s.flate.deflater(o, kind.level, kind.bits)
		payload, first = d.compress(nil, payload), first|rsv1Bit
		s.flate.putDeflater(d)
	}
	key, masked := maskFor(c)
	frame := appendHeader(make([]byte, 0, maxHeader+len(payload)), first, len(payload), masked, key)
	n := len(frame)
	frame = append(frame, payload...)
	if masked {
		ws.Cipher(frame[n:], key, 0)
	}
	return frame
}
