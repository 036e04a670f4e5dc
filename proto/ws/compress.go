package ws

import (
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// deflation is what a connection keeps that agreed to permessage-deflate
// [RFC 7692]: with context takeover a compressor and what the peer's messages
// may refer to, otherwise next to nothing.
type deflation struct {
	opts   *Deflate
	params deflateParams
	out    *deflater // its own, made for the first message if its context is taken over
	past   inflateHistory
	cost   int // bytes, of the manager's budget
}

// newDeflation takes what was agreed, or is asked for, out of the budget.
func newDeflation(s *spares, opts *Deflate, p deflateParams) *deflation {
	d := &deflation{opts: opts}
	d.set(s, p)
	return d
}

func (d *deflation) set(s *spares, p deflateParams) {
	s.flate.spent -= d.cost
	d.params, d.cost = p, 0
	if p.on() {
		d.cost = d.opts.cost(p)
	}
	s.flate.spent += d.cost
}

// release gives back what the connection keeps.
func (d *deflation) release(s *spares) {
	d.set(s, deflateParams{})
	if d.out != nil {
		s.flate.putDeflater(d.out)
		d.out = nil
	}
}

// shape is what compressed messages of the connection look like.
func (d *deflation) shape() (level int, bits uint8) {
	return d.opts.level(d.params.sendBits, d.params.sendTakeover), d.params.sendBits
}

// borrow returns the compressor for one message, which goes back with giveBack.
func (d *deflation) borrow(s *spares) *deflater {
	if d.out != nil {
		return d.out
	}
	level, bits := d.shape()
	out := s.flate.deflater(d.opts, level, bits)
	if d.params.sendTakeover {
		d.out = out
	}
	return out
}

func (d *deflation) giveBack(s *spares, out *deflater) {
	if out != d.out {
		s.flate.putDeflater(out)
	}
}

// forget makes the next message refer to none of those before: the peer has got
// one that our compressor has not seen.
func (d *deflation) forget() {
	if d.out != nil {
		d.out.reset()
	}
}

// history is what the peer's messages may refer to, nil if to nothing.
func (d *deflation) history() *inflateHistory {
	if d.params.recvTakeover {
		return &d.past
	}
	return nil
}

// deflates reports whether messages may be sent compressed.
func (l *layer) deflates() bool { return l.extras != nil && l.extras.deflate != nil }

// compresses reports whether a message of n bytes is sent compressed.
func (l *layer) compresses(op OpCode, n int) bool {
	return l.deflates() && !op.isControl() && l.extras.deflate.opts.compresses(n)
}

// compress returns a message compressed. It is valid until the next one.
func (l *layer) compress(c *reactor.Conn, p []byte) []byte {
	s, d := shared(c), l.extras.deflate
	out := d.borrow(s)
	s.scratch = out.compress(s.scratch[:0], p)
	d.giveBack(s, out)
	compressed := s.scratch
	if cap(s.scratch) > maxSpareBytes {
		s.scratch = nil
	}
	return compressed
}

// inflate inflates the message that has arrived and hands it on: whole, or as
// Options.Delivery says, piece by piece in next.
func (l *layer) inflate(c *reactor.Conn, p []byte) {
	s, d, in := shared(c), l.extras.deflate, l.in
	f := s.flate.inflater()
	limit := inflateLimit{max: int(min(l.opts.Limits.message(), math.MaxInt)), ratio: d.opts.MaxRatio}
	if l.opts.Delivery != Whole {
		if len(in.parts) == 0 {
			in.parts = append(in.parts, p...)
		}
		in.inflater = f
		f.begin(in.parts, d.history(), d.params.recvBits, limit)
		return
	}
	whole := s.getIncoming()
	var err error
	whole.parts, err = f.inflate(whole.parts, p, d.history(), d.params.recvBits, limit)
	s.flate.putInflater(f)
	if err == nil && in.message == OpText && !utf8.Valid(whole.parts) {
		err = errNotText
	}
	if err != nil {
		l.refuse(c, err)
	} else {
		whole.message = in.message
		l.settle(c) // the message as it came
		l.raise(c, reactor.EvWSMsg, Message{Data: whole.parts, Op: whole.message, First: true, Fin: true})
	}
	s.putIncoming(whole)
}

// pieceSize is the most of an inflated message that is handed on at once.
const pieceSize = 16 << 10

// inflateNext hands on the next piece of a compressed message.
func (l *layer) inflateNext(c *reactor.Conn) bool {
	s, in := shared(c), l.in
	piece := s.getIncoming()
	defer s.putIncoming(piece)
	if cap(piece.parts) < pieceSize {
		piece.parts = make([]byte, 0, pieceSize)
	}
	n, err := in.inflater.next(piece.parts[:pieceSize])
	data := piece.parts[:n]
	if in.message == OpText && (!in.text.next(data) || err == io.EOF && !in.text.complete()) {
		err = errNotText
	}
	switch {
	case err == nil:
		l.hand(c, data, false)
	case err == io.EOF:
		l.hand(c, nil, true)
	default:
		l.refuse(c, err)
		return false
	}
	return true
}

// extensionLines are the values of the header that negotiates extensions.
func extensionLines(hm *http.Message) (lines [][]byte) {
	for _, h := range hm.Headers {
		if strings.EqualFold(string(h.Name), "Sec-WebSocket-Extensions") {
			lines = append(lines, h.Value)
		}
	}
	return lines
}

// negotiate is a server's answer to the extensions that a request offers: the
// value of its header, empty if there is none.
func (o *Options) negotiate(c *reactor.Conn, hm *http.Message) (d *deflation, answer string, err error) {
	lines := extensionLines(hm)
	if len(lines) == 0 {
		return nil, "", nil
	}
	if o.Deflate == nil {
		return nil, "", eachExtension(lines, func(extension) {})
	}
	s := shared(c)
	p, answer, err := o.Deflate.accept(lines, o.Deflate.room(s.flate.spent))
	if p.on() {
		d = newDeflation(s, o.Deflate, p)
	}
	return d, answer, err
}

// ask is a client's offer of extensions, as a line of its request.
func (l *layer) ask(c *reactor.Conn) string {
	d := l.opts.Deflate
	if d == nil {
		return ""
	}
	s := shared(c)
	asked, value := d.offer(d.room(s.flate.spent))
	l.extras.deflate = newDeflation(s, d, asked)
	return "Sec-WebSocket-Extensions: " + value + "\r\n"
}

// agree holds the server's answer against what was asked for.
func (l *layer) agree(c *reactor.Conn, hm *http.Message) error {
	d, lines := l.extras.deflate, extensionLines(hm)
	if d == nil {
		_, err := (*Deflate)(nil).agree(deflateParams{}, lines)
		return err
	}
	p, err := d.opts.agree(d.params, lines)
	if err != nil {
		return err
	}
	d.set(shared(c), p)
	if !p.on() {
		l.extras.deflate = nil
	}
	return nil
}
