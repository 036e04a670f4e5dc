package ws

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/rikki-go/rikki/reactor"
)

// Message is the data of EvWSMsg, a message or a piece of one (see Delivery),
// and of EvWSCtl, a control frame. Data lies in the connection's buffers: it is
// valid, and may be changed, until the handler returns.
type Message struct {
	Data  []byte
	Op    OpCode // OpText or OpBinary; OpClose, OpPing or OpPong
	First bool   // the message begins here
	Fin   bool   // the message ends here
}

// CloseStatus returns the code and the reason of a Close frame. The code is
// CloseNoStatus if the frame has none [RFC 6455 7.1.5].
func (m *Message) CloseStatus() (code CloseCode, reason []byte) {
	if m.Op != OpClose || len(m.Data) < 2 {
		return CloseNoStatus, nil
	}
	return CloseCode(binary.BigEndian.Uint16(m.Data)), m.Data[2:]
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
	opts   *Options
	in     *incoming // nil between messages
	extras *extras   // made when it is needed
	msg    Message
	state  state
	busy   bool // an event is being raised
	waits  bool // the loop was told that the rest of a message is to come
}

// extras are what most connections do without.
type extras struct {
	handshake *clientHandshake // of a client until the handshake is done
	alive     *keepAlive       // of Options.Ping
	closeWait *closeWait       // from our Close frame on
	deflate   *deflation       // of connections that agreed to compress
	writer    *Writer          // made for the first message that is sent in frames
	pongs     pongs
}

// writing reports whether a message is being sent in frames.
func (x *extras) writing() bool { return x != nil && x.writer != nil && x.writer.open }

func (l *layer) extra() *extras {
	if l.extras == nil {
		l.extras = new(extras)
	}
	return l.extras
}

// Handle implements reactor.Protocol.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		if l.state == handshaking {
			l.extras.handshake.ask(c, l.ask(c))
		}
	case reactor.EvWrite:
		if l.extras != nil {
			l.taken(c, *data.(*int))
		}
		if c.Send.Len() > 0 { // the socket was full: the peer reads, and our ping waits behind the rest
			l.reads(c)
		}
	case reactor.EvRead:
		if l.busy { // raised again by a handler of ours; the loop below goes on after it
			return
		}
		l.busy = true
		if l.state != handshaking || l.finishHandshake(c) {
			for !c.Stopped() && l.next(c) {
			}
			l.await(c, l.in != nil || c.Recv.Len() > 0)
		}
		l.busy = false
	case reactor.EvEnd: // a WebSocket has no halves
		c.Drain()
	case reactor.EvClose:
		l.gone(c)
	}
}

// ALPN implements reactor.Negotiator.
func (*layer) ALPN() string { return "http/1.1" }

// raise raises an event with a message.
func (l *layer) raise(c *reactor.Conn, ev reactor.Event, m Message) {
	if ev == reactor.EvWSMsg && m.Fin {
		l.await(c, false)
	}
	l.msg = m
	c.Call(ev, &l.msg)
	l.msg.Data = nil
}

// await tells the loop whether the rest of a message is to come, which is what
// its Message deadline is about.
func (l *layer) await(c *reactor.Conn, rest bool) {
	switch {
	case rest && !l.waits:
		l.waits = c.Stack().SetReceiving(true)
	case !rest && l.waits:
		l.waits = false
		c.Stack().SetReceiving(false)
	}
}

// opened begins the life of a WebSocket after its handshake.
func (l *layer) opened(c *reactor.Conn, hm any) {
	l.state = open
	if l.opts.Ping > 0 {
		l.keepAlive(c)
	}
	c.Call(reactor.EvWSOpen, hm)
}

// gone gives back what the connection holds.
func (l *layer) gone(c *reactor.Conn) {
	l.state = done
	l.settle(c)
	if x := l.extras; x != nil {
		if x.writing() {
			x.writer.end()
		}
		if x.deflate != nil {
			x.deflate.release(shared(c))
		}
		l.extras = nil
	}
}

// End implements reactor.Ender: the stream may end between messages.
func (l *layer) End(c *reactor.Conn) error {
	switch {
	case l.state == handshaking:
		return fmt.Errorf("ws: connection closed during the handshake: %w", io.ErrUnexpectedEOF)
	case l.state == done:
		return nil
	case c.Recv.Len() > 0 || l.in != nil && l.in.arriving:
		return fmt.Errorf("ws: connection closed inside a frame: %w", io.ErrUnexpectedEOF)
	case l.in != nil:
		return fmt.Errorf("ws: connection closed inside a fragmented message: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// control handles a control frame, which may come between fragments.
func (l *layer) control(c *reactor.Conn, op OpCode, payload []byte) {
	switch op {
	case OpPing:
		l.answerPing(c, payload)
	case OpPong:
		l.answered(c)
	case OpClose:
		l.answerClose(c, payload)
	}
	l.raise(c, reactor.EvWSCtl, Message{Data: payload, Op: op, First: true, Fin: true})
}

// refuse tells the peer what it did wrong and fails the connection.
func (l *layer) refuse(c *reactor.Conn, err error) {
	if e, ok := err.(*ProtocolError); ok && l.state == open {
		Close(c, e.Code, "")
	}
	l.state = done
	c.Fail(err)
}
