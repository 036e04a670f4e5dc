package mqtt

import (
	"errors"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// The calls in Mongoose's manner. Each appends one packet to c.Send. On
// connections of Connect's and Listen's ws:// URLs it is framed as well; on
// others the program frames it, with ws.Wrap, or leaves it bare.
//
// Errors of all of them: a *ParseError for arguments that make no legal packet,
// ErrNotOpen, ErrDisconnected, reactor.ErrClosed, and, over WebSocket, those of ws.Send. Nothing
// is appended then.

// stateOf returns the connection's MQTT state; a connection without one
// gets it, for that version.
func stateOf(c *reactor.Conn, version uint8) *layer {
	if l, ok := reactor.Find[*layer](c); ok {
		return l
	}
	l := &layer{version: version, limit: DefaultMaxPacket}
	c.Push(l)
	return l
}

// Version returns the protocol level that the connection speaks, 4 or 5: what
// Login asked for, or what the client's CONNECT said.
func Version(c *reactor.Conn) uint8 { return stateOf(c, 4).version }

// SetMaxPacket sets the size in bytes of the largest packet that the connection
// accepts; on a listener, of the connections that it accepts from now on. A larger
// packet fails the connection as soon as its header has arrived; over WebSocket
// the message around it arrives first.
func SetMaxPacket(c *reactor.Conn, n int) {
	if p, ok := reactor.Find[*listener](c); ok {
		p.limit = n
		return
	}
	l := stateOf(c, 4)
	l.limit = n
	l.widen(c)
}

// widen lets WebSocket messages be as large as packets may be.
func (l *layer) widen(c *reactor.Conn) {
	if l.overWS && l.limit > ws.DefaultMaxMessage {
		ws.SetMaxMessage(c, l.limit) // it fails before EvWSOpen, when this is called again
	}
}

// send appends what add appends, if a packet may be sent now.
func (l *layer) send(c *reactor.Conn, add func(dst []byte) ([]byte, error)) error {
	if err := l.maySend(c); err != nil {
		return err
	}
	return l.encode(c, add)
}

// maySend says what forbids a packet now: a client may send before CONNACK, but
// not before CONNECT; a server must have answered first [MQTT-3.2.0-1].
func (l *layer) maySend(c *reactor.Conn) error {
	switch {
	case l.phase == over: // [MQTT-3.14.4-1], [MQTT-3.14.4-2]
		return ErrDisconnected
	case l.role == client && l.phase == silent, l.role == server && l.phase != ready:
		return ErrNotOpen
	case l.overWS:
		return ws.Ready(c)
	}
	return nil
}

// encode appends what add appends.
func (l *layer) encode(c *reactor.Conn, add func(dst []byte) ([]byte, error)) error {
	c.Send.Grow(64) // most packets fit, with the header of a frame
	p, err := add(c.Send.AvailableBuffer())
	if err != nil {
		return err
	}
	return l.append(c, p)
}

// append adds a packet to Send, in a frame of its own over WebSocket.
func (l *layer) append(c *reactor.Conn, p []byte) error {
	if l.overWS {
		if err := ws.Ready(c); err != nil {
			return err
		}
	}
	if _, err := c.Write(p); err != nil {
		return err
	}
	if l.overWS {
		ws.Wrap(c, len(p), ws.OpBinary)
	}
	return nil
}

// nextID returns the next packet identifier, never 0 [MQTT-2.2.1-3].
func (l *layer) nextID() uint16 {
	if l.lastID++; l.lastID == 0 {
		l.lastID = 1
	}
	return l.lastID
}

// Login sends CONNECT, with a will if opts.Topic is not empty. opts may be nil:
// a clean session with a client identifier made up at random.
//
// It is for connections that the program set up itself; those of Connect send
// CONNECT by themselves, and for them Login returns ErrLoggedIn. The packet identifiers and the version of later
// calls are kept in a state that Login hangs on the connection.
func Login(c *reactor.Conn, opts *Options) error {
	if opts == nil {
		opts = &Options{Clean: true}
	}
	content, err := opts.connect()
	if err != nil {
		return err
	}
	version, bad := checkVersion(opts.Version)
	if bad != nil {
		return bad
	}
	l := stateOf(c, version)
	if l.role != bare {
		return ErrLoggedIn
	}
	err = l.send(c, func(dst []byte) ([]byte, error) { return AppendConnect(dst, version, content) })
	if err == nil {
		l.version = version
	}
	return err
}

// Pub sends PUBLISH with opts.Topic, Message, QoS and Retain, and returns its
// packet identifier, 0 at QoS 0. Keeping the message until it is acknowledged
// and sending it again (RetransmitID) is the program's business, and so is not to
// have 65,535 unacknowledged: identifiers are given out in turn.
func Pub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	l := stateOf(c, opts.version())
	if err := l.maySend(c); err != nil {
		return 0, err
	}
	p := Publish{QoS: opts.QoS, Retain: opts.Retain, Topic: opts.Topic, Data: opts.Message, Props: opts.Props}
	if opts.QoS > 0 {
		p.ID, p.Dup = opts.RetransmitID, opts.RetransmitID != 0
		if !p.Dup {
			p.ID = l.nextID()
		}
	}
	c.Send.Grow(PublishSize(l.version, &p) + 14) // with room for a frame's header
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendPublish(dst, l.version, &p) })
	if err != nil {
		return 0, err
	}
	return p.ID, nil
}

// Sub sends SUBSCRIBE with the filter opts.Topic and opts.QoS, and returns its
// packet identifier.
func Sub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	l := stateOf(c, opts.version())
	id = l.nextID()
	filters := []Filter{{Topic: opts.Topic, QoS: opts.QoS}}
	err = l.send(c, func(dst []byte) ([]byte, error) { return AppendSubscribe(dst, l.version, id, filters, opts.Props) })
	if err != nil {
		return 0, err
	}
	return id, nil
}

// Unsub sends UNSUBSCRIBE with the filter opts.Topic, and returns its packet
// identifier.
func Unsub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	l := stateOf(c, opts.version())
	id = l.nextID()
	err = l.send(c, func(dst []byte) ([]byte, error) {
		return AppendUnsubscribe(dst, l.version, id, []string{opts.Topic}, opts.Props)
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// Ping sends PINGREQ, which a client must do often enough that no more than
// the keep-alive time passes without a packet [MQTT-3.1.2-23].
func Ping(c *reactor.Conn) error {
	return stateOf(c, 4).send(c, func(dst []byte) ([]byte, error) { return AppendPingreq(dst), nil })
}

// Disconnect sends DISCONNECT, after which a client sends nothing more
// [MQTT-3.14.4-2] and the server drops its will: call c.Drain next. opts may be
// nil; only its Props count.
func Disconnect(c *reactor.Conn, opts *Options) error {
	var props []Property
	if opts != nil {
		props = opts.Props
	}
	return stateOf(c, 4).disconnect(c, 0, props)
}

// disconnect sends DISCONNECT, the last packet of all.
func (l *layer) disconnect(c *reactor.Conn, code ReasonCode, props []Property) error {
	if err := l.maySend(c); err != nil {
		return err
	}
	if l.version != 5 {
		if l.role == server {
			return errors.New("mqtt: a 3.1.1 server sends no DISCONNECT")
		}
		code = 0
	}
	err := l.encode(c, func(dst []byte) ([]byte, error) { return AppendDisconnect(dst, l.version, code, props) })
	if err == nil {
		l.phase = over
	}
	return err
}

// SendHeader appends a fixed header: the packet type, its flags, and the
// number of bytes that follow, which the caller appends next. It never
// frames: over WebSocket call ws.Wrap when the packet is whole.
func SendHeader(c *reactor.Conn, cmd Cmd, flags uint8, n int) error {
	p, err := AppendHeader(c.Send.AvailableBuffer(), cmd, flags, n)
	if err != nil {
		return err
	}
	_, err = c.Write(p)
	return err
}

// ack sends PUBACK, PUBREC, PUBREL or PUBCOMP. It fails only on a connection
// that is closing anyway.
func (l *layer) ack(c *reactor.Conn, cmd Cmd, id uint16, code ReasonCode) {
	l.send(c, func(dst []byte) ([]byte, error) { return AppendAck(dst, l.version, cmd, id, code, nil) })
}

// Ack acknowledges a PUBLISH or answers the next step of its QoS 2 handshake:
// PUBACK or PUBREC for m a PUBLISH, PUBREL for PUBREC, PUBCOMP for PUBREL;
// nothing for others. It is for programs that parse packets themselves.
func Ack(c *reactor.Conn, m *Message) error {
	cmd := Cmd(0)
	switch {
	case m.Cmd == CmdPublish && m.QoS == 1:
		cmd = CmdPuback
	case m.Cmd == CmdPublish && m.QoS == 2:
		cmd = CmdPubrec
	case m.Cmd == CmdPubrec && m.Ack < 0x80:
		cmd = CmdPubrel
	case m.Cmd == CmdPubrel:
		cmd = CmdPubcomp
	default:
		return nil
	}
	l := stateOf(c, 4)
	return l.send(c, func(dst []byte) ([]byte, error) { return AppendAck(dst, l.version, cmd, m.ID, 0, nil) })
}
