package ws

import (
	"errors"
	"slices"

	"github.com/rikki-go/rikki/reactor"
)

// Prepared is a message that is sent to many connections. Its frame is made once, and compressed
// once for each combination of level and window, not once for each connection.
//
// The zero value has no message. Set gives it one, and Prepare makes one that has a message. Send
// copies the frame, so Set may be called again as soon as Send has returned. A Prepared that is
// used again and again allocates nothing, unless a message needs more memory than those before:
//
//	var all ws.Prepared // of the program, for all its messages
//	...
//	if err := all.Set(payload, ws.OpText); err != nil {
//		return err
//	}
//	for c := range clients {
//		all.Send(c)
//	}
//
// All connections must belong to one Manager, and only its goroutine may use the Prepared. Do not
// copy a Prepared after its first use.
type Prepared struct {
	_        noCopy
	op       OpCode // 0: there is no message
	plain    frame
	variants []variant
}

// noCopy makes go vet report copies of a Prepared.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// frame is a frame without a mask, as a server sends it. A client cannot share its frames, because
// each needs a new masking key that cannot be predicted [RFC 6455 5.3].
type frame struct {
	memory []byte // memory[maxHeader:] is the payload
	begin  int    // memory[begin:] is the frame
}

// variant is the message with one kind of compression.
type variant struct {
	compression
	frame
	made bool // false: the frame is that of an earlier message, whose memory will be used again
}

// compression says how a payload is compressed.
type compression struct {
	level int
	bits  uint8 // base-2 logarithm of the window
}

// Prepare returns a Prepared with a message. It is the same as Set of a new Prepared.
func Prepare(p []byte, op OpCode) (*Prepared, error) {
	m := new(Prepared)
	if err := m.Set(p, op); err != nil {
		return nil, err
	}
	return m, nil
}

// Set replaces the message by one of the type OpText or OpBinary. It copies payload. What was sent
// before does not change. The memory of the message before is used again, unless it is more than
// 64 KiB and four times what this one needs.
//
// The error is ErrOpCode for another type, or a *ProtocolError for text that is not UTF-8. After
// an error there is no message, and Send returns an error.
func (p *Prepared) Set(payload []byte, op OpCode) error {
	p.op = 0
	p.plain.trim(len(payload))
	for i := range p.variants {
		p.variants[i].made = false
		p.variants[i].trim(len(payload))
	}
	if op != OpText && op != OpBinary {
		return ErrOpCode
	}
	if err := checkPayload(op, payload); err != nil {
		return err
	}
	p.op = op
	p.plain.memory = append(p.plain.space(len(payload)), payload...)
	p.plain.finish(byte(op) | finBit)
	return nil
}

var errNotPrepared = errors.New("ws: Send of a Prepared without a message: make one with Prepare or Set")

// Send sends the message on c. On a client's connection each copy is masked with its own key.
// The errors are those of the function Send, and an error if p is nil or has no message.
func (p *Prepared) Send(c *reactor.Conn) error {
	if p == nil || p.op == 0 {
		return errNotPrepared
	}
	l, err := mayBegin(c, p.op)
	if err != nil {
		return err
	}
	if !l.shouldCompress(p.op, len(p.plain.payload())) {
		return p.plain.send(c)
	}
	d := l.extras.deflate
	if err := p.encoded(c, d).send(c); err != nil {
		return err
	}
	d.resetContext()
	return nil
}

// encoded returns the frame that is compressed as d has agreed. It makes each variant at its first
// use and keeps it in p.
func (p *Prepared) encoded(c *reactor.Conn, d *deflation) *frame {
	var want compression
	want.level, want.bits = d.sendParams()
	i := slices.IndexFunc(p.variants, func(v variant) bool { return v.compression == want })
	if i < 0 {
		i = len(p.variants)
		p.variants = append(p.variants, variant{compression: want})
	}
	v := &p.variants[i]
	if !v.made {
		payload := p.plain.payload()
		s := shared(c)
		out := s.flate.getDeflater(d.opts, want.level, want.bits)
		v.memory = out.compress(v.space(len(payload)/4), payload)
		s.flate.putDeflater(out)
		v.finish(byte(p.op) | finBit | rsv1Bit)
		v.made = true
	}
	return &v.frame
}

// maxKept is the most memory, in bytes, that a frame keeps for a much smaller one.
const maxKept = 64 << 10

// trim releases the memory if it is too much for a payload of n bytes.
func (f *frame) trim(n int) {
	if size := cap(f.memory); size > maxKept && size/4 > n {
		f.memory = nil
	}
}

// space returns the memory for a new frame, with space for a header. The caller appends the
// payload, which may have more than n bytes.
func (f *frame) space(n int) []byte {
	return slices.Grow(f.memory[:0], maxHeader+n)[:maxHeader]
}

// finish puts the header in front of the payload. first is its first byte.
func (f *frame) finish(first byte) {
	var buf [maxHeader]byte
	head := appendHeader(buf[:0], first, len(f.memory)-maxHeader, false, [4]byte{})
	f.begin = maxHeader - len(head)
	copy(f.memory[f.begin:], head)
}

func (f *frame) payload() []byte { return f.memory[maxHeader:] }

// send sends the frame on c. A server copies it as it is.
func (f *frame) send(c *reactor.Conn) error {
	if c.IsClient() {
		return appendFrame(c, f.memory[f.begin], f.payload())
	}
	_, err := c.Write(f.memory[f.begin:])
	return err
}
