package mqtt

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// subprotocol is what MQTT is called in a WebSocket handshake [MQTT-6.0.0-3].
const subprotocol = "mqtt"

// protocolHeader offers it, or agrees to it.
const protocolHeader = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"

// Connect opens a connection to a broker and logs in: mqtt://host[:1883] or
// ws://host[:80][/path][?query], or with TLS mqtts://host[:8883] or
// wss://host[:443][/path][?query], see reactor's Conn.StartTLS. User and password in
// the URL are those of CONNECT unless opts has a user or a password. opts are Login's;
// nil is a clean session. fn may be nil if layers do all the work.
//
// The handler hears of the connection, then EvMQTTOpen with the CONNACK's
// code. A refusal fails the connection after that. For each packet EvMQTTCmd is
// raised, for a PUBLISH EvMQTTMsg before it; its acknowledgements, QoS 2
// handshakes included, are sent after the handler has returned, and a QoS 2
// message that comes twice is raised once.
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
	l := &layer{role: client, version: opts.version(), limit: DefaultMaxPacket}
	if l.connect, err = AppendConnect(nil, l.version, content); err != nil {
		return nil, err
	}
	var c *reactor.Conn
	switch u.Scheme {
	case "mqtt", "mqtts":
		var socket string
		if socket, err = socketURL(u); err == nil {
			c, err = m.Connect(socket, fn, fnData)
		}
	case "ws", "wss":
		l.overWS = true
		u.User, u.Password, u.HasPassword = "", "", false // they are MQTT's
		c, err = ws.Connect(m, u.Redacted(), fn, fnData, protocolHeader)
	default:
		err = fmt.Errorf("mqtt: bad URL %q: want mqtt:// or ws://, or mqtts:// or wss://", u.Redacted())
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(l)
	return c, nil
}

// socketURL is that of the connection under mqtt:// and mqtts://, with the
// ports that IANA assigned to them.
func socketURL(u reactor.URL) (string, error) {
	switch {
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return "", fmt.Errorf("mqtt: bad URL %q: %s takes neither path nor query", u.Redacted(), u.Scheme)
	case u.Scheme == "mqtts":
		return u.Socket("tls", 8883), nil
	}
	return u.Socket("tcp", 1883), nil
}

// sendConnect sends the CONNECT that Connect made.
func (l *layer) sendConnect(c *reactor.Conn) {
	c.Stack().SetHandshaking(true) // until CONNACK
	packet := l.connect
	l.connect, l.phase = nil, asked
	if l.overWS {
		l.append(c, packet)
	} else {
		c.Send.Insert(0, packet) // before whatever the program has put there
	}
}

// open logs in over a WebSocket, if the server agreed that it carries MQTT
// [MQTT-6.0.0-4].
func (l *layer) open(c *reactor.Conn, answer *http.Message) {
	if got := answer.Header("Sec-WebSocket-Protocol"); string(got) != subprotocol {
		l.fail(c, &ws.HandshakeError{Status: answer.Status, Header: "Sec-WebSocket-Protocol",
			Reason: "server did not choose the subprotocol " + subprotocol})
		return
	}
	l.sendConnect(c)
}
