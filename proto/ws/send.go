package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Send appends a message or a control frame to c.Send. The payload is a copy of p. On a
// client's connection it is masked. A message is compressed if compression was agreed and p is
// long enough: see Deflate.Threshold.
//
// The payload of OpClose is empty, or a code and a reason. The code has two bytes, the high
// byte first. No other frame can be sent after OpClose: Send then returns ErrCloseSent.
//
// If there is an error, nothing is appended:
//
//	reactor.ErrClosed  the connection has ended or failed: in EvError, in EvClose and later
//	ErrNotWebSocket    the connection does not speak WebSocket
//	ErrNotOpen         EvWSOpen was not raised yet
//	ErrCloseSent       a Close frame was sent
//	ErrMessageOpen     a Writer is in the middle of a message
//	ErrControlTooLong  a control frame has more than 125 bytes of payload
//	ErrOpCode          op is neither a message nor a control frame
//	*ProtocolError     a text is not UTF-8, or the payload of OpClose is malformed
func Send(c *reactor.Conn, p []byte, op OpCode) error {
	l, err := maySend(c, op, p)
	if err != nil {
		return err
	}
	return l.send(c, p, op)
}

// send is Send of a frame that may be sent.
func (l *layer) send(c *reactor.Conn, p []byte, op OpCode) error {
	first := byte(op) | finBit
	if l.shouldCompress(op, len(p)) {
		p, first = l.compress(c, p), first|rsv1Bit
	}
	if err := appendFrame(c, first, p); err != nil {
		return err
	}
	l.frameSent(c, op)
	return nil
}

// Forward sends m.Data on c like Send. It may take over the memory of Data instead of copying it,
// which saves much time with messages of 16 KiB or more. So Data is not valid any more: after a nil
// error it is nil. m is the message of the event that is being handled, of c or of another
// connection of the manager. A message can be forwarded once: to send it on several connections,
// use Prepare, or Send before Forward.
func Forward(c *reactor.Conn, m *Message) error {
	if m.forwarded {
		return errForwarded
	}
	l, err := maySend(c, m.Op, m.Data)
	if err != nil {
		return err
	}
	if len(m.Data) >= minMoved && !l.shouldCompress(m.Op, len(m.Data)) {
		var buf [maxHeader]byte
		key, masked := maskFor(c)
		head := appendHeader(buf[:0], byte(m.Op)|finBit, len(m.Data), masked, key)
		if _, err := c.Write(nil); err != nil {
			return err
		}
		if c.Stack().MoveToSend(head, m.Data) {
			if masked {
				mask(c, len(m.Data), key)
			}
			l.frameSent(c, m.Op)
			m.Data, m.forwarded = nil, true
			return nil
		}
	}
	if err := l.send(c, m.Data, m.Op); err != nil {
		return err
	}
	m.Data, m.forwarded = nil, true
	return nil
}

var errForwarded = errors.New("ws: Forward of a message that was forwarded before")

// minMoved is the least number of bytes for which Forward tries to move memory.
const minMoved = 16 << 10

// Printf sends a message or a control frame whose payload is formatted like fmt.Sprintf. It
// returns the same errors as Send.
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
	case l.shouldCompress(op, len(payload)):
		payload = l.compress(c, payload)
		c.Send.Truncate(start)
		return appendFrame(c, byte(op)|finBit|rsv1Bit, payload)
	}
	wrapTail(c, byte(op)|finBit, len(payload))
	l.frameSent(c, op)
	return nil
}

// Wrap turns the last n bytes of c.Send into a frame, like mg_ws_wrap. It works in place: only
// these bytes move. On a client's connection they are masked. They are never compressed. Wrap
// returns the new length of c.Send. It panics if c.Send contains fewer than n bytes.
//
// If the frame cannot be sent (see the errors of Send), Wrap removes the n bytes from c.Send
// and fails the connection.
func Wrap(c *reactor.Conn, n int, op OpCode) int {
	at := c.Send.Len() - n
	if n < 0 || at < 0 {
		panic(fmt.Sprintf("ws: Wrap of %d bytes, but Send contains %d", n, c.Send.Len()))
	}
	if l, err := maySend(c, op, c.Send.Bytes()[at:]); err != nil {
		c.Send.Truncate(at)
		c.Fail(err)
	} else {
		wrapTail(c, byte(op)|finBit, n)
		l.frameSent(c, op)
	}
	return c.Send.Len()
}

// appendFrame appends a frame with a copy of p to Send. first is the first byte of its header.
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

// wrapTail turns the last n bytes of Send into a frame. first is the first byte of its header.
func wrapTail(c *reactor.Conn, first byte, n int) {
	var buf [maxHeader]byte
	key, masked := maskFor(c)
	c.Send.Insert(c.Send.Len()-n, appendHeader(buf[:0], first, n, masked, key))
	if masked {
		mask(c, n, key)
	}
}

// CheckSend returns nil if a message can be sent now. Otherwise it returns the error that Send
// would return: reactor.ErrClosed, ErrNotWebSocket, ErrNotOpen, ErrCloseSent or
// ErrMessageOpen. Protocols on top of WebSocket call it before they append bytes for Wrap.
func CheckSend(c *reactor.Conn) error {
	_, err := mayBegin(c, OpBinary)
	if err == nil {
		_, err = c.Write(nil)
	}
	return err
}

// maySend returns the connection's layer, or an error if the frame cannot be sent.
func maySend(c *reactor.Conn, op OpCode, payload []byte) (*layer, error) {
	if err := checkPayload(op, payload); err != nil {
		return nil, err
	}
	return mayBegin(c, op)
}

// frameSent is called after a frame was appended to Send.
func (l *layer) frameSent(c *reactor.Conn, op OpCode) {
	if op == OpClose {
		l.closeSent(c)
	}
}

// checkPayload returns an error if the frame cannot be sent on any connection.
func checkPayload(op OpCode, payload []byte) error {
	switch {
	case op == OpBinary:
	case op > 0xf || op.IsReserved() || op == OpContinuation: // Send sends whole messages
		return fmt.Errorf("%w: %s", ErrOpCode, OpName(op))
	case op == OpText && !utf8.Valid(payload): // [RFC 6455 5.6]
		return errNotText
	case op.IsControl() && len(payload) > maxControl: // [RFC 6455 5.5]
		return ErrControlTooLong
	case op == OpClose:
		return checkClose(payload, true)
	}
	return nil
}

// mayBegin returns the connection's layer, or an error if the connection cannot send a frame
// with this opcode now.
func mayBegin(c *reactor.Conn, op OpCode) (*layer, error) {
	l, ok := reactor.Find[*layer](c)
	switch {
	case !ok:
		return nil, noLayerError(c)
	case l.state == handshaking:
		return nil, ErrNotOpen
	case l.state != open: // [RFC 6455 5.5.1]
		return nil, afterCloseError(c)
	case !op.IsControl() && l.extras.writing(): // [RFC 6455 5.4]
		return nil, ErrMessageOpen
	}
	return l, nil
}

// afterCloseError returns the error for a frame after a Close frame. It is ErrCloseSent, or
// reactor.ErrClosed if the connection has ended since.
func afterCloseError(c *reactor.Conn) error {
	if _, err := c.Write(nil); err != nil {
		return err
	}
	return ErrCloseSent
}

// maskFor returns a new masking key if c is a client's connection [RFC 6455 5.1, 5.3]. The
// random generator is ChaCha8 with a seed from the system. So a key cannot be predicted from
// previous keys.
func maskFor(c *reactor.Conn) (key [4]byte, masked bool) {
	if !c.IsClient() {
		return key, false
	}
	binary.LittleEndian.PutUint32(key[:], rand.Uint32())
	return key, true
}

// mask masks the last n bytes of Send with key.
func mask(c *reactor.Conn, n int, key [4]byte) {
	p := c.Send.Bytes()
	gobwas.Cipher(p[len(p)-n:], key, 0)
}
