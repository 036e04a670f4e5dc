package ws

import (
	"bytes"
	"errors"
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// Prepared is a message that is sent to many connections. It is compressed once for each
// combination of level and window, not once for each connection. All connections must belong
// to one Manager, and only its goroutine may use the Prepared. Prepare makes one; the zero
// value is not a message.
type Prepared struct {
	payload  []byte
	op       OpCode
	variants []variant
}

// variant is the payload with one kind of compression. It is not masked, because each frame
// from a client has its own masking key [RFC 6455 5.3].
type variant struct {
	compression compression
	payload     []byte
}

// compression says how a payload is compressed.
type compression struct {
	level int
	bits  uint8 // base-2 logarithm of the window; 0: not compressed
}

// Prepare makes a message of the type OpText or OpBinary. It copies p. The error is ErrOpCode
// for another type, or a *ProtocolError for text that is not UTF-8.
func Prepare(p []byte, op OpCode) (*Prepared, error) {
	if op != OpText && op != OpBinary {
		return nil, ErrOpCode
	}
	if err := checkPayload(op, p); err != nil {
		return nil, err
	}
	return &Prepared{payload: bytes.Clone(p), op: op}, nil
}

var errNotPrepared = errors.New("ws: Send of a nil or zero Prepared: make it with Prepare")

// Send sends the message on c. On a client's connection each copy is masked with its own key.
// The errors are those of the function Send, and an error if p is nil or zero.
func (p *Prepared) Send(c *reactor.Conn) error {
	if p == nil || p.op == 0 {
		return errNotPrepared
	}
	l, err := mayBegin(c, p.op)
	if err != nil {
		return err
	}
	var want compression
	first := byte(p.op) | finBit
	if l.shouldCompress(p.op, len(p.payload)) {
		want.level, want.bits = l.extras.deflate.sendParams()
		first |= rsv1Bit
	}
	if err := appendFrame(c, first, p.encoded(c, l, want)); err != nil {
		return err
	}
	if want.bits > 0 {
		l.extras.deflate.resetContext()
	}
	return nil
}

// encoded returns the payload, compressed as want says. It makes each variant at its first use
// and keeps it in p.
func (p *Prepared) encoded(c *reactor.Conn, l *layer, want compression) []byte {
	i := slices.IndexFunc(p.variants, func(v variant) bool { return v.compression == want })
	if i >= 0 {
		return p.variants[i].payload
	}
	payload := p.payload
	if want.bits > 0 {
		s := shared(c)
		d := s.flate.getDeflater(l.extras.deflate.opts, want.level, want.bits)
		payload = d.compress(nil, payload)
		s.flate.putDeflater(d)
	}
	p.variants = append(p.variants, variant{want, payload})
	return payload
}
