package mqtt

import (
	"errors"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// This file has the calls that Mongoose names mg_mqtt_*. Each appends one packet to c.Send.
// If Connect or Listen got a ws:// or wss:// URL, the call also frames the packet as a
// WebSocket message. On a connection of Login it does not: if the connection is a WebSocket,
// the program calls ws.Wrap.
//
// All calls can return these errors. They then append nothing:
//
//	*ParseError         a packet with these arguments would be invalid
//	ErrNotMQTT          the connection does not speak MQTT
//	ErrNotOpen          it is too early to send a packet
//	ErrDisconnected     it is too late to send a packet
//	reactor.ErrClosed   the connection is closed, or has failed
//	errors of ws.Send   over WebSocket

// layerOf returns the MQTT layer of the connection.
func layerOf(c *reactor.Conn) (*layer, error) {
	l, ok := reactor.Find[*layer](c)
	switch {
	case ok:
		return l, nil
	case c.Stack().Closed(): // it may have had an MQTT layer before
		return nil, reactor.ErrClosed
	}
	return nil, ErrNotMQTT
}

// Version returns the protocol level of the connection: 4 is MQTT 3.1.1, 5 is MQTT 5.0. On a
// client it is the level of Options.Version, on a server the level in CONNECT (4 until
// CONNECT has arrived). It is 0 for a connection that does not speak MQTT.
func Version(c *reactor.Conn) uint8 {
	if l, ok := reactor.Find[*layer](c); ok {
		return l.version
	}
	return 0
}

// sendOn finds the layer of the connection and calls layer.send.
func sendOn(c *reactor.Conn, add func(l *layer, dst []byte) ([]byte, error)) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	return l.send(c, func(dst []byte) ([]byte, error) { return add(l, dst) })
}

// send appends the packet that add makes, if a packet may be sent now.
func (l *layer) send(c *reactor.Conn, add func(dst []byte) ([]byte, error)) error {
	if err := l.maySend(c); err != nil {
		return err
	}
	return l.encode(c, add)
}

// maySend returns an error if no packet may be sent now. A client may send packets after
// CONNECT without waiting for CONNACK. A server sends CONNACK first [MQTT-3.2.0-1].
func (l *layer) maySend(c *reactor.Conn) error {
	switch {
	case l.phase == disconnected: // [MQTT-3.14.4-1], [MQTT-3.14.4-2]
		return ErrDisconnected
	case l.role == client && l.phase == beforeConnect, l.role == server && l.phase != connected:
		return ErrNotOpen
	case l.overWS:
		return ws.CheckSend(c)
	}
	return nil
}

// encode appends the packet that add makes. It does not check whether a packet may be sent.
func (l *layer) encode(c *reactor.Conn, add func(dst []byte) ([]byte, error)) error {
	c.Send.Grow(64) // enough for most packets and the header of a WebSocket frame
	packet, err := add(c.Send.AvailableBuffer())
	if err != nil {
		return err
	}
	return l.append(c, packet)
}

// append appends a packet to Send. Over WebSocket the packet is one message.
func (l *layer) append(c *reactor.Conn, packet []byte) error {
	if l.overWS {
		if err := ws.CheckSend(c); err != nil {
			return err
		}
	}
	if _, err := c.Write(packet); err != nil {
		return err
	}
	if l.overWS {
		ws.Wrap(c, len(packet), ws.OpBinary)
	}
	return nil
}

// nextID returns the next packet identifier. After 65,535 it continues with 1, because 0 is
// not allowed [MQTT-2.2.1-3].
func (l *layer) nextID() uint16 {
	if l.lastPacketID++; l.lastPacketID == 0 {
		l.lastPacketID = 1
	}
	return l.lastPacketID
}

// Login sends CONNECT. If opts.Topic is not empty, CONNECT has a will. Nil opts request a
// clean session with a random client identifier.
//
// Login is for connections that the program set up itself. It makes such a connection speak
// MQTT: it adds a layer that stores the version and the last packet identifier for later
// calls. It returns ErrLoginNotNeeded for a connection of Connect, which sends CONNECT itself,
// and for an accepted connection, which receives CONNECT. It also returns the errors of Pub,
// and errors about invalid opts.
func Login(c *reactor.Conn, opts *Options) error {
	if opts == nil {
		opts = &Options{Clean: true}
	}
	content, err := opts.connect()
	if err != nil {
		return err
	}
	version, versionErr := checkVersion(opts.Version)
	if versionErr != nil {
		return versionErr
	}
	l, found := reactor.Find[*layer](c)
	switch {
	case !found:
		l = &layer{limits: defaultLimits}
	case l.role != manual:
		return ErrLoginNotNeeded
	}
	err = l.send(c, func(dst []byte) ([]byte, error) { return AppendConnect(dst, version, content) })
	if err != nil {
		return err
	}
	l.version = version
	if !found {
		c.Stack().Push(l)
	}
	return nil
}

// nilOptionsError returns the error of a call whose Options are nil.
func nilOptionsError(call string) error {
	return errors.New("mqtt: " + call + " with nil Options: set at least Options.Topic")
}

// Pub sends PUBLISH with opts.Topic, Message, QoS, Retain and Props. It returns the packet
// identifier, which is 0 at QoS 0. Pub copies the message.
//
// Pub does not store the message. A program that must be able to send it again stores it
// itself until it is acknowledged, and sends it again with RetransmitID. Pub uses the
// identifiers from 1 to 65,535 in turn. So fewer than 65,535 messages may be unacknowledged at
// the same time. Pub returns an error if opts is nil.
func Pub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, nilOptionsError("Pub")
	}
	l, err := layerOf(c)
	if err != nil {
		return 0, err
	}
	if err := l.maySend(c); err != nil {
		return 0, err
	}
	p := PublishPacket{QoS: opts.QoS, Retain: opts.Retain, Topic: opts.Topic, Data: opts.Message, Props: opts.Props}
	if opts.QoS > 0 {
		p.ID, p.Dup = opts.RetransmitID, opts.RetransmitID != 0
		if !p.Dup {
			p.ID = l.nextID()
		}
	}
	c.Send.Grow(PublishSize(l.version, &p) + 14) // 14 is the largest header of a WebSocket frame
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendPublish(dst, l.version, &p) })
	if err != nil {
		return 0, err
	}
	return p.ID, nil
}

// Sub sends SUBSCRIBE with the topic filter opts.Topic, with opts.QoS and opts.Props. It
// returns the packet identifier, which SUBACK repeats. It returns an error if opts is nil.
func Sub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, nilOptionsError("Sub")
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

// Unsub sends UNSUBSCRIBE with the topic filter opts.Topic and with opts.Props. It returns
// the packet identifier, which UNSUBACK repeats. It returns an error if opts is nil.
func Unsub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, nilOptionsError("Unsub")
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

// Ping sends PINGREQ. A client that set Options.KeepAlive must send some packet within each
// keep-alive interval, and sends PINGREQ if it has no other [MQTT-3.1.2-23].
func Ping(c *reactor.Conn) error {
	return sendOn(c, func(_ *layer, dst []byte) ([]byte, error) { return AppendPingreq(dst), nil })
}

// Disconnect sends DISCONNECT. Afterwards a client sends nothing more [MQTT-3.14.4-2], and the
// server discards the will of the client. Call c.Drain next. opts may be nil; Disconnect
// uses only opts.Props. A 3.1.1 server must not send DISCONNECT: the call returns an error.
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

// disconnect sends DISCONNECT, after which no packet may be sent.
func (l *layer) disconnect(c *reactor.Conn, code ReasonCode, props []Property) error {
	if err := l.maySend(c); err != nil {
		return err
	}
	if l.version != 5 {
		if l.role == server {
			return errors.New("mqtt: a server must not send DISCONNECT to an MQTT 3.1.1 client: call Drain instead")
		}
		code = 0
	}
	err := l.encode(c, func(dst []byte) ([]byte, error) { return AppendDisconnect(dst, l.version, code, props) })
	if err == nil {
		l.phase = disconnected
	}
	return err
}

// SendHeader appends a fixed header: the packet type, the flags (four bits), and the number
// of bytes that follow. The caller appends these bytes next. SendHeader never frames the
// packet: over WebSocket call ws.Wrap when the packet is complete.
func SendHeader(c *reactor.Conn, cmd Cmd, flags uint8, n int) error {
	if _, err := layerOf(c); err != nil {
		return err
	}
	header, err := AppendHeader(c.Send.AvailableBuffer(), cmd, flags, n)
	if err != nil {
		return err
	}
	_, err = c.Write(header)
	return err
}

// ack sends PUBACK, PUBREC, PUBREL or PUBCOMP. It ignores the error, because sending fails
// only on a connection that is closing.
func (l *layer) ack(c *reactor.Conn, cmd Cmd, id uint16, code ReasonCode) {
	l.send(c, func(dst []byte) ([]byte, error) { return AppendAck(dst, l.version, cmd, id, code, nil) })
}

// Ack sends the packet that acknowledges m. It is for programs that parse packets
// themselves.
//
//	m                              Ack sends
//	PUBLISH of QoS 1               PUBACK
//	PUBLISH of QoS 2               PUBREC
//	PUBREC with a code below 0x80  PUBREL
//	PUBREL                         PUBCOMP
//	other                          nothing, and returns nil
//
// Ack returns an error if m is nil.
func Ack(c *reactor.Conn, m *Message) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	cmd := Cmd(0)
	switch {
	case m == nil:
		return errors.New("mqtt: Ack of a nil Message: pass the Message that Parse has filled")
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
