package ws

import (
	"math"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// incoming is what has arrived of a message that is not complete. A message
// in one frame that lies in Recv as a whole, as most do, needs none.
type incoming struct {
	header           // of the frame that is arriving, with the length that is still to come
	key      [4]byte // which it is masked with
	arriving bool    // the header was taken out of Recv, its payload not
	seen     int     // bytes of that payload, at the front of Recv, that are unmasked and checked
	message  OpCode  // OpText or OpBinary once the message has begun
	deflated bool    // the message is compressed
	handed   bool    // a piece of the message was handed to the handler
	size     int64   // bytes of the message, without those of the frame that is arriving
	text     textState
	parts    []byte    // the message so far
	inflater *inflater // the message has arrived, compressed, and is handed on in pieces
}

// begin takes note of a frame's header, which lies in raw.
func (in *incoming) begin(h header, raw []byte) {
	in.header, in.seen = h, 0
	if h.masked {
		in.key = maskKey(raw)
	}
	if h.op == OpText || h.op == OpBinary {
		in.message, in.deflated = h.op, h.rsv1
	}
}

// maskKey is the end of the header of a masked frame.
func maskKey(raw []byte) [4]byte { return [4]byte(raw[len(raw)-4:]) }

// check goes on with what has newly arrived of the frame's payload, and says
// what it breaks.
func (in *incoming) check(payload []byte) error {
	fresh := payload[in.seen:]
	if in.masked {
		ws.Cipher(fresh, in.key, in.seen)
	}
	in.seen = len(payload)
	switch {
	case in.op == OpClose:
		return checkClose(payload, int64(len(payload)) == in.length)
	case in.op.isControl() || in.message != OpText || in.deflated:
		return nil
	case !in.text.next(fresh):
		return errNotText
	}
	return nil
}

var errNotText = violation(CloseInvalidData, "text message is not UTF-8") // [RFC 6455 8.1]

// next takes what it can from the front of Recv; false means that nothing
// more can be done with the connection for now.
func (l *layer) next(c *reactor.Conn) bool {
	if l.state == done {
		c.Recv.Reset() // nothing follows a Close frame [RFC 6455 5.5.1]
		return false
	}
	switch in := l.in; {
	case in != nil && in.arriving:
		return l.proceed(c)
	case in != nil && in.inflater != nil:
		return l.inflateNext(c)
	}
	buf := c.Recv.Bytes()
	h, size, err := parseHeader(buf, l.expected(c))
	if err == nil && !h.op.isControl() {
		err = l.checkSize(h)
	}
	switch {
	case err == errIncomplete:
		return false
	case err != nil:
		l.refuse(c, err)
		return false
	case int64(len(buf)-size) < h.length:
		in := l.incoming(c)
		in.begin(h, buf[:size])
		in.arriving = true
		c.Recv.Consume(size)
		return l.proceed(c)
	}
	end := size + int(h.length)
	payload := buf[size:end:end]
	c.Recv.Consume(end)
	if l.in == nil && h.fin && !h.rsv1 && !h.op.isControl() { // a message in one piece
		if h.masked {
			ws.Cipher(payload, maskKey(buf[:size]), 0)
		}
		if h.op == OpText && !utf8.Valid(payload) {
			l.refuse(c, errNotText)
			return false
		}
		l.raise(c, reactor.EvWSMsg, Message{Data: payload, Op: h.op, First: true, Fin: true})
		return true
	}
	in := l.incoming(c)
	in.begin(h, buf[:size])
	if err := in.check(payload); err != nil {
		l.refuse(c, err)
		return false
	}
	l.frame(c, payload)
	return true
}

// expected tells the parser of headers where the connection stands.
func (l *layer) expected(c *reactor.Conn) expected {
	return expected{
		masked:    !c.IsClient(),
		inMessage: l.in != nil && l.in.message != 0,
		deflate:   l.deflates(),
	}
}

// checkSize holds a frame against the limit of its message, before its payload
// arrives.
func (l *layer) checkSize(h header) error {
	limit, before, deflated := l.opts.Limits.message(), int64(0), h.rsv1
	if l.in != nil {
		before, deflated = l.in.size, deflated || l.in.deflated
	}
	most := limit
	if deflated && limit < math.MaxInt64/2 { // what cannot be compressed becomes larger
		most += limit/8 + 1024
	}
	if l.opts.Delivery != Chunks || deflated { // it is to lie in one piece
		most = min(most, math.MaxInt)
	}
	if h.length > most-before {
		return violation(CloseTooLarge, "message of more than %d bytes", min(limit, most))
	}
	return nil
}

// proceed goes on with a frame whose payload was not all there.
func (l *layer) proceed(c *reactor.Conn) bool {
	in := l.in
	buf := c.Recv.Bytes()
	n := int(min(int64(len(buf)), in.length))
	payload := buf[:n:n]
	if err := in.check(payload); err != nil {
		l.refuse(c, err)
		return false
	}
	if int64(n) < in.length {
		if l.opts.Delivery == Chunks && !in.op.isControl() && !in.deflated && n > 0 {
			c.Recv.Consume(n)
			in.skip(n)
			l.hand(c, payload, false)
		}
		return false
	}
	in.arriving = false
	c.Recv.Consume(n)
	l.frame(c, payload)
	return true
}

// skip makes the frame one that begins n bytes later.
func (in *incoming) skip(n int) {
	in.length -= int64(n)
	in.size += int64(n)
	in.seen = 0
	k := in.key
	for i := range k {
		in.key[i] = k[(i+n)%4]
	}
}

// frame handles a frame that is complete and checked.
func (l *layer) frame(c *reactor.Conn, payload []byte) {
	in := l.in
	if in.op.isControl() {
		op := in.op
		if in.message == 0 { // it is no part of a message
			l.settle(c)
		}
		l.control(c, op, payload)
		return
	}
	in.size += int64(len(payload))
	if in.fin && !in.text.complete() {
		l.refuse(c, errNotText)
		return
	}
	if l.opts.Delivery != Whole && !in.deflated {
		l.hand(c, payload, in.fin)
		return
	}
	if !in.fin || len(in.parts) > 0 {
		in.parts = append(in.parts, payload...)
		payload = in.parts
	}
	if !in.fin {
		return
	}
	if in.deflated {
		l.inflate(c, payload)
		return
	}
	l.hand(c, payload, true)
}

// hand gives the handler a piece of the message, the last one if fin is set.
func (l *layer) hand(c *reactor.Conn, p []byte, fin bool) {
	in := l.in
	m := Message{Data: p, Op: in.message, First: !in.handed, Fin: fin}
	in.handed = true
	if fin {
		l.in = nil
	}
	l.raise(c, reactor.EvWSMsg, m)
	if fin {
		shared(c).putIncoming(in)
	}
}
