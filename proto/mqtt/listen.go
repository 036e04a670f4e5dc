package mqtt

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Listen makes the listener of a broker, on mqtt://host[:1883] or
// ws://host[:80] (the path of requests is not looked at), or with TLS on
// mqtts://host[:8883] or wss://host[:443]: StartTLS gives it a Config. Accepted
// connections raise EvMQTTCmd for each packet, and EvMQTTMsg before it for a PUBLISH.
// fn may be nil if layers do all the work.
//
// The layer speaks the protocol's grammar: CONNECT comes first and once, nothing
// that only servers send is taken, PUBLISH is acknowledged and QoS 2 handshakes
// are led, after the handler has returned. The handler does the rest: it answers
// CONNECT (Connack), SUBSCRIBE (Suback), UNSUBSCRIBE (Unsuback) and PINGREQ
// (Pong). CONNECT may be answered later; what the client sends behind it waits.
//
// Over ws:// it listens as ws.Listen does, for clients that offer the subprotocol mqtt:
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
		c, err = ws.Listen(m, url, fn, fnData, &ws.Options{Headers: protocolHeader})
	default:
		err = fmt.Errorf("mqtt: bad URL %q: want mqtt:// or ws://, or mqtts:// or wss://", u.Redacted())
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(p)
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
