package mqtt

import (
	"errors"
	"slices"

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
//	*PeerLimitError     the peer does not allow the packet (5.0)
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
// CONNECT without waiting for CONNACK, unless it asks for enhanced authentication [MQTT-3.1.2-30].
// A server sends CONNACK first [MQTT-3.2.0-1].
func (l *layer) maySend(c *reactor.Conn) error {
	if l.role == client && l.phase == connecting && l.v5 != nil && l.v5.authMethod != "" {
		return ErrNotOpen
	}
	return l.mayDisconnect(c)
}

// mayDisconnect is maySend for DISCONNECT and AUTH.
func (l *layer) mayDisconnect(c *reactor.Conn) error {
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
	if err == nil && l.v5 != nil {
		err = l.v5.peer.checkSize(len(packet))
	}
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
	if l.keepAlive != nil {
		l.keepAlive.appended = true
	}
	return nil
}

// Login sends CONNECT. If opts.Topic is not empty, CONNECT has a will. Nil opts request a
// clean session with a random client identifier.
//
// Login is for connections that the program set up itself. It makes such a connection speak
// MQTT: it adds a layer that stores the version and the packet identifiers in use for later
// calls. It returns ErrLoginNotNeeded for a connection of Connect, which sends CONNECT itself,
// and for an accepted connection, which receives CONNECT. It also returns the errors of Pub,
// and errors about invalid opts.
func Login(c *reactor.Conn, opts *Options) error {
	if opts == nil {
		opts = &Options{Clean: true}
	}
	if err := opts.checkNoTransport(); err != nil {
		return err
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
	l.sentConnect(content)
	l.stopKeepAlive(c)
	if l.keepAlive = l.newKeepAlive(opts, ws.CheckSend(c) != ws.ErrNotWebSocket); l.keepAlive != nil {
		l.keepAlive.appended = true
	}
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
// itself until it is acknowledged, and sends it again with RetransmitID.
//
// The identifier is in use until the peer has acknowledged the message with PUBACK, PUBCOMP, or a
// PUBREC of 0x80 or higher. Pub returns ErrNoPacketID if all 65,535 identifiers are in use, and
// ErrPacketIDInUse if that of opts is. It returns an error if opts is nil.
//
// In 5.0 the peer's limits bound what Pub sends, see Capabilities: Pub returns a *PeerLimitError
// for another message, and for a new one of QoS 1 or 2 if the peer has not acknowledged as many as
// its Receive Maximum allows. Before CONNACK a client knows no limits, and uses the defaults of the
// standard. An empty topic with a Topic Alias stands for the topic that was last sent with this
// alias on this connection; without one, Pub returns a *ParseError.
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
	if err := l.checkSentProps(&p); err != nil {
		return 0, err
	}
	if err := l.checkPeerAllows(&p); err != nil {
		return 0, err
	}
	taken := false
	if opts.QoS > 0 {
		if taken, err = l.takePublishID(&p, opts); err != nil {
			return 0, err
		}
	}
	c.Send.Grow(PublishSize(l.version, &p) + 14) // 14 is the largest header of a WebSocket frame
	err = l.encode(c, func(dst []byte) ([]byte, error) { return AppendPublish(dst, l.version, &p) })
	if err != nil {
		if taken {
			l.returnID(p.ID)
		}
		return 0, err
	}
	l.noteAlias(&p)
	return p.ID, nil
}

// takePublishID chooses the packet identifier of p, which opts may name. taken is false if it was
// in use by the same message.
func (l *layer) takePublishID(p *PublishPacket, opts *Options) (taken bool, err error) {
	if id := opts.RetransmitID; id != 0 {
		p.ID, p.Dup = id, true
		if l.ids != nil && l.ids.sent.InUse(id) || l.ownFlows {
			return l.retakeID(id, p.QoS)
		}
	}
	if err := l.checkWindow(); err != nil {
		return false, err
	}
	if p.Dup {
		return l.retakeID(p.ID, p.QoS)
	}
	p.ID, err = l.takeMessageID(opts.ID, p.QoS)
	return true, err
}

// Sub sends SUBSCRIBE with the topic filter opts.Topic, with opts.QoS and opts.Props. It
// returns the packet identifier, which SUBACK repeats, and which is in use until then. It returns
// the errors of Pub.
func Sub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, nilOptionsError("Sub")
	}
	filters := []Filter{{Topic: opts.Topic, QoS: opts.QoS}}
	return sendSubscription(c, opts.ID, func(l *layer, dst []byte, id uint16) ([]byte, error) {
		if l.v5 != nil && l.knowsPeer() {
			hasSubID := propValue(opts.Props, PropSubscriptionIdentifier, 0) != 0
			if err := l.v5.peer.CheckFilter(l.version, filters[0], hasSubID); err != nil {
				return nil, err
			}
		}
		return AppendSubscribe(dst, l.version, id, filters, opts.Props)
	})
}

// Unsub sends UNSUBSCRIBE with the topic filter opts.Topic and with opts.Props. It returns
// the packet identifier, which UNSUBACK repeats, and which is in use until then. It returns the
// errors of Pub.
func Unsub(c *reactor.Conn, opts *Options) (id uint16, err error) {
	if opts == nil {
		return 0, nilOptionsError("Unsub")
	}
	return sendSubscription(c, opts.ID, func(l *layer, dst []byte, id uint16) ([]byte, error) {
		return AppendUnsubscribe(dst, l.version, id, []string{opts.Topic}, opts.Props)
	})
}

// sendSubscription sends the SUBSCRIBE or UNSUBSCRIBE that add makes. wanted is the packet
// identifier in the options.
func sendSubscription(c *reactor.Conn, wanted uint16, add func(l *layer, dst []byte, id uint16) ([]byte, error)) (id uint16, err error) {
	l, err := layerOf(c)
	if err == nil {
		err = l.maySend(c)
	}
	if err != nil {
		return 0, err
	}
	if id, err = l.takeID(wanted); err != nil {
		return 0, err
	}
	err = l.encode(c, func(dst []byte) ([]byte, error) { return add(l, dst, id) })
	switch {
	case err != nil:
		l.returnID(id)
		return 0, err
	case !l.ownFlows:
		l.ids.subs.Add(id)
	}
	return id, nil
}

// Ping sends PINGREQ. With Options.KeepAlive the layer sends PINGREQ itself when one is needed, and
// fails the connection if the server does not answer. A program may send more.
func Ping(c *reactor.Conn) error {
	return sendOn(c, func(_ *layer, dst []byte) ([]byte, error) { return AppendPingreq(dst), nil })
}

// Disconnect sends DISCONNECT. Afterwards a client sends nothing more [MQTT-3.14.4-2], and the
// server discards the will of the client. Call c.Drain next. opts may be nil; Disconnect
// uses only opts.Props. A 3.1.1 server must not send DISCONNECT: the call returns an error. A
// client may change the Session Expiry Interval, unless that of CONNECT was 0.
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
	if err := l.mayDisconnect(c); err != nil {
		return err
	}
	if l.version != 5 {
		if l.role == server {
			return errors.New("mqtt: a server must not send DISCONNECT to an MQTT 3.1.1 client: call Drain instead")
		}
		code = 0
	}
	if err := l.checkDisconnect(props); err != nil {
		return err
	}
	err := l.encode(c, func(dst []byte) ([]byte, error) { return AppendDisconnect(dst, l.version, code, props) })
	if err == nil {
		l.phase = disconnected
		l.stopKeepAlive(c)
	}
	return err
}

// checkDisconnect checks the Session Expiry Interval of a DISCONNECT. 5.0 section 3.14.2.2.2.
func (l *layer) checkDisconnect(props []Property) error {
	var parseErr *ParseError
	switch has := slices.ContainsFunc(props, isSessionExpiry); {
	case has && l.role == server:
		parseErr = newParseError(l.version, ReasonProtocolError, "", "MQTT-3.14.2-2",
			"a server must not send a Session Expiry Interval")
	case has && sessionExpiry(props) > 0 && !l.v5.mayExpire():
		parseErr = newParseError(l.version, ReasonProtocolError, "", "section 3.14.2.2.2",
			"a Session Expiry Interval, but that of CONNECT was 0")
	default:
		return nil
	}
	parseErr.Cmd = CmdDisconnect
	return parseErr
}

// SendHeader appends a fixed header: the packet type, the flags (four bits), and the number
// of bytes that follow. The caller appends these bytes next. SendHeader never frames the
// packet: over WebSocket call ws.Wrap when the packet is complete.
func SendHeader(c *reactor.Conn, cmd Cmd, flags uint8, n int) error {
	l, err := layerOf(c)
	if err != nil {
		return err
	}
	if l.keepAlive != nil {
		l.keepAlive.appended = true
	}
	header, err := AppendHeader(c.Send.AvailableBuffer(), cmd, flags, n)
	if err != nil {
		return err
	}
	_, err = c.Write(header)
	return err
}
