package mqtt

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// subprotocol is the name of MQTT in a WebSocket handshake [MQTT-6.0.0-3].
const subprotocol = "mqtt"

// protocolHeader is the header line with which a client offers MQTT and a server accepts it.
const protocolHeader = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"

// Connect opens a connection to a broker and logs in. The forms of url are:
//
//	mqtt://host[:1883]                  tcp
//	mqtts://host[:8883]                 TLS, see reactor.Conn.StartTLS
//	ws://host[:80][/path][?query]       WebSocket
//	wss://host[:443][/path][?query]     WebSocket over TLS
//
// The URL may contain a user and a password. They go into CONNECT unless opts has a user or
// a password. opts are the options of Login. Nil opts request a clean session. fn may be
// nil if layers do all the work.
//
// The handler gets the events of the connection, then EvMQTTOpen with the code of CONNACK.
// If the broker refuses, the connection fails after EvMQTTOpen. Each packet raises
// EvMQTTCmd. A PUBLISH first raises EvMQTTMsg. The acknowledgement of a PUBLISH is sent
// after the handler has returned. The layer also runs the QoS 2 handshakes. If the peer
// sends a QoS 2 message twice, EvMQTTMsg is raised once.
//
// Connect returns an error for an invalid URL and for invalid options. Later failures raise
// EvError.
func Connect(m *reactor.Manager, url string, opts *Options, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &Options{Clean: true}
	}
	content, err := opts.connect()
	if err != nil {
		return nil, err
	}
	if opts.User == "" && opts.Password == "" {
		content.User, content.HasUser = u.User, u.User != "" || u.HasPassword
		content.Password, content.HasPassword = []byte(u.Password), u.HasPassword
	}
	l := &layer{role: client, version: opts.version(), limits: defaultLimits}
	if l.connectPacket, err = AppendConnect(nil, l.version, content); err != nil {
		return nil, err
	}
	l.receiveMax = receiveMaximum(content.Props)
	var c *reactor.Conn
	switch u.Scheme {
	case "mqtt", "mqtts":
		var socket string
		if socket, err = socketURL(u); err == nil {
			c, err = m.Connect(socket, fn, fnData)
		}
	case "ws", "wss":
		l.overWS = true
		u.User, u.Password, u.HasPassword = "", "", false // they belong to MQTT, not to HTTP
		c, err = ws.Connect(m, u.Redacted(), fn, fnData, protocolHeader)
	default:
		err = schemeError(u)
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(l)
	return c, nil
}

// schemeError is the error of Connect and Listen for a URL with another scheme.
func schemeError(u reactor.URL) error {
	return fmt.Errorf("mqtt: bad URL %q: want mqtt://, mqtts://, ws:// or wss://", u.Redacted())
}

// socketURL returns the URL of the connection below mqtt:// and mqtts://. The default ports
// are those that IANA assigned.
func socketURL(u reactor.URL) (string, error) {
	switch {
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return "", fmt.Errorf("mqtt: bad URL %q: %s:// takes no path and no query", u.Redacted(), u.Scheme)
	case u.Scheme == "mqtts":
		return u.Socket("tls", 8883), nil
	}
	return u.Socket("tcp", 1883), nil
}

// sendConnect sends the CONNECT that Connect has prepared.
func (l *layer) sendConnect(c *reactor.Conn) {
	c.Stack().SetHandshaking(true) // until CONNACK
	packet := l.connectPacket
	l.connectPacket, l.phase = nil, connecting
	if l.overWS {
		l.append(c, packet)
	} else {
		c.Send.Insert(0, packet) // the program may have written before: CONNECT must be first
	}
}

// wsOpened sends CONNECT after the WebSocket handshake. It fails the connection if the server
// did not choose the subprotocol mqtt [MQTT-6.0.0-4].
func (l *layer) wsOpened(c *reactor.Conn, answer *http.Message) {
	if got := answer.Header("Sec-WebSocket-Protocol"); string(got) != subprotocol {
		l.fail(c, &ws.HandshakeError{Status: answer.Status, Header: "Sec-WebSocket-Protocol",
			Reason: "the server did not choose the subprotocol " + subprotocol + "; check the path of the URL"})
		return
	}
	l.sendConnect(c)
}
