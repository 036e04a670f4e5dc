package mqtt

import (
	"fmt"
	"strings"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/proto/ws"
	"github.com/rikki-go/rikki/reactor"
)

// Listen makes the listener of a broker. The forms of url are:
//
//	mqtt://host[:1883]     tcp
//	mqtts://host[:8883]    TLS: call StartTLS on the listener to set the Config
//	ws://host[:80]         WebSocket; requests for any path are accepted
//	wss://host[:443]       WebSocket over TLS
//	unix:///path           UNIX-domain socket; WebSocket if there are opts
//
// Accepted connections raise EvMQTTCmd for each packet. A PUBLISH first raises EvMQTTMsg. fn
// may be nil if layers do all the work.
//
// The layer checks the order of packets: CONNECT comes first and only once, and a packet
// that only servers send is an error. It acknowledges each PUBLISH and runs the QoS 2
// handshakes after the handler has returned. The handler may do that itself with AckCode. In 5.0
// Pub respects the limits in the client's CONNECT, and the layer refuses what exceeds the limits
// in the properties of Connack. The handler answers these packets:
//
//	CONNECT        Connack, at once or later; packets that follow CONNECT wait until then.
//	               For enhanced authentication Auth, and Connack after the client's AUTH
//	SUBSCRIBE      Suback
//	UNSUBSCRIBE    Unsuback
//	PINGREQ        Pong
//
// With a ws:// or wss:// URL, Listen works like ws.Listen and accepts clients that offer the
// subprotocol mqtt. EvWSOpen comes before EvHTTPMsg. Pages of other servers are refused, see
// ws.Options.Origins. opts is one *ws.Options or none. The server always chooses the subprotocol
// mqtt, so Protocols must be empty or mqtt, and Headers must not contain Sec-WebSocket-Protocol.
// Limits.Message of opts applies until SetLimits is called.
//
// Listen returns an error if the URL or opts are invalid, if there are opts for a URL without
// WebSocket, or if the socket cannot listen.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any, opts ...*ws.Options) (*reactor.Conn, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o, err := listenOptions(u, opts)
	if err != nil {
		return nil, err
	}
	var c *reactor.Conn
	p := &listener{limits: defaultLimits}
	switch {
	case u.Scheme == "mqtt" || u.Scheme == "mqtts":
		var socket string
		if socket, err = socketURL(u); err == nil {
			c, err = m.Listen(socket, fn, fnData)
		}
	case u.Scheme == "unix" && !givesOptions(opts):
		c, err = m.Listen(url, fn, fnData)
	case u.Scheme == "ws" || u.Scheme == "wss" || u.Scheme == "unix":
		p.overWS = true
		c, err = ws.Listen(m, url, fn, fnData, o)
	default:
		err = schemeError(u)
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(p)
	return c, nil
}

// ListenFD is Listen on a stream socket that already listens, for example one that the service
// manager has passed (package reactor/activation). With opts it works like ws.ListenFD, and without
// like Listen with a mqtt:// URL. For TLS call StartTLS on the listener. reactor's Manager.ListenFD
// says to whom the descriptor belongs. ListenFD returns an error if fd is no such socket, and if
// opts are invalid.
func ListenFD(m *reactor.Manager, fd int, fn reactor.Handler, fnData any, opts ...*ws.Options) (*reactor.Conn, error) {
	o, err := listenOptions(reactor.URL{Scheme: "unix"}, opts)
	if err != nil {
		return nil, err
	}
	var c *reactor.Conn
	p := &listener{limits: defaultLimits, overWS: givesOptions(opts)}
	if p.overWS {
		c, err = ws.ListenFD(m, fd, fn, fnData, o)
	} else if err = reactor.CheckListenFD(fd); err == nil {
		c, err = m.ListenFD(fd, fn, fnData)
	}
	if err != nil {
		return nil, err
	}
	c.Stack().Push(p)
	return c, nil
}

// givesOptions reports whether there are options for a WebSocket.
func givesOptions(opts []*ws.Options) bool { return len(opts) > 0 && opts[0] != nil }

// listenOptions returns the options for ws.Listen: a copy of the only element of opts, with the
// header that chooses the subprotocol.
func listenOptions(u reactor.URL, opts []*ws.Options) (*ws.Options, error) {
	o := ws.Options{}
	switch {
	case len(opts) > 1:
		return nil, fmt.Errorf("mqtt: Listen takes one *ws.Options or none, got %d", len(opts))
	case len(opts) == 1 && opts[0] != nil:
		if u.Scheme == "mqtt" || u.Scheme == "mqtts" {
			return nil, fmt.Errorf("mqtt: Listen on %q with *ws.Options: they are for ws:// and wss:// only", u.Redacted())
		}
		o = *opts[0]
	}
	for _, p := range o.Protocols {
		if p != subprotocol {
			return nil, fmt.Errorf("mqtt: ws.Options.Protocols of Listen contains %q: only %s is possible", p, subprotocol)
		}
	}
	err := http.EachHeader(o.Headers, func(name, _ string) error {
		if strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			return fmt.Errorf("mqtt: ws.Options.Headers of Listen contains %s: Listen adds it", name)
		}
		return nil
	})
	o.Headers += protocolHeader
	return &o, err
}

// listener is the MQTT layer of a listening connection. It makes the layers of accepted
// connections.
type listener struct {
	overWS bool
	limits *Limits // of accepted connections, resolved
}

// Handle implements reactor.Protocol.
func (*listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements reactor.Acceptor.
func (p *listener) Accept(*reactor.Conn) reactor.Protocol {
	return &layer{role: server, version: 4, overWS: p.overWS, limits: p.limits}
}
