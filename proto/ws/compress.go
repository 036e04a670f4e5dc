package ws

import (
	"io"
	"math"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// deflation is the compression state of a connection that agreed to permessage-deflate
// [RFC 7692]. With context takeover it keeps a compressor for the messages that it sends, and
// the last inflated bytes of the peer's messages.
type deflation struct {
	opts        *Deflate
	params      deflateParams
	compressor  *deflater // with context takeover: the connection's own, made for its first message
	peerHistory inflateWindow
	cost        int // number of bytes that are charged to the manager's budget
}

// newDeflation makes the state and charges its cost to the budget. p contains the parameters
// that were agreed, or that a client offers.
func newDeflation(s *spares, opts *Deflate, p deflateParams) *deflation {
	d := &deflation{opts: opts}
	d.setParams(s, p)
	return d
}

// setParams changes the parameters. It returns the old cost to the budget and charges the new
// cost.
func (d *deflation) setParams(s *spares, p deflateParams) {
	s.flate.contextBytes -= d.cost
	d.params, d.cost = p, 0
	if p.enabled() {
		d.cost = d.opts.contextCost(p, &s.flate)
	}
	s.flate.contextBytes += d.cost
}

// release returns the connection's bytes to the budget and its compressor to the pool.
func (d *deflation) release(s *spares) {
	d.setParams(s, deflateParams{})
	if d.compressor != nil {
		s.flate.putDeflater(d.compressor)
		d.compressor = nil
	}
}

// sendParams returns the level and the window bits of messages that the connection sends.
func (d *deflation) sendParams() (level int, bits uint8) {
	return d.opts.level(d.params.sendBits, d.params.sendTakeover), d.params.sendBits
}

// borrowDeflater returns the compressor for one message. The caller must call returnDeflater
// afterwards.
func (d *deflation) borrowDeflater(s *spares) *deflater {
	if d.compressor != nil {
		return d.compressor
	}
	level, bits := d.sendParams()
	out := s.flate.getDeflater(d.opts, level, bits)
	if d.params.sendTakeover {
		d.compressor = out
	}
	return out
}

// returnDeflater returns a borrowed compressor to the pool, unless it is the connection's own.
func (d *deflation) returnDeflater(s *spares, out *deflater) {
	if out != d.compressor {
		s.flate.putDeflater(out)
	}
}

// resetContext makes the next message independent of all earlier ones. It is called after a
// message was sent that did not go through the connection's compressor.
func (d *deflation) resetContext() {
	if d.compressor != nil {
		d.compressor.reset()
	}
}

// history returns the data that the peer's messages may refer to. It is nil without context
// takeover.
func (d *deflation) history() *inflateWindow {
	if d.params.recvTakeover {
		return &d.peerHistory
	}
	return nil
}

// deflateAgreed reports whether compression was agreed.
func (l *layer) deflateAgreed() bool { return l.extras != nil && l.extras.deflate != nil }

// shouldCompress reports whether a message of n bytes is sent compressed.
func (l *layer) shouldCompress(op OpCode, n int) bool {
	return l.deflateAgreed() && !op.IsControl() && l.extras.deflate.opts.longEnough(n)
}

// compress returns p compressed. The result is valid until the next call.
func (l *layer) compress(c *reactor.Conn, p []byte) []byte {
	s, d := shared(c), l.extras.deflate
	out := d.borrowDeflater(s)
	s.scratch = out.compress(s.scratch[:0], p)
	d.returnDeflater(s, out)
	compressed := s.scratch
	if cap(s.scratch) > maxSpareBytes {
		s.scratch = nil
	}
	return compressed
}

// deliverInflated starts to inflate the message p, which has arrived completely. If
// Options.Delivery is Whole, it calls inflateWhole. Otherwise handleNext calls deliverNextPiece,
// which inflates and delivers the pieces.
func (l *layer) deliverInflated(c *reactor.Conn, p []byte) {
	s, d, in := shared(c), l.extras.deflate, l.current
	f := s.flate.getInflater()
	limit := l.inflateLimit()
	in.inflater = f
	c.Stack().AddHeld(inflaterCost)
	if l.opts.Delivery != Whole {
		if len(in.parts) == 0 {
			l.keepPart(c, p)
		}
		f.begin(in.parts, d.history(), d.params.recvBits, limit)
		return
	}
	f.begin(p, d.history(), d.params.recvBits, limit)
	in.whole = s.getIncoming()
	if !l.inflateWhole(c) && len(in.parts) == 0 { // p is in Recv, which may move meanwhile
		in.parts = f.copySource(in.parts)
		c.Stack().AddHeld(len(in.parts))
	}
}

// inflateWhole inflates the message until it is complete, and then delivers it or fails the
// connection. If the connection has used up its share of the turn it returns false, and
// handleNext calls it again.
func (l *layer) inflateWhole(c *reactor.Conn) (done bool) {
	in := l.current
	for {
		before := len(in.whole.parts)
		var err error
		in.whole.parts, err = in.inflater.appendPiece(in.whole.parts)
		if in.messageType == OpText && (!in.text.next(in.whole.parts[before:]) || err == io.EOF && !in.text.complete()) {
			err = errNotText
		}
		if err == nil {
			if len(in.whole.parts) >= largePiece {
				c.Stack().Worked()
			}
			if c.Stack().Yielded() {
				l.holdWhole(c)
				return false
			}
			continue
		}
		s, whole, op := shared(c), in.whole, in.messageType
		in.whole = nil
		if err == io.EOF {
			l.dropIncoming(c) // release the compressed message
			l.raise(c, reactor.EvWSMsg, whole.parts, op, isFirst|isFinal)
		} else {
			l.failWith(c, err)
			l.dropIncoming(c)
		}
		s.putIncoming(whole)
		return true
	}
}

// holdWhole counts what is inflated so far towards the manager's memory budget, because the rest of
// the message waits for a later turn.
func (l *layer) holdWhole(c *reactor.Conn) {
	in := l.current
	c.Stack().AddHeld(len(in.whole.parts) - in.wholeHeld)
	in.wholeHeld = len(in.whole.parts)
}

// inflateLimit returns the limit of a compressed message.
func (l *layer) inflateLimit() inflateLimit {
	limit := inflateLimit{max: int(min(l.opts.Limits.message(), math.MaxInt))}
	limit.ratio, limit.free = l.extras.deflate.opts.ratio()
	return limit
}

// pieceSize is the largest piece of an inflated message that is delivered, in bytes.
const pieceSize = 16 << 10

// deliverNextPiece delivers the next piece of a compressed message. It returns false if the
// connection has failed.
func (l *layer) deliverNextPiece(c *reactor.Conn) bool {
	s, in := shared(c), l.current
	piece := s.getIncoming()
	defer s.putIncoming(piece)
	if cap(piece.parts) < pieceSize {
		piece.parts = make([]byte, 0, pieceSize)
	}
	n, err := in.inflater.next(piece.parts[:pieceSize])
	data := piece.parts[:n]
	if in.messageType == OpText && (!in.text.next(data) || err == io.EOF && !in.text.complete()) {
		err = errNotText
	}
	switch {
	case err == nil:
		l.deliverPiece(c, data, false)
	case err == io.EOF:
		l.deliverPiece(c, nil, true)
	default:
		l.failWith(c, err)
		return false
	}
	return true
}

// extensionLines returns the values of all Sec-WebSocket-Extensions headers.
func extensionLines(hm *http.Message) (lines [][]byte) {
	for _, h := range hm.Headers {
		if strings.EqualFold(string(h.Name), "Sec-WebSocket-Extensions") {
			lines = append(lines, h.Value)
		}
	}
	return lines
}

// negotiateExtensions chooses among the extensions that a request offers. answer is the
// value of the response's header. It is empty if no extension was accepted.
func (o *Options) negotiateExtensions(c *reactor.Conn, hm *http.Message) (d *deflation, answer string, err error) {
	lines := extensionLines(hm)
	if len(lines) == 0 {
		return nil, "", nil
	}
	if o.Deflate == nil {
		return nil, "", eachExtension(lines, func(extension) {})
	}
	s := shared(c)
	p, answer, err := o.Deflate.acceptOffer(lines, &s.flate, o.Deflate.budgetLeft(s.flate.contextBytes))
	if p.enabled() {
		d = newDeflation(s, o.Deflate, p)
	}
	return d, answer, err
}

// extensionOffer returns a client's offer of extensions, as a line of its request.
func (l *layer) extensionOffer(c *reactor.Conn) string {
	d := l.opts.Deflate
	if d == nil {
		return ""
	}
	s := shared(c)
	asked, value := d.offer(&s.flate, d.budgetLeft(s.flate.contextBytes))
	l.extras.deflate = newDeflation(s, d, asked)
	return "Sec-WebSocket-Extensions: " + value + "\r\n"
}

// applyExtensions checks the server's answer against what was offered, and applies it.
func (l *layer) applyExtensions(c *reactor.Conn, hm *http.Message) error {
	d, lines, s := l.extras.deflate, extensionLines(hm), shared(c)
	if d == nil {
		_, err := (*Deflate)(nil).checkAnswer(deflateParams{}, &s.flate, lines)
		return err
	}
	p, err := d.opts.checkAnswer(d.params, &s.flate, lines)
	if err != nil {
		return err
	}
	d.setParams(s, p)
	if !p.enabled() {
		l.extras.deflate = nil
	}
	return nil
}
