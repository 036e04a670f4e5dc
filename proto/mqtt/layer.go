package mqtt

import (
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

var (
	// ErrNotMQTT is returned for a connection that does not speak MQTT. Connect, Listen and
	// Login make connections that do.
	ErrNotMQTT = errors.New("mqtt: connection does not speak MQTT: use Connect or Listen, or call Login first")
	// ErrNotOpen is returned if a packet is sent too early: on a connection of Connect
	// before CONNECT was sent, on an accepted connection before Connack.
	ErrNotOpen = errors.New("mqtt: connection is not open yet: send after EvMQTTOpen, or after Connack on a server")
	// ErrLoginNotNeeded is returned by Login on a connection of Connect or Listen.
	ErrLoginNotNeeded = errors.New("mqtt: Login is not needed on a connection of Connect or Listen")
	// ErrNoConnect is returned by Connack if no CONNECT waits for an answer.
	ErrNoConnect = errors.New("mqtt: no CONNECT waits for an answer")
	// ErrDisconnected is returned by calls that send a packet after the MQTT connection has
	// ended: a DISCONNECT or a refusing CONNACK was sent or received.
	ErrDisconnected = errors.New("mqtt: disconnected: no packet can follow DISCONNECT or a refusal")
)

type role uint8

const (
	manual role = iota // connection of Login: the program parses and frames the packets
	client             // connection of Connect
	server             // connection that a listener of Listen has accepted
)

type phase uint8

const (
	beforeConnect phase = iota // no CONNECT was sent or received
	connecting                 // CONNECT was sent or received, CONNACK was not
	connected                  // CONNACK was sent or received
	disconnected               // DISCONNECT or a refusing CONNACK was exchanged, or fail was called
)

// layer is the MQTT state of a connection. On a plain connection it parses c.Recv. Over
// WebSocket it parses the concatenation of all messages, because a packet may begin and end
// anywhere in a message [MQTT-6.0.0-2].
type layer struct {
	role           role
	phase          phase
	version        uint8 // 4 or 5
	overWS         bool
	parsing        bool           // parse or parseMessage is running
	receiving      bool           // this layer has started the Message deadline
	ownFlows       bool           // Options.Manual: the program runs the QoS handshakes
	cleanStart     bool           // of CONNECT
	peerKnown      bool           // CONNECT of a client or an accepting CONNACK was received
	awaitsAuth     bool           // a server has answered CONNECT with AUTH
	askedKeepAlive uint16         // of CONNECT, in seconds
	now            current        // what l.msg is, while its events are raised
	limits         *Limits        // resolved
	keepAlive      *keepAlive     // of a client; nil if it is off
	connectPacket  []byte         // CONNECT of a client until it is sent
	wsInput        reactor.Buffer // over WebSocket: unparsed rest of earlier messages
	v5             *agreement     // 5.0: what both sides allow
	ids            *identifiers   // packet identifiers in use; nil if none was used
	msg            Message        // the packet that is being handled
}

// Handle implements reactor.Protocol.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if l.keepAlive != nil {
		n, _ := data.(*int) // nil if a program raises the event with other data
		switch {
		case n == nil:
		case ev == reactor.EvWrite:
			l.keepAlive.written(c, *n)
		case ev == reactor.EvRead && *n > 0 && l.mayBeMQTT(c):
			l.bytesRead(c)
		}
	}
	if l.role == manual && ev != reactor.EvWSCtl {
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
			l.wsOpened(c, data.(*http.Message))
		} else {
			c.Stack().SetHandshaking(true)
		}
	case reactor.EvRead:
		if l.overWS {
			before := l.wsInput.Cap()
			l.parse(c, &l.wsInput)
			l.keepInput(c, before)
		} else {
			l.parse(c, &c.Recv)
		}
	case reactor.EvWSMsg:
		if l.keepAlive != nil {
			l.bytesRead(c)
		}
		l.parseMessage(c, data.(*ws.Message))
	case reactor.EvError: // the connection may stay open for a while, to send what is in Send
		if !l.parsing {
			l.wsInput = reactor.Buffer{}
		}
		if l.v5 != nil {
			l.v5.aliases = nil
		}
	case reactor.EvEnd: // MQTT does not support half-closed connections
		c.Drain()
	case reactor.EvWSCtl:
		if m := data.(*ws.Message); m.Op == ws.OpClose {
			l.closeFrame(c, m)
		}
	}
}

// ALPN implements reactor.Negotiator. A server accepts the name mqtt, which IANA has registered. A
// client offers no name: proxies in front of brokers often know h2 and http/1.1 alone, and refuse
// a client that offers only mqtt. Over WebSocket the name of the WebSocket layer is used instead.
func (l *layer) ALPN() []string {
	if l.role == server {
		return alpn
	}
	return nil
}

var alpn = []string{"mqtt"}

// SayGoodbye implements reactor.GoodbyeSayer. It sends DISCONNECT if this side may send one.
func (l *layer) SayGoodbye(c *reactor.Conn) bool {
	code := ReasonCode(0)
	if l.role == server {
		code = ReasonServerShuttingDown
	}
	if l.role != manual {
		DisconnectCode(c, code) // returns an error if this side may not send DISCONNECT now
	}
	return false
}

// parseMessage parses the packets of a WebSocket message. Packets may begin in earlier messages and
// end in later ones.
func (l *layer) parseMessage(c *reactor.Conn, m *ws.Message) {
	if !l.overWS || l.parsing {
		return
	}
	if m.Op != ws.OpBinary { // [MQTT-6.0.0-1]
		ws.Close(c, ws.StatusUnsupportedData, "")
		l.fail(c, errors.New("mqtt: the peer sent a WebSocket text message, MQTT needs binary messages [MQTT-6.0.0-1]"))
		return
	}
	before := l.wsInput.Cap()
	if l.wsInput.Len() > 0 {
		l.wsInput.Append(m.Data)
		l.parse(c, &l.wsInput)
		l.keepInput(c, before)
		return
	}
	rest := m.Data // parse it in place and copy only an incomplete packet at its end
	l.parsing = true
	for n := l.parseNext(c, rest); n > 0; n = l.parseNext(c, rest) {
		rest = rest[n:]
		l.handlePacket(c)
	}
	l.parsing = false
	if l.phase != disconnected {
		l.wsInput.Append(rest)
	}
	l.keepInput(c, before)
}

// keepInput is called after wsInput has changed. before is the size of its memory before that. It
// releases memory that is not needed, and counts the rest towards the manager's memory budget.
func (l *layer) keepInput(c *reactor.Conn, before int) {
	if l.parsing { // the outer call does it
		return
	}
	switch n := l.wsInput.Len(); {
	case n == 0 || c.Stack().Closed():
		l.wsInput = reactor.Buffer{}
	case l.wsInput.Cap() > 4*max(n, 1<<10):
		rest := l.wsInput.Bytes()
		l.wsInput = reactor.Buffer{}
		l.wsInput.Append(rest)
	}
	c.Stack().AddHeld(l.wsInput.Cap() - before)
}

// parse handles the packets at the front of in. It removes each packet from in before it
// raises the events of the packet.
func (l *layer) parse(c *reactor.Conn, in *reactor.Buffer) {
	if l.parsing { // a handler has raised EvRead; the loop below continues afterwards
		return
	}
	l.parsing = true
	for n := l.parseNext(c, in.Bytes()); n > 0; n = l.parseNext(c, in.Bytes()) {
		in.Consume(n)
		l.handlePacket(c)
	}
	l.parsing = false
	if l.phase == disconnected { // the layer ignores all further input
		in.Reset()
	}
}

// parseNext parses the packet at the front of input into l.msg and returns its size in bytes. It
// returns 0 if the packet is incomplete, if it must wait, or if the connection has ended.
func (l *layer) parseNext(c *reactor.Conn, input []byte) int {
	if len(input) == 0 || c.InputStopped() || l.phase == disconnected || l.waitsForConnack(c, len(input)) {
		return 0
	}
	size, err := parse(input, l.version, l.limits, l.packetLimit(), &l.msg)
	l.setReceiving(c, err == ErrIncomplete)
	if err == ErrIncomplete {
		if !l.overWS {
			c.Stack().ExpectMore(missing(input, l.version))
		}
		return 0
	}
	if err == nil {
		err = l.checkOrder(c)
	}
	if err == nil {
		err = l.checkProps()
	}
	if err == nil {
		err = l.checkPublish(c)
	}
	if err != nil {
		l.refuse(c, err)
		return 0
	}
	l.keepAlivePacket(c)
	return size
}

// packetLimit returns the size in bytes of the largest packet that the peer may send.
func (l *layer) packetLimit() int {
	if l.v5 == nil {
		return l.limits.Packet
	}
	return min(l.limits.Packet, int(l.v5.own.maxPacket)) // [MQTT-3.1.2-24] [MQTT-3.2.2-15]
}

// setReceiving tells the reactor whether the rest of a packet is expected. Over WebSocket the layer
// below may expect the rest of a message at the same time. Only the layer that has begun the wait
// ends it.
func (l *layer) setReceiving(c *reactor.Conn, rest bool) {
	switch {
	case rest:
		l.receiving = c.Stack().SetReceiving(true) || l.receiving
	case l.receiving:
		l.receiving = false
		c.Stack().SetReceiving(false)
	}
}

// waitsForConnack reports whether input must wait because the server has not answered CONNECT
// yet [MQTT-3.2.0-1], [MQTT-3.1.4-5]. size is the number of bytes that wait. If it is larger
// than Limits.Packet, the connection fails.
func (l *layer) waitsForConnack(c *reactor.Conn, size int) bool {
	if l.role != server || l.phase != connecting || l.awaitsAuth {
		return false
	}
	if size > l.limits.Packet {
		l.fail(c, fmt.Errorf("%w: %d bytes follow a CONNECT that is not answered yet, the limit is %d bytes; "+
			"call Connack earlier or raise Limits.Packet", ErrTooLarge, size, l.limits.Packet))
	}
	return true
}

// refuse fails the connection because of a packet of the peer. err says what is wrong with the
// packet. If the protocol allows it, refuse first sends the reason to the peer, in a CONNACK or
// in a 5.0 DISCONNECT.
func (l *layer) refuse(c *reactor.Conn, err error) {
	switch {
	case !l.overWS && l.phase != connected && !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()):
		err = errors.New("mqtt: the peer speaks TLS, but this connection does not: " +
			"use mqtts:// or call StartTLS")
	case l.role == server && l.phase == beforeConnect:
		if errors.Is(err, ErrLimit) { // only 5.0 has properties; a CONNACK may say why [MQTT-4.13.2-1]
			l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, 5, false, ReasonQuotaExceeded, nil) })
		} else if code := connackFor(err); code != 0 {
			l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, 4, false, code, nil) })
		}
	case l.role == server && l.phase == connecting && l.version == 5: // during authentication
		code := disconnectFor(err)
		if !code.legalIn(CmdConnack, 5) {
			code = ReasonUnspecified
		}
		l.encode(c, func(dst []byte) ([]byte, error) { return AppendConnack(dst, 5, false, code, nil) })
	case l.version == 5 && (l.phase == connected || l.phase == connecting && l.role == client):
		// A server sends no DISCONNECT before CONNACK [MQTT-3.14.0-1].
		DisconnectCode(c, disconnectFor(err))
	}
	l.fail(c, err)
}

// connackFor returns the 3.1.1 return code for a CONNECT that Parse has refused. It returns 0
// if 3.1.1 has no code for the error; the server then sends no CONNACK. A client with an
// unknown version also gets a 3.1.1 code.
func connackFor(err error) ReasonCode {
	var parseErr *ParseError
	switch {
	case errors.Is(err, ErrVersion):
		return ConnackBadProtocolVersion // [MQTT-3.1.2-2]
	case errors.As(err, &parseErr) && parseErr.Code == ReasonClientIDNotValid:
		return ConnackIdentifierRejected // [MQTT-3.1.3-8]
	}
	return 0
}

// disconnectFor returns the reason code of the 5.0 DISCONNECT that tells the peer about err.
func disconnectFor(err error) ReasonCode {
	var parseErr *ParseError
	switch {
	case errors.As(err, &parseErr):
		return parseErr.Code
	case errors.Is(err, ErrTooLarge):
		return ReasonPacketTooLarge
	}
	return ReasonProtocolError
}

// failIfTooSmall fails the connection if err says that a packet which the protocol requires is
// larger than the peer allows. Other errors are those of a connection that is closing.
func (l *layer) failIfTooSmall(c *reactor.Conn, err error) {
	if _, ok := err.(*PeerLimitError); ok { // errors.As would allocate
		l.fail(c, err)
	}
}

// fail fails the connection and makes the layer ignore all further input.
func (l *layer) fail(c *reactor.Conn, err error) {
	l.phase = disconnected
	c.Fail(err)
}
