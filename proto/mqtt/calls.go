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
// ErrNotMQTT, ErrNotOpen, ErrDisconnected, reactor.ErrClosed, and, over WebSocket,
// those of ws.Send. Nothing is appended then.

// layerOf returns the connection's MQTT layer.
func layerOf(c *reactor.Conn) (*layer, error) {
	l, ok := reactor.Find[*layer](c)
	switch {
	case ok:
		return l, nil
	case c.Stack().Closed(): // it may have had one
		return nil, reactor.ErrClosed
	}
	return nil, ErrNotMQTT
}

// Version returns the protocol level that the connection speaks, 4 or 5: what
// Connect or Login asked for, or what the client's CONNECT said. It is 0 for a
// connection that does not speak MQTT.
func Version(c *reactor.Conn) uint8 {
	if l, ok := reactor.Find[*layer](c); ok {
		return l.version
	}
	return 0
}

// sendOn is layer.send for calls that begin with a connection.
func sendOn(c *reactor.Conn, add func(l *layer, dst []byte) ([]byte, error)) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	return l.send(c, func(dst []byte) ([]byte, error) { return add(l, dst) })
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
// It is for connections that the program set up itself, and makes them speak MQTT:
// it hangs a layer on them that keeps the packet identifiers and the version for
// later calls. A connection of Connect sends CONNECT by itself, and one of Listen
// receives it: for both Login returns ErrLoggedIn.
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
	l, known := reactor.Find[*layer](c)
	switch {
	case !known:
		l = &layer{limit: DefaultMaxPacket}
	case l.role != bare:
		return ErrLoggedIn
	}
	err = l.send(c, func(dst []byte) ([]byte, error) { return AppendConnect(dst, version, content) })
	if err != nil {
		return err
	}
	l.version = version
	if !known {
		c.Stack().Push(l)
	}
	return nil
}

// withoutOptions is the error of a call whose Options are nil.
func withoutOptions(call string) error {
	return errors.New("mqtt: " + call + " with nil Options: it needs a Topic")
}

// Pub sends PUBLISH with opts.Topic, Message, QoS and Retain, and returns its
// packet identifier, 0 at QoS 0. Keeping the message until it is acknowledged
// and sending it again (RetransmitID) is the program's business, and so is not to
// have 65,535 unacknowledged: identifiers are given out in turn. opts must not be nil.
func Pub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, withoutOptions("Pub")
	}
	l, err := layerOf(c)
	if err != nil {
		return 0, err
	}
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
// packet identifier. opts must not be nil.
func Sub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, withoutOptions("Sub")
	}
	l, err := layerOf(c)
	if err != nil {
		return 0, err
	}
	id = l.nextID()
	filters := []Filter{{Topic: opts.Topic, QoS: opts.QoS}}
	err = l.send(c, func(dst []byte) ([]byte, error) { return AppendSubscribe(dst, l.version, id, filters, opts.Props) })
	if err != nil {
		return 0, err
	}
	return id, nil
}

// Unsub sends UNSUBSCRIBE with the filter opts.Topic, and returns its packet
// identifier. opts must not be nil.
func Unsub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, withoutOptions("Unsub")
	}
	l, err := layerOf(c)
	if err != nil {
		return 0, err
	}
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
	return sendOn(c, func(_ *layer, dst []byte) ([]byte, error) { return AppendPingreq(dst), nil })
}

// Disconnect sends DISCONNECT, after which a client sends nothing more
// [MQTT-3.14.4-2] and the server drops its will: call c.Drain next. opts may be
// nil; only its Props count.
func Disconnect(c *reactor.Conn, opts *Options) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	var props []Property
	if opts != nil {
		props = opts.Props
	}
	return l.disconnect(c, 0, props)
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
	if _, err := layerOf(c); err != nil {
		return err
	}
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
// nothing for others. It is for programs that parse packets themselves. m must not
// be nil.
func Ack(c *reactor.Conn, m *Message) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	cmd := Cmd(0)
	switch {
	case m == nil:
		return errors.New("mqtt: Ack of a nil Message")
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
	return l.send(c, func(dst []byte) ([]byte, error) { return AppendAck(dst, l.version, cmd, m.ID, 0, nil) })
}
