package ws

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Listen makes a server of WebSockets and nothing else on ws://host[:80], or with
// TLS on wss://host[:443], which StartTLS gives a Config. The path of requests is not
// looked at. opts is one *Options at most.
//
// Requests are upgraded, or refused, as Upgrade does, before the handler hears of
// them: EvWSOpen comes before EvHTTPMsg. The handler looks at the path in either, and
// may close the connection. fn may be nil if layers do all the work.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any, opts ...*Options) (*reactor.Conn, error) {
	o, err := one("Listen", opts)
	if err != nil {
		return nil, err
	}
	u, err := reactor.ParseURL(url)
	if err != nil {
		return nil, err
	}
	under, port := "http", uint16(80) // [RFC 6455 3]
	switch u.Scheme {
	case "ws":
	case "wss":
		under, port = "https", 443
	default:
		return nil, fmt.Errorf("ws: bad URL %q: want ws:// or wss://", u.Redacted())
	}
	if _, err := o.valid(o.Headers); err != nil {
		return nil, err
	}
	c, err := http.Listen(m, u.Socket(under, port), fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(&listener{o})
	return c, nil
}

// listener is the layer of a listener: what its connections begin with.
type listener struct{ opts *Options }

// Handle implements reactor.Protocol.
func (*listener) Handle(*reactor.Conn, reactor.Event, any) {}

// Accept implements reactor.Acceptor.
func (l *listener) Accept(*reactor.Conn) reactor.Protocol { return &upgrader{l.opts} }

// upgrader is the layer of an accepted connection that turns its first proper
// request into a WebSocket.
type upgrader struct{ opts *Options }

// Handle implements reactor.Protocol.
func (u *upgrader) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvHTTPMsg {
		return
	}
	asked := u.opts
	if err := asked.upgrade(c, data.(*http.Message), ""); err != nil {
		c.Manager().Logger().Debug("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
		return
	}
	if l, ok := reactor.Find[*layer](c); ok && l.opts == asked {
		l.opts = u.opts // Options.Check may have called SetLimits
	}
	c.Stack().Replace(u, nil)
}
