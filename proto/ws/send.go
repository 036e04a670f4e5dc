package ws

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Send appends a message, or a control frame, with a copy of p to c.Send. A
// client masks it. If compression was agreed and p is long enough, the message
// is compressed. The payload of OpClose is a code in two bytes, the high one
// first, and a reason, or nothing; no frame can follow it.
//
// Nothing is appended if there is an error:
//
//	reactor.ErrClosed  where c.Write returns it, as in EvError, in EvClose and later
//	ErrNotWebSocket    the connection does not speak WebSocket
//	ErrNotOpen         EvWSOpen has not come yet
//	ErrCloseSent       a Close frame was sent
//	ErrMessageOpen     a Writer is in the middle of a message
//	ErrControlTooLong  more than 125 bytes in a control frame
//	ErrOpCode          op is neither a message nor a control frame
//	*ProtocolError     a text that is not UTF-8, or a malformed Close payload
func Send(c *reactor.Conn, p []byte, op OpCode) error {
	l, err := maySend(c, op, p)
	if err != nil {
		return err
	}
	first := byte(op) | finBit
	if l.compresses(op, len(p)) {
		p, first = l.compress(c, p), first|rsv1Bit
	}
	if err := appendFrame(c, first, p); err != nil {
		return err
	}
	l.sent(c, op)
	return nil
}

// Printf sends a message, or a control frame, with the formatted text. Errors
// are those of Send.
func Printf(c *reactor.Conn, op OpCode, format string, args ...any) error {
	if _, err := mayBegin(c, op); err != nil {
		return err
	}
	start := c.Send.Len()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		return err
	}
	payload := c.Send.Bytes()[start:]
	l, err := maySend(c, op, payload)
	switch {
	case err != nil:
		c.Send.Truncate(start)
		return err
	case l.compresses(op, len(payload)):
		payload = l.compress(c, payload)
		c.Send.Truncate(start)
		return appendFrame(c, byte(op)|finBit|rsv1Bit, payload)
	}
	frameTail(c, byte(op)|finBit, len(payload))
	l.sent(c, op)
	return nil
}

// Wrap makes a frame of the last n bytes of c.Send, in place: only they move.
// A client masks them; they are never compressed. It returns the new length of
// c.Send. It panics if there are fewer than n.
//
// What cannot be sent (see the errors of Send) is taken out of c.Send again
// and the connection fails.
func Wrap(c *reactor.Conn, n int, op OpCode) int {
	at := c.Send.Len() - n
	if n < 0 || at < 0 {
		panic(fmt.Sprintf("ws: Wrap of %d bytes, Send holds %d", n, c.Send.Len()))
	}
	if l, err := maySend(c, op, c.Send.Bytes()[at:]); err != nil {
		c.Send.Truncate(at)
		c.Fail(err)
	} else {
		frameTail(c, byte(op)|finBit, n)
		l.sent(c, op)
	}
	return c.Send.Len()
}

// appendFrame appends a frame with a copy of p. first is its first byte.
func appendFrame(c *reactor.Conn, first byte, p []byte) error {
	key, masked := maskFor(c)
	c.Send.Grow(maxHeader + len(p))
	frame := append(appendHeader(c.Send.AvailableBuffer(), first, len(p), masked, key), p...)
	if _, err := c.Write(frame); err != nil {
		return err
	}
	if masked {
		mask(c, len(p), key)
	}
	return nil
}

// frameTail makes a frame of the last n bytes of Send.
func frameTail(c *reactor.Conn, first byte, n int) {
	var buf [maxHeader]byte
	key, masked := maskFor(c)
	c.Send.Insert(c.Send.Len()-n, appendHeader(buf[:0], first, n, masked, key))
	if masked {
		mask(c, n, key)
	}
}

// Ready says whether messages may be sent now: it returns nil, or
// reactor.ErrClosed, ErrNotWebSocket, ErrNotOpen, ErrCloseSent or ErrMessageOpen, as
// Send does. Protocols on top ask it before they append what Wrap is to frame.
func Ready(c *reactor.Conn) error {
	_, err := mayBegin(c, OpBinary)
	if err == nil {
		_, err = c.Write(nil)
	}
	return err
}

// maySend says what forbids a frame.
func maySend(c *reactor.Conn, op OpCode, payload []byte) (*layer, error) {
	if err := checkPayload(op, payload); err != nil {
		return nil, err
	}
	return mayBegin(c, op)
}

// sent notes that a frame was appended to Send.
func (l *layer) sent(c *reactor.Conn, op OpCode) {
	if op == OpClose {
		l.closeSent(c)
	}
}

// checkPayload says what forbids a frame whatever the connection.
func checkPayload(op OpCode, payload []byte) error {
	switch {
	case op.reserved() || op == OpContinuation: // which continues nothing
		return fmt.Errorf("%w: %s", ErrOpCode, op)
	case op == OpText && !utf8.Valid(payload): // [RFC 6455 5.6]
		return errNotText
	case op.isControl() && len(payload) > maxControl: // [RFC 6455 5.5]
		return ErrControlTooLong
	case op == OpClose:
		return checkClose(payload, true)
	}
	return nil
}

// mayBegin says what forbids a frame on the connection. Without an error there is
// a layer.
func mayBegin(c *reactor.Conn, op OpCode) (*layer, error) {
	l, ok := reactor.Find[*layer](c)
	switch {
	case !ok:
		return nil, without(c)
	case l.state == handshaking:
		return nil, ErrNotOpen
	case l.state != open: // [RFC 6455 5.5.1]
		return nil, notOpen(c)
	case !op.isControl() && l.extras.writing(): // [RFC 6455 5.4]
		return nil, ErrMessageOpen
	}
	return l, nil
}

// notOpen says why nothing can be sent after Close frames: because of those, or
// because the connection has ended since.
func notOpen(c *reactor.Conn) error {
	if _, err := c.Write(nil); err != nil {
		return err
	}
	return ErrCloseSent
}

// maskFor returns a fresh key for what a client sends [RFC 6455 5.1, 5.3]. The
// generator is ChaCha8, seeded by the system: a key cannot be guessed from
// those before.
func maskFor(c *reactor.Conn) (key [4]byte, masked bool) {
	if !c.IsClient() {
		return key, false
	}
	binary.LittleEndian.PutUint32(key[:], rand.Uint32())
	return key, true
}

// mask masks the last n bytes of Send.
func mask(c *reactor.Conn, n int, key [4]byte) {
	p := c.Send.Bytes()
	ws.Cipher(p[len(p)-n:], key, 0)
}
