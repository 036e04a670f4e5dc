package mqtt

import (
	"errors"
	"fmt"
	"io"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

var (
	// ErrNotMQTT is returned for a connection that does not speak MQTT. Connect,
	// Listen and Login make connections that do.
	ErrNotMQTT = errors.New("mqtt: connection does not speak MQTT")
	// ErrNotOpen is returned by calls on a connection of Connect's before its
	// CONNECT was sent, and on one of Listen's before CONNECT was answered.
	ErrNotOpen = errors.New("mqtt: not open yet")
	// ErrLoggedIn is returned by Login on a connection of Connect's or Listen's.
	ErrLoggedIn = errors.New("mqtt: Login on a connection that logs in by itself")
	// ErrNotAsked is returned by Connack if there is no CONNECT to answer.
	ErrNotAsked = errors.New("mqtt: no CONNECT waits for an answer")
	// ErrDisconnected is returned by calls after DISCONNECT, or a CONNACK that
	// refuses, was sent or received.
	ErrDisconnected = errors.New("mqtt: disconnected")
)

// A RefusedError is EvError's data after a CONNACK that refuses, and after a
// DISCONNECT with which a 5.0 server gives a reason.
type RefusedError struct {
	Cmd     Cmd // CmdConnack or CmdDisconnect
	Code    ReasonCode
	Version uint8 // that Code belongs to
}

func (e *RefusedError) Error() string {
	if e.Cmd == CmdDisconnect {
		return "mqtt: disconnected by the server: " + e.Code.Name(e.Version)
	}
	return "mqtt: connection refused: " + e.Code.Name(e.Version)
}

type role uint8

const (
	bare   role = iota // Login's on a connection whose packets the program parses
	client             // Connect's
	server             // accepted by Listen's
)

type phase uint8

const (
	silent phase = iota // no CONNECT yet
	asked               // CONNECT sent or received, no CONNACK yet
	ready               // CONNACK sent or received
	over                // DISCONNECT sent or received, CONNACK refused, or failed
)

// layer is a connection's MQTT state. On a plain connection it parses
// c.Recv. Over WebSocket it parses the concatenation of the messages, for
// packets and messages have nothing to do with each other [MQTT-6.0.0-2].
type layer struct {
	role    role
	phase   phase
	version uint8 // 4 or 5
	overWS  bool
	busy    bool // an event is being raised
	lastID  uint16
	limit   int                 // bytes of a packet
	connect []byte              // a client's CONNECT until it is sent
	in      reactor.Buffer      // over WebSocket: what is left of earlier messages
	held    map[uint16]struct{} // identifiers of QoS 2 messages received and not released
	msg     Message
}

// Handle implements reactor.Protocol.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if l.role == bare {
		return
	}
	switch ev {
	case reactor.EvConnect:
		if !l.overWS {
			l.sendConnect(c)
		}
	case reactor.EvAccept:
		c.Stack().SetHandshaking(true) // until CONNECT
	case reactor.EvWSOpen:
		if l.role == client {
			l.open(c, data.(*http.Message))
		} else {
			c.Stack().SetHandshaking(true)
		}
	case reactor.EvRead:
		if l.overWS {
			l.parse(c, &l.in)
		} else {
			l.parse(c, &c.Recv)
		}
	case reactor.EvWSMsg:
		l.take(c, data.(*ws.Message))
	case reactor.EvEnd: // MQTT has no half-closed connections
		c.Drain()
	case reactor.EvWSCtl:
		if data.(*ws.Message).Op == ws.OpClose {
			if err := l.cut(l.in.Len()); err != nil {
				c.Fail(err)
			}
		}
	}
}

// ALPN implements reactor.Negotiator. Over WebSocket it is a layer below that is
// asked first.
func (*layer) ALPN() string { return "mqtt" }

// End implements reactor.Ender: the stream may end between packets.
func (l *layer) End(c *reactor.Conn) error {
	if l.overWS {
		return l.cut(l.in.Len())
	}
	return l.cut(c.Recv.Len())
}

// Leave implements reactor.Leaver: it sends the DISCONNECT that its side may.
func (l *layer) Leave(c *reactor.Conn) bool {
	code := ReasonCode(0)
	if l.role == server {
		code = ReasonServerShuttingDown
	}
	if l.role != bare {
		DisconnectCode(c, code) // it fails where there is none to send
	}
	return false
}

// cut says what the end of the stream would cut off, with that many bytes
// of a packet there.
func (l *layer) cut(n int) error {
	switch {
	case l.phase == over || l.role == bare:
		return nil
	case n > 0 && l.role == server && l.phase == asked:
		return fmt.Errorf("mqtt: connection closed before its CONNECT was answered: %w", io.ErrUnexpectedEOF)
	case n > 0:
		return fmt.Errorf("mqtt: connection closed inside a packet: %w", io.ErrUnexpectedEOF)
	case l.role == client && l.phase != ready:
		return fmt.Errorf("mqtt: connection closed before CONNACK: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// take adds a WebSocket message to the stream of packets.
func (l *layer) take(c *reactor.Conn, m *ws.Message) {
	if !l.overWS || l.busy {
		return
	}
	if m.Op != ws.OpBinary { // [MQTT-6.0.0-1]
		ws.Close(c, ws.CloseUnsupported, "")
		l.fail(c, errors.New("mqtt: text message from the WebSocket, want binary"))
		return
	}
	if l.in.Len() > 0 {
		l.in.Append(m.Data)
		l.parse(c, &l.in)
		return
	}
	rest := m.Data // parsed where it lies; only what is left is copied
	l.busy = true
	for n := l.next(c, rest); n > 0; n = l.next(c, rest) {
		rest = rest[n:]
		l.packet(c)
	}
	l.busy = false
	if l.phase != over {
		l.in.Append(rest)
	}
}

// parse works off the packets at the front of in. Each is taken out before its
// events are raised.
func (l *layer) parse(c *reactor.Conn, in *reactor.Buffer) {
	if l.busy { // raised again by a handler of ours; the loop goes on after it
		return
	}
	l.busy = true
	for n := l.next(c, in.Bytes()); n > 0; n = l.next(c, in.Bytes()) {
		in.Consume(n)
		l.packet(c)
	}
	l.busy = false
	if l.phase == over { // nothing counts any more
		in.Reset()
	}
	if in == &l.in && in.Len() == 0 {
		l.in = reactor.Buffer{}
	}
}

// next parses the packet at the beginning of p into l.msg and returns its
// length; 0 means that it is not complete, that it must wait, or that there
// is nothing more to be done with the connection.
func (l *layer) next(c *reactor.Conn, p []byte) int {
	if len(p) == 0 || c.Stopped() || l.phase == over || l.waits(c, len(p)) {
		return 0
	}
	n, err := 0, CheckSize(p, l.version, l.limit)
	if err == nil {
		n, err = Parse(p, l.version, &l.msg)
	}
	c.Stack().SetReceiving(err == ErrIncomplete)
	if err == ErrIncomplete {
		return 0
	}
	if err == nil {
		err = l.sequence(c)
	}
	if err != nil {
		l.refuse(c, err)
		return 0
	}
	return n
}

// waits reports whether a server has yet to answer CONNECT: what follows it is
// not looked at before [MQTT-3.2.0-1], [MQTT-3.1.4-5], and bounded.
func (l *layer) waits(c *reactor.Conn, n int) bool {
	if l.role != server || l.phase != asked {
		return false
	}
	if n > l.limit {
		l.fail(c, fmt.Errorf("%w: %d bytes behind a CONNECT that is not answered yet, the limit is %d", ErrTooLarge, n, l.limit))
	}
	return true
}

// refuse fails the connection over what the peer sent, and tells it why where
// the protocol has words for it: in CONNACK, or in a 5.0 DISCONNECT.
func (l *layer) refuse(c *reactor.Conn, err error) {
	switch {
	case !l.overWS && l.phase != ready && !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()):
		err = errors.New("mqtt: the peer speaks TLS on this connection, which does not")
	case l.role == server && l.phase == silent:
		if code := connackFor(err); code != 0 {
			l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, 4, false, code, nil) })
		}
	case l.version == 5 && (l.phase == ready || l.phase == asked && l.role == client): // [MQTT-3.14.0-1]
		DisconnectCode(c, disconnectFor(err))
	}
	l.fail(c, err)
}

// connackFor returns the 3.1.1 return code for a CONNECT that Parse refused, 0
// if there is none. It goes to clients of an unknown version too.
func connackFor(err error) ReasonCode {
	var bad *ParseError
	switch {
	case errors.Is(err, ErrVersion):
		return ConnackBadProtocolVersion // [MQTT-3.1.2-2]
	case errors.As(err, &bad) && bad.Code == ReasonClientIDNotValid:
		return ConnackIdentifierRejected // [MQTT-3.1.3-8]
	}
	return 0
}

// disconnectFor returns the 5.0 reason code for err.
func disconnectFor(err error) ReasonCode {
	var bad *ParseError
	switch {
	case errors.As(err, &bad):
		return bad.Code
	case errors.Is(err, ErrTooLarge):
		return ReasonPacketTooLarge
	}
	return ReasonProtocolError
}

func (l *layer) fail(c *reactor.Conn, err error) {
	l.phase = over
	c.Fail(err)
}
