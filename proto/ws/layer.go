package ws

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/rikki-go/rikki/reactor"
)

// Message is the data of EvWSMsg, a whole message, and of EvWSCtl, a control
// frame. Data lies in the connection's buffers: it is valid, and may be
// changed, until the handler returns.
type Message struct {
	Data []byte
	Op   OpCode // OpText or OpBinary; OpClose, OpPing or OpPong
}

// Close returns the code and the reason of a Close frame; the code is
// CloseNoStatus if it has none [RFC 6455 7.1.5].
func (m *Message) Close() (code CloseCode, reason []byte) {
	if m.Op != OpClose || len(m.Data) < 2 {
		return CloseNoStatus, nil
	}
	return CloseCode(binary.BigEndian.Uint16(m.Data)), m.Data[2:]
}

// DefaultMaxMessage is the size in bytes of the largest message that a
// connection accepts unless SetMaxMessage says otherwise.
const DefaultMaxMessage = 16 << 20

// SetMaxMessage sets the size in bytes of the largest message that the
// connection accepts; a larger one is answered with CloseTooLarge and fails it.
// It returns ErrNotWebSocket for a connection without WebSocket.
func SetMaxMessage(c *reactor.Conn, n int) error {
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return ErrNotWebSocket
	}
	l.limit = n
	return nil
}

type state uint8

const (
	handshaking state = iota
	open
	closing // our Close frame was sent
	done    // the peer's Close frame was answered, or Fail was called
)

// layer is a connection's WebSocket state.
type layer struct {
	hello *hello // of a client until the handshake is done
	rare  *rare  // made when it is needed
	limit int    // bytes
	msg   Message
	state state
	op    OpCode // of the message that parts belongs to; 0 if there is none
	busy  bool   // an event is being raised
}

// rare is what most connections do without.
type rare struct {
	parts []byte // of a message that comes in fragments
	ahead int    // bytes of Send up to the end of a pong that a slow peer has yet to read
	owed  bool   // another pong is due after that
	pong  []byte // its payload
}

func (l *layer) extra() *rare {
	if l.rare == nil {
		l.rare = new(rare)
	}
	return l.rare
}

// held is how many bytes of a fragmented message were received.
func (l *layer) held() int {
	if l.rare == nil {
		return 0
	}
	return len(l.rare.parts)
}

// maxUnsent is how many bytes may wait in Send before pings share a pong.
const maxUnsent = 64 << 10

// Handle implements reactor.Protocol.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		if l.hello != nil {
			l.hello.ask(c)
		}
	case reactor.EvWrite:
		if l.rare != nil && l.rare.ahead > 0 {
			l.taken(c, *data.(*int))
		}
	case reactor.EvRead:
		if l.busy { // raised again by a handler of ours; the loop below goes on after it
			return
		}
		l.busy = true
		if l.state != handshaking || l.finishHandshake(c) {
			for !c.Stopped() && l.next(c) {
			}
		}
		l.busy = false
	}
}

// End implements reactor.Ender: the stream may end between messages.
func (l *layer) End(c *reactor.Conn) error {
	switch {
	case l.state == handshaking:
		return fmt.Errorf("ws: connection closed during the handshake: %w", io.ErrUnexpectedEOF)
	case l.state == done:
		return nil
	case c.Recv.Len() > 0:
		return fmt.Errorf("ws: connection closed inside a frame: %w", io.ErrUnexpectedEOF)
	case l.op != 0:
		return fmt.Errorf("ws: connection closed inside a fragmented message: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// Leave implements reactor.Leaver: an open WebSocket says that it is going away
// and waits for the peer's Close frame.
func (l *layer) Leave(c *reactor.Conn) bool {
	if l.state != open {
		return l.state == closing && !c.Stopped()
	}
	return Close(c, CloseGoingAway, "") == nil && !c.Stopped() // while paused its answer is not read
}

// next takes the frame at the beginning of Recv; false means that it is not
// complete, or that there is nothing more to be done with the connection.
func (l *layer) next(c *reactor.Conn) bool {
	if l.state == done {
		c.Recv.Reset() // nothing follows a Close frame [RFC 6455 5.5.1]
		return false
	}
	buf := c.Recv.Bytes()
	h, size, err := parseHeader(buf, l.expects(c))
	if err == errIncomplete {
		return false
	}
	if err == nil && !h.op.isControl() && h.length > int64(l.limit-l.held()) {
		err = violation(CloseTooLarge, "message of more than %d bytes", l.limit)
	}
	if err != nil {
		l.refuse(c, err)
		return false
	}
	if int64(len(buf)-size) < h.length {
		return false
	}
	end := size + int(h.length)
	payload := buf[size:end:end]
	if h.masked {
		ws.Cipher(payload, [4]byte(buf[size-4:]), 0)
	}
	c.Recv.Consume(end)
	if h.op.isControl() {
		l.control(c, h.op, payload)
	} else {
		l.data(c, h.op, h.fin, payload)
	}
	return true
}

// expects tells the checker of frame headers where the connection stands.
func (l *layer) expects(c *reactor.Conn) ws.State {
	s := ws.StateServerSide
	if c.IsClient() {
		s = ws.StateClientSide
	}
	if l.op != 0 {
		s = s.Set(ws.StateFragmented)
	}
	return s
}

// data takes the payload of a data frame. A message in one frame is handed on
// where it lies.
func (l *layer) data(c *reactor.Conn, op OpCode, fin bool, payload []byte) {
	if op != OpContinuation && !fin {
		l.op = op
	}
	if l.op != 0 {
		x := l.extra()
		x.parts = append(x.parts, payload...)
		if !fin {
			return
		}
		op, payload = l.op, x.parts
		l.op, x.parts = 0, nil
	}
	if op == OpText && !utf8.Valid(payload) { // [RFC 6455 8.1]
		l.refuse(c, violation(CloseInvalidData, "text message is not UTF-8"))
		return
	}
	l.msg = Message{Data: payload, Op: op}
	c.Call(reactor.EvWSMsg, &l.msg)
	l.msg.Data = nil
}

// control handles a control frame, which may come between fragments.
func (l *layer) control(c *reactor.Conn, op OpCode, payload []byte) {
	if op == OpClose {
		if err := checkClose(payload); err != nil {
			l.refuse(c, err)
			return
		}
	}
	if op == OpPing {
		l.answerPing(c, payload)
	}
	if op == OpClose {
		if l.state == open { // else ours came first
			Send(c, payload[:min(len(payload), 2)], OpClose) // [RFC 6455 5.5.1]
		}
		l.state = done
		c.Drain()
	}
	l.msg = Message{Data: payload, Op: op}
	c.Call(reactor.EvWSCtl, &l.msg)
	l.msg.Data = nil
}

// answerPing sends a pong [RFC 6455 5.5.2]. If the peer does not read and one is
// waiting for it already, only the last of its pings is answered, when that one
// is gone [RFC 6455 5.5.3].
func (l *layer) answerPing(c *reactor.Conn, payload []byte) {
	if l.state != open {
		return
	}
	slow := c.Send.Len() > maxUnsent
	if slow && l.extra().ahead > 0 {
		l.rare.owed, l.rare.pong = true, append(l.rare.pong[:0], payload...)
		return
	}
	if l.rare != nil { // this is the answer to those before as well
		l.rare.owed = false
	}
	if Send(c, payload, OpPong) == nil && slow { // it fails only on a connection that is closing
		l.rare.ahead = c.Send.Len()
	}
}

// taken notes that the socket took n bytes.
func (l *layer) taken(c *reactor.Conn, n int) {
	x := l.rare
	if x.ahead -= n; x.ahead <= 0 && x.owed {
		x.ahead, x.owed = 0, false
		l.answerPing(c, x.pong)
	}
}

// checkClose checks the payload of a Close frame [RFC 6455 5.5.1, 7.4].
func checkClose(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if len(p) == 1 {
		return violation(CloseProtocolError, "close frame with one byte of payload")
	}
	if code := CloseCode(binary.BigEndian.Uint16(p)); !code.valid() {
		return violation(CloseProtocolError, "close frame with code %d", code)
	}
	if !utf8.Valid(p[2:]) {
		return violation(CloseInvalidData, "reason in close frame is not UTF-8")
	}
	return nil
}

// refuse tells the peer what it did wrong and fails the connection.
func (l *layer) refuse(c *reactor.Conn, err error) {
	if e, ok := err.(*ProtocolError); ok && l.state == open {
		Close(c, e.Code, "")
	}
	l.state = done
	c.Fail(err)
}
