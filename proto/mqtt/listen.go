package mqtt

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Listen makes the listener of a broker, on mqtt://host[:1883] or
// ws://host[:80] (the path of requests is not looked at), or with TLS on
// mqtts://host[:8883] or wss://host[:443]: StartTLS gives it a Config. Accepted connections
// raise EvMQTTCmd for each packet, and EvMQTTMsg before it for a PUBLISH.
//
// The layer speaks the protocol's grammar: CONNECT comes first and once, nothing
// that only servers send is taken, PUBLISH is acknowledged and QoS 2 handshakes
// are led, after the handler has returned. The handler does the rest: it answers
// CONNECT (Connack), SUBSCRIBE (Suback), UNSUBSCRIBE (Unsuback) and PINGREQ
// (Pong). CONNECT may be answered later; what the client sends behind it waits.
//
// Over ws:// the layer upgrades a request before the handler hears of it, so
// EvWSOpen comes before EvHTTPMsg.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	var c *reactor.Conn
	p := &listener{limit: DefaultMaxPacket}
	switch u.Scheme {
	case "mqtt", "mqtts":
		var socket string
		if socket, err = socketURL(u); err == nil {
			c, err = m.Listen(socket, fn, fnData)
		}
	case "ws", "wss":
		p.overWS = true
		under := u.Socket("http", 80)
		if u.Scheme == "wss" {
			under = u.Socket("https", 443)
		}
		c, err = http.Listen(m, under, fn, fnData)
	default:
		err = fmt.Errorf("mqtt: bad URL %q: want mqtt:// or ws://, or mqtts:// or wss://", u.Redacted())
	}
	if err != nil {
		return nil, err
	}
	c.Push(p)
	return c, nil
}

// listener is the layer of a listener.
type listener struct {
	overWS bool
	limit  int // bytes of a packet
}

// Handle implements reactor.Protocol.
func (*listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements reactor.Acceptor.
func (p *listener) Accept(*reactor.Conn) reactor.Protocol {
	return &layer{role: server, version: 4, overWS: p.overWS, limit: p.limit}
}

// upgrade turns an HTTP request into a WebSocket if MQTT is to go over it, and
// answers others with what is wrong.
func upgrade(c *reactor.Conn, hm *http.Message) {
	if err := ws.Upgrade(c, hm, "Sec-WebSocket-Protocol: "+subprotocol+"\r\n"); err != nil {
		c.Manager().Logger().Debug("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
	}
}
