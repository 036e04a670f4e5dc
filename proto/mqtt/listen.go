package mqtt

import (
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Listen makes the listener of a broker. The forms of url are:
//
//	mqtt://host[:1883]     tcp
//	mqtts://host[:8883]    TLS: call StartTLS on the listener to set the Config
//	ws://host[:80]         WebSocket; requests for any path are accepted
//	wss://host[:443]       WebSocket over TLS
//
// Accepted connections raise EvMQTTCmd for each packet. A PUBLISH first raises EvMQTTMsg. fn
// may be nil if layers do all the work.
//
// The layer checks the order of packets: CONNECT comes first and only once, and a packet
// that only servers send is an error. It acknowledges each PUBLISH and runs the QoS 2
// handshakes after the handler has returned. The handler answers these packets:
//
//	CONNECT        Connack, at once or later; packets that follow CONNECT wait until then
//	SUBSCRIBE      Suback
//	UNSUBSCRIBE    Unsuback
//	PINGREQ        Pong
//
// With a ws:// or wss:// URL, Listen works like ws.Listen and accepts clients that offer the
// subprotocol mqtt. EvWSOpen comes before EvHTTPMsg.
//
// Listen returns an error if the URL is invalid or if the socket cannot listen.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	var c *reactor.Conn
	p := &listener{maxPacket: DefaultMaxPacket}
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
		err = schemeError(u)
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(p)
	return c, nil
}

// listener is the MQTT layer of a listening connection. It makes the layers of accepted
// connections.
type listener struct {
	overWS    bool
	maxPacket int // size of the largest accepted packet in bytes
}

// Handle implements reactor.Protocol.
func (*listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements reactor.Acceptor.
func (p *listener) Accept(*reactor.Conn) reactor.Protocol {
	return &layer{role: server, version: 4, overWS: p.overWS, maxPacket: p.maxPacket}
}
