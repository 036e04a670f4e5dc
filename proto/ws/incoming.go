package ws

import (
	"math"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// incoming is the state of a message, or of a control frame, that has arrived in part. Most
// messages are one frame, and Recv contains the whole frame. They need no incoming.
type incoming struct {
	gobwas.Header        // of the current frame; Length counts the payload bytes not delivered yet
	inPayload     bool   // the header was taken out of Recv, the payload was not
	checked       int    // number of payload bytes at the front of Recv that check has handled
	messageType   OpCode // OpText or OpBinary after the message has begun, otherwise 0
	deflated      bool   // the message is compressed
	delivered     bool   // the handler has got a piece of the message
	size          int64  // number of message bytes before the payload that Length counts
	text          utf8State
	parts         []byte    // the fragments so far, joined
	inflater      *inflater // inflates a complete compressed message in pieces
	whole         *incoming // its parts are the inflated message so far, if Delivery is Whole
	wholeHeld     int       // bytes of whole that count towards the memory budget
}

// begin starts a frame with the header h.
func (in *incoming) begin(h gobwas.Header) {
	in.Header, in.checked = h, 0
	if h.OpCode == OpText || h.OpCode == OpBinary {
		in.messageType, in.deflated = h.OpCode, h.Rsv1()
	}
}

// check unmasks and checks the bytes of the frame's payload that have arrived since the last
// call. payload is the part of the payload that has arrived so far. check returns a
// *ProtocolError if the payload is invalid.
func (in *incoming) check(payload []byte) error {
	fresh := payload[in.checked:]
	if in.Masked {
		gobwas.Cipher(fresh, in.Mask, in.checked)
	}
	in.checked = len(payload)
	switch {
	case in.OpCode == OpClose:
		return checkClose(payload, int64(len(payload)) == in.Length)
	case in.OpCode.IsControl() || in.messageType != OpText || in.deflated:
		return nil
	case !in.text.next(fresh):
		return errNotText
	}
	return nil
}

var errNotText = violation(StatusInvalidFramePayloadData, "text message is not UTF-8") // [RFC 6455 8.1]

// handleNext handles the frame at the front of Recv, or the next piece of an inflated message. It
// returns false if it needs more bytes, or if the connection is done or has failed.
func (l *layer) handleNext(c *reactor.Conn) bool {
	if l.state == done {
		c.Recv.Reset() // discard bytes after a Close frame [RFC 6455 5.5.1]
		return false
	}
	switch in := l.current; {
	case in != nil && in.inPayload:
		return l.continueFrame(c)
	case in != nil && in.whole != nil:
		return l.inflateWhole(c)
	case in != nil && in.inflater != nil:
		return l.deliverNextPiece(c)
	}
	if l.current == nil && l.handleWhole(c) {
		return true
	}
	buf := c.Recv.Bytes()
	h, size, err := parseHeader(buf, l.headerContext(c))
	if err == nil && !h.OpCode.IsControl() {
		err = l.checkSize(h)
	}
	switch {
	case err == errIncomplete:
		return false
	case err != nil:
		l.failWith(c, err)
		return false
	case int64(len(buf)-size) < h.Length:
		in := l.ensureCurrent(c)
		in.begin(h)
		in.inPayload = true
		c.Recv.Consume(size)
		return l.continueFrame(c)
	}
	end := size + int(h.Length)
	payload := buf[size:end:end]
	c.Recv.Consume(end)
	in := l.ensureCurrent(c)
	in.begin(h)
	if err := in.check(payload); err != nil {
		l.failWith(c, err)
		return false
	}
	l.handleFrame(c, payload)
	return true
}

// handleWhole handles the frame at the front of Recv if it is a whole uncompressed message that
// breaks no rule. It returns false if it has done nothing.
func (l *layer) handleWhole(c *reactor.Conn) bool {
	buf := c.Recv.Bytes()
	op, start, end := wholeMessage(buf, !c.IsClient())
	if end == 0 || int64(end-start) > l.opts.Limits.message() {
		return false
	}
	payload := buf[start:end:end]
	c.Recv.Consume(end)
	if !c.IsClient() {
		gobwas.Cipher(payload, [4]byte(buf[start-4:start]), 0)
	}
	if op == OpText && !utf8.Valid(payload) {
		l.failWith(c, errNotText)
		return true
	}
	l.raise(c, reactor.EvWSMsg, payload, op, isFirst|isFinal)
	return true
}

// headerContext returns the state that parseHeader checks a header against.
func (l *layer) headerContext(c *reactor.Conn) gobwas.State {
	state := gobwas.StateServerSide
	if c.IsClient() {
		state = gobwas.StateClientSide
	}
	if l.current != nil && l.current.messageType != 0 {
		state = state.Set(gobwas.StateFragmented)
	}
	if l.deflateAgreed() {
		state = state.Set(gobwas.StateExtended)
	}
	return state
}

// checkSize returns an error if a frame makes its message larger than the limit. It is called
// when the header has arrived, before the payload arrives. It is called again when a part of the
// payload has arrived: h.Length then counts the bytes that are not delivered yet.
func (l *layer) checkSize(h gobwas.Header) error {
	limit, before, deflated := l.opts.Limits.message(), int64(0), h.Rsv1()
	if l.current != nil {
		before, deflated = l.current.size, deflated || l.current.deflated
	}
	most := limit
	if deflated && limit < math.MaxInt64/2 { // incompressible data grows when it is compressed
		most += limit/8 + 1024
	}
	if l.opts.Delivery != Chunks || deflated { // the message must fit into one slice
		most = min(most, math.MaxInt)
	}
	if h.Length > most-before {
		return violation(StatusMessageTooBig, "message is too large: more than %d bytes", min(limit, most))
	}
	return nil
}

// continueFrame handles the next part of a frame whose header was handled before. It returns
// false if it needs more bytes, or if the connection has failed.
func (l *layer) continueFrame(c *reactor.Conn) bool {
	in := l.current
	if !in.OpCode.IsControl() { // SetLimits may have been called since the last part
		if err := l.checkSize(in.Header); err != nil {
			l.failWith(c, err)
			return false
		}
	}
	buf := c.Recv.Bytes()
	n := int(min(int64(len(buf)), in.Length))
	payload := buf[:n:n]
	if err := in.check(payload); err != nil {
		l.failWith(c, err)
		return false
	}
	if int64(n) < in.Length {
		if l.opts.Delivery == Chunks && !in.OpCode.IsControl() && !in.deflated && n > 0 {
			c.Recv.Consume(n)
			in.skip(n)
			l.deliverPiece(c, payload, false)
		} else {
			c.Stack().ExpectMore(int(in.Length) - n)
		}
		return false
	}
	in.inPayload = false
	c.Recv.Consume(n)
	l.handleFrame(c, payload)
	return true
}

// skip is called after the first n bytes of the current frame's payload were delivered. It
// rotates the masking key, so that the key fits the rest of the payload.
func (in *incoming) skip(n int) {
	in.Length -= int64(n)
	in.size += int64(n)
	in.checked = 0
	k := in.Mask
	for i := range k {
		in.Mask[i] = k[(i+n)%4]
	}
}

// handleFrame handles a frame that is complete, unmasked and checked.
func (l *layer) handleFrame(c *reactor.Conn, payload []byte) {
	in := l.current
	if in.OpCode.IsControl() {
		op := in.OpCode
		if in.messageType == 0 { // no message has begun
			l.dropIncoming(c)
		}
		l.handleControl(c, op, payload)
		return
	}
	in.size += int64(len(payload))
	if in.Fin && !in.text.complete() {
		l.failWith(c, errNotText)
		return
	}
	if l.opts.Delivery != Whole && !in.deflated {
		l.deliverPiece(c, payload, in.Fin)
		return
	}
	if !in.Fin || len(in.parts) > 0 {
		l.keepPart(c, payload)
		payload = in.parts
	}
	if !in.Fin {
		return
	}
	if in.deflated {
		l.deliverInflated(c, payload)
		return
	}
	l.deliverPiece(c, payload, true)
}

// deliverPiece raises EvWSMsg with a piece of the message. fin says that it is the last piece.
func (l *layer) deliverPiece(c *reactor.Conn, p []byte, fin bool) {
	in := l.current
	var is messageFlags
	if !in.delivered {
		is |= isFirst
	}
	in.delivered = true
	if fin {
		is |= isFinal
		l.current = nil
	}
	l.raise(c, reactor.EvWSMsg, p, in.messageType, is)
	if fin {
		l.putIncoming(c, in)
	}
}
