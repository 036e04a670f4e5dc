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
//	unix:///path                        UNIX-domain socket, without WebSocket
//
// The URL may contain a user and a password. They go into CONNECT unless opts has a user or
// a password. opts are the options of Login, and those of the transport: Headers, WS, TLS,
// Deadlines and Dial. Nil opts request a clean session. fn may be nil if layers do all the work.
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
	d, err := prepare(url, opts)
	if err != nil {
		return nil, err
	}
	opts = d.opts
	l := &layer{role: client, version: opts.version(), limits: defaultLimits, ownFlows: opts.Manual, overWS: d.overWS}
	l.connectPacket = d.packet
	l.sentConnect(d.content)
	var c *reactor.Conn
	if d.overWS {
		c, err = ws.Connect(m, d.below, fn, fnData, protocolHeader+opts.Headers, opts.WS)
	} else {
		c, err = m.Connect(d.below, fn, fnData)
	}
	if err != nil {
		return nil, err
	}
	l.keepAlive = l.newKeepAlive(opts, l.overWS)
	if opts.TLS != nil {
		c.StartTLS(opts.TLS)
	}
	if opts.Deadlines != nil {
		c.SetDeadlines(*opts.Deadlines)
	}
	c.Stack().Push(l)
	if opts.Dial != nil {
		if err := opts.Dial(c); err != nil {
			c.Fn = nil // the connection does not exist for the program
			c.Close()
			return nil, fmt.Errorf("mqtt: Options.Dial: %w", err)
		}
	}
	return c, nil
}

// CheckConnect returns the error that Connect would return for this URL and these Options, without
// making a connection. It is for programs that connect later, and again and again.
func CheckConnect(url string, opts *Options) error {
	d, err := prepare(url, opts)
	if err == nil && d.overWS {
		err = ws.CheckConnect(d.below, protocolHeader+d.opts.Headers, d.opts.WS)
	}
	return err
}

// dialing is what Connect needs to make a connection.
type dialing struct {
	opts    *Options
	content *ConnectPacket
	packet  []byte // content as a packet
	below   string // URL of the connection below the layer
	overWS  bool   // it is a WebSocket
}

// prepare checks the arguments of Connect. Over WebSocket package ws checks its part.
func prepare(url string, opts *Options) (*dialing, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &Options{Clean: true}
	}
	d := &dialing{opts: opts, overWS: u.Scheme == "ws" || u.Scheme == "wss"}
	if d.content, err = opts.connect(); err != nil {
		return nil, err
	}
	if opts.User == "" && opts.Password == "" {
		d.content.User, d.content.HasUser = u.User, u.User != "" || u.HasPassword
		d.content.Password, d.content.HasPassword = []byte(u.Password), u.HasPassword
	}
	if d.packet, err = AppendConnect(nil, opts.version(), d.content); err != nil {
		return nil, err
	}
	switch {
	case d.overWS:
		below := u
		below.User, below.Password, below.HasPassword = "", "", false // they belong to MQTT, not to HTTP
		d.below = below.Redacted()
	case u.Scheme == "unix":
		d.below = url
	case u.Scheme != "mqtt" && u.Scheme != "mqtts":
		return nil, schemeError(u)
	case u.Host == "" || u.HasPort && u.Port == 0:
		return nil, fmt.Errorf("mqtt: bad URL %q: want a host and a port other than 0 to connect to", u.Redacted())
	default:
		if d.below, err = socketURL(u); err != nil {
			return nil, err
		}
	}
	return d, opts.checkTransport(u)
}

// schemeError is the error of Connect and Listen for a URL with another scheme.
func schemeError(u reactor.URL) error {
	return fmt.Errorf("mqtt: bad URL %q: want mqtt://, mqtts://, ws://, wss:// or unix://", u.Redacted())
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
