package ws

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Listen starts a server that accepts only WebSockets, on ws://host[:port] or, with TLS, on
// wss://host[:port]. The default port is 80, or 443 with TLS. StartTLS on the listener sets the
// Config. A unix:///path URL listens on a UNIX-domain socket. opts is one *Options at most. Listen
// returns an error for a bad URL, for bad Options and if the socket cannot listen.
//
// Listen upgrades or refuses each request like Upgrade, before the handler gets it: EvWSOpen
// comes before EvHTTPMsg. Requests for all paths are accepted. The handler can check the path
// in EvWSOpen or EvHTTPMsg and close the connection. fn may be nil if layers do all the work.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any, opts ...*Options) (*reactor.Conn, error) {
	o, err := oneOptions("Listen", opts)
	if err != nil {
		return nil, err
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	under := url
	switch u.Scheme {
	case "ws":
		under = u.Socket("http", 80) // [RFC 6455 3]
	case "wss":
		under = u.Socket("https", 443)
	case "unix":
	default:
		return nil, fmt.Errorf("ws: bad URL %q: want ws://, wss:// or unix:///path", u.Redacted())
	}
	if _, err := o.validate(o.Headers); err != nil {
		return nil, err
	}
	c, err := http.Listen(m, under, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(&listener{opts: o})
	return c, nil
}

// ListenFD is Listen on a stream socket that already listens, for example one that the service
// manager has passed (package reactor/activation). For TLS call StartTLS on the listener. reactor's
// Manager.ListenFD says to whom the descriptor belongs. ListenFD returns an error if fd is no such
// socket, and for bad Options.
func ListenFD(m *reactor.Manager, fd int, fn reactor.Handler, fnData any, opts ...*Options) (*reactor.Conn, error) {
	o, err := oneOptions("ListenFD", opts)
	if err != nil {
		return nil, err
	}
	if _, err := o.validate(o.Headers); err != nil {
		return nil, err
	}
	c, err := http.ListenFD(m, fd, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(&listener{opts: o})
	return c, nil
}

// listener is the layer of a listener. It holds the Options of the accepted connections.
type listener struct {
	opts  *Options
	spare []*upgrader // unused ones, at most maxSpare
}

// Handle implements reactor.Protocol.
func (*listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements reactor.Acceptor. An accepted connection starts with an upgrader.
func (l *listener) Accept(*reactor.Conn) reactor.Protocol {
	last := len(l.spare) - 1
	if last < 0 {
		return &upgrader{l.opts, l}
	}
	u := l.spare[last]
	l.spare = l.spare[:last]
	u.opts = l.opts
	return u
}

// put keeps an upgrader that is on no connection any more.
func (l *listener) put(u *upgrader) {
	if u.opts = nil; len(l.spare) < maxSpare {
		l.spare = append(l.spare, u)
	}
}

// upgrader is the layer of an accepted connection until a valid handshake request arrives. It
// then turns the connection into a WebSocket.
type upgrader struct {
	opts *Options
	of   *listener
}

// Handle implements reactor.Protocol.
func (u *upgrader) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev == reactor.EvClose {
		u.of.put(u)
	}
	if ev != reactor.EvHTTPMsg {
		return
	}
	asked := u.opts
	if err := asked.upgrade(c, data.(*http.Message), ""); err != nil {
		c.Manager().Logger().Debug("WebSocket upgrade failed", "id", c.ID(), "error", err)
		return
	}
	if l, ok := reactor.Find[*layer](c); ok && l.opts == asked {
		l.common = shared(c).with(u.opts) // SetLimits in Options.Check has changed u.opts
	}
	if c.Stack().Replace(u, nil); u.opts != nil { // nil after EvClose
		u.of.put(u)
	}
}
