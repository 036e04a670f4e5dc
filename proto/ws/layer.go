package ws

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/rikki-go/rikki/reactor"
)

// Message is the data of EvWSMsg and of EvWSCtl. In EvWSMsg it is a message, or a piece of
// one: see Delivery. In EvWSCtl it is a control frame.
//
// Data is the unmasked and uncompressed payload. It points into a buffer of the connection. The
// handler may read and change Data until the handler returns.
type Message struct {
	Data  []byte
	Op    OpCode // EvWSMsg: OpText or OpBinary; EvWSCtl: OpClose, OpPing or OpPong
	First bool   // Data begins the message
	Fin   bool   // Data ends the message
	// Expected is set for a Close frame if this side was ending the connection before: it has sent
	// a Close frame itself, or it was draining.
	Expected bool

	forwarded bool // Forward has sent Data
}

// CloseStatus returns the code and the reason in a Close frame. If the frame contains no code,
// or if m is not a Close frame, the code is StatusNoStatusRcvd [RFC 6455 7.1.5]. The reason points
// into Data and is valid as long as Data.
func (m *Message) CloseStatus() (code StatusCode, reason []byte) {
	if m.Op != OpClose || len(m.Data) < 2 {
		return StatusNoStatusRcvd, nil
	}
	return StatusCode(binary.BigEndian.Uint16(m.Data)), m.Data[2:]
}

// state is a state of the diagram in the package comment.
type state uint8

const (
	handshaking state = iota
	open
	closing // our Close frame was sent
	done    // the peer's Close frame has arrived, or Fail was called
)

// layer is the WebSocket state of one connection.
type layer struct {
	*common              // opts and spares; never nil
	current    *incoming // the message that is arriving; nil between messages
	extras     *extras   // allocated when it is needed
	state      state
	delivering bool // Handle or Upgrade is delivering events
	receiving  bool // this layer has started the Message deadline
}

// extras is the part of the state that most connections do not need.
type extras struct {
	handshake *clientHandshake // of a client, until the handshake is complete
	keepAlive *keepAlive       // if Options.Ping is set
	closeWait *closeWait       // after our Close frame was sent
	deflate   *deflation       // if compression was agreed
	writer    *Writer          // allocated by the first NewWriter, then reused
	pongs     pongState
}

// writing reports whether a Writer is in the middle of a message. x may be nil.
func (x *extras) writing() bool { return x != nil && x.writer != nil && x.writer.open }

// ensureExtras returns the extras and allocates them if necessary.
func (l *layer) ensureExtras() *extras {
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
			l.extras.handshake.sendRequest(c, l.extensionOffer(c))
		}
	case reactor.EvWrite:
		if l.extras != nil {
			l.bytesWritten(c, *data.(*int))
		}
		if c.Send.Len() > 0 {
			// The socket is full but has taken bytes, so the peer reads. The rest of Send may
			// contain our ping.
			l.peerReads(c)
		}
	case reactor.EvRead:
		if l.delivering { // a handler has raised EvRead; the loop below continues afterwards
			return
		}
		l.delivering = true
		if l.state != handshaking || l.finishHandshake(c) {
			for !c.InputStopped() && l.handleNext(c) {
			}
			if c.Stack().Closed() { // a handler may have failed the connection
				l.dropIncoming(c)
			}
			l.setReceiving(c, l.awaitsRest(c))
		}
		l.delivering = false
	case reactor.EvEnd: // a WebSocket cannot be half-closed
		c.Drain()
	case reactor.EvError: // the connection may stay open for a while, to send what is in Send
		if !l.delivering {
			l.dropIncoming(c)
		}
	case reactor.EvClose:
		l.release(c)
	}
}

// ALPN implements reactor.Negotiator. The handshake is an HTTP/1.1 request.
func (*layer) ALPN() []string { return alpn }

var alpn = []string{"http/1.1"}

// raise raises EvWSMsg or EvWSCtl with a Message. Its fields are arguments, and stored one by one:
// copying a Message took 8 % of the time of a small message.
func (l *layer) raise(c *reactor.Conn, ev reactor.Event, data []byte, op OpCode, is messageFlags) {
	if l.receiving && ev == reactor.EvWSMsg && is&isFinal != 0 {
		l.setReceiving(c, false)
	}
	m := l.spares.event()
	m.Data, m.Op = data, op
	m.forwarded = false
	m.First, m.Fin, m.Expected = is&isFirst != 0, is&isFinal != 0, is&isExpected != 0
	l.spares.raise(c, ev, m)
	if len(data) >= largePiece { // the handler may have compressed it, or sent it to many
		c.Stack().Worked()
	}
}

// messageFlags are the fields of a Message that are true.
type messageFlags uint8

const (
	isFirst messageFlags = 1 << iota
	isFinal
	isExpected
)

// largePiece is the number of bytes of a message from which on work on it counts more than other
// events, see reactor.Stack.Worked.
const largePiece = 64 << 10

// awaitsRest reports whether the peer has not sent the rest of a message yet. If the connection has
// yielded, the frames in Recv may be complete.
func (l *layer) awaitsRest(c *reactor.Conn) bool {
	if l.current != nil && l.current.inflater == nil {
		return true
	}
	return c.Recv.Len() > 0 && !c.Stack().Yielded()
}

// setReceiving tells the reactor whether the rest of a message is expected. While it is
// expected, Deadlines.Message runs.
func (l *layer) setReceiving(c *reactor.Conn, rest bool) {
	switch {
	case rest: // another layer may have ended the wait for a message of its own
		l.receiving = c.Stack().SetReceiving(true) || l.receiving
	case !rest && l.receiving:
		l.receiving = false
		c.Stack().SetReceiving(false)
	}
}

// opened is called when the handshake is complete. It starts the keep-alive and raises
// EvWSOpen with hm, an *http.Message.
func (l *layer) opened(c *reactor.Conn, hm any) {
	l.state = open
	if l.opts.Ping > 0 {
		l.startKeepAlive(c)
	}
	c.Call(reactor.EvWSOpen, hm)
}

// release is called at EvClose. It returns the memory of the connection to the manager's pools.
func (l *layer) release(c *reactor.Conn) {
	l.state = done
	l.dropIncoming(c)
	if x := l.extras; x != nil {
		if x.writing() {
			x.writer.release()
		}
		if x.deflate != nil {
			x.deflate.release(shared(c))
		}
		l.extras = nil
	}
}

// End implements reactor.Ender. The stream may end between messages.
func (l *layer) End(c *reactor.Conn) error {
	switch {
	case l.state == handshaking:
		return fmt.Errorf("ws: connection closed during the handshake: %w", io.ErrUnexpectedEOF)
	case l.state == done:
		return nil
	case c.Recv.Len() > 0 || l.current != nil && l.current.inPayload:
		return fmt.Errorf("ws: connection closed inside a frame: %w", io.ErrUnexpectedEOF)
	case l.current != nil:
		return fmt.Errorf("ws: connection closed inside a fragmented message: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// handleControl handles a control frame. It may arrive between the fragments of a message.
func (l *layer) handleControl(c *reactor.Conn, op OpCode, payload []byte) {
	is := isFirst | isFinal
	switch op {
	case OpPing:
		l.answerPing(c, payload)
	case OpPong:
		l.pongArrived(c)
	case OpClose:
		if l.state != open || c.Stack().Draining() {
			is |= isExpected
		}
		l.answerClose(c, payload)
	}
	l.raise(c, reactor.EvWSCtl, payload, op, is)
}

// failWith fails the connection with err. If err is a *ProtocolError and no Close frame was
// sent yet, the peer first gets a Close frame with the code of err.
func (l *layer) failWith(c *reactor.Conn, err error) {
	if e, ok := err.(*ProtocolError); ok && l.state == open {
		Close(c, e.Code, "")
	}
	l.state = done
	c.Fail(err)
}
