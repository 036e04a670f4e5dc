package ws

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Send appends a frame with a copy of p to c.Send. A client masks it. The
// payload of OpClose is a code in two bytes, the high one first, and a reason, or nothing; no
// frame can follow it.
//
// Errors are reactor.ErrClosed, ErrNotOpen, ErrCloseSent, ErrControlTooLong,
// ErrOpCode for what is no message and no control frame, and a *ProtocolError
// for a Close payload that the peer would have to refuse; nothing is appended
// then.
func Send(c *reactor.Conn, p []byte, op OpCode) error {
	if err := maySend(c, op, p); err != nil {
		return err
	}
	key, masked := maskFor(c)
	c.Send.Grow(maxHeader + len(p))
	frame := append(appendHeader(c.Send.AvailableBuffer(), op, len(p), masked, key), p...)
	if _, err := c.Write(frame); err != nil {
		return err
	}
	if masked {
		mask(c, len(p), key)
	}
	return nil
}

// Close sends a Close frame with a code and a reason, which may be empty. The
// peer's answer closes the connection. Errors are those of Send.
func Close(c *reactor.Conn, code CloseCode, reason string) error {
	var buf [maxControl]byte
	return Send(c, append(binary.BigEndian.AppendUint16(buf[:0], uint16(code)), reason...), OpClose)
}

// Printf sends a frame with the formatted text. Errors are those of Send.
func Printf(c *reactor.Conn, op OpCode, format string, args ...any) error {
	if err := Ready(c); err != nil {
		return err
	}
	start := c.Send.Len()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		return err
	}
	return wrap(c, start, op)
}

// Wrap makes a frame of the last n bytes of c.Send, in place: only they move.
// A client masks them. It returns the new length of c.Send. It panics if
// there are fewer than n.
//
// What cannot be sent (see the errors of Send) is taken out of c.Send again
// and the connection fails.
func Wrap(c *reactor.Conn, n int, op OpCode) int {
	at := c.Send.Len() - n
	if n < 0 || at < 0 {
		panic(fmt.Sprintf("ws: Wrap of %d bytes, Send holds %d", n, c.Send.Len()))
	}
	if err := wrap(c, at, op); err != nil {
		c.Fail(err)
	}
	return c.Send.Len()
}

// wrap makes a frame of what lies in Send from at on, or takes it out again.
func wrap(c *reactor.Conn, at int, op OpCode) error {
	payload := c.Send.Bytes()[at:]
	if err := maySend(c, op, payload); err != nil {
		c.Send.Truncate(at)
		return err
	}
	var buf [maxHeader]byte
	key, masked := maskFor(c)
	c.Send.Insert(at, appendHeader(buf[:0], op, len(payload), masked, key))
	if masked {
		mask(c, len(payload), key)
	}
	return nil
}

// Ready says whether frames may be sent now: it returns nil, or ErrNotOpen
// or ErrCloseSent. Protocols on top ask it before they append what Wrap is to
// frame.
func Ready(c *reactor.Conn) error { return maySend(c, OpBinary, nil) }

// maySend says what forbids a frame, and notes that a Close frame goes out. A
// connection without this package's layer is taken to be open: programs may
// speak WebSocket on connections that they set up themselves.
func maySend(c *reactor.Conn, op OpCode, payload []byte) error {
	switch op {
	case OpText, OpBinary:
	case OpClose, OpPing, OpPong:
		if len(payload) > maxControl {
			return ErrControlTooLong
		}
	default: // a continuation continues nothing, others do not exist
		return fmt.Errorf("%w: %s", ErrOpCode, op)
	}
	if op == OpClose {
		if err := checkClose(payload); err != nil {
			return err
		}
	}
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return nil
	}
	switch l.state {
	case handshaking:
		return ErrNotOpen
	case closing, done:
		return ErrCloseSent
	}
	if op == OpClose {
		l.state = closing
	}
	return nil
}

// maskFor returns a fresh key for what a client sends [RFC 6455 5.1, 5.3]. The
// generator is ChaCha8, seeded by the system: a key cannot be guessed from
// those before.
func maskFor(c *reactor.Conn) (key [4]byte, masked bool) {
	if !c.IsClient() {
		return key, false
	}
	r := rand.Uint32()
	return [4]byte{byte(r), byte(r >> 8), byte(r >> 16), byte(r >> 24)}, true
}

// mask masks the last n bytes of Send.
func mask(c *reactor.Conn, n int, key [4]byte) {
	p := c.Send.Bytes()
	ws.Cipher(p[len(p)-n:], key, 0)
}
