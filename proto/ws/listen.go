package ws

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
	"github.com/rikki-go/rikki/reactor"
)

// Listen is Options.Listen with the defaults.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	return defaults.Listen(m, url, fn, fnData)
}

// Listen makes a server of WebSockets and nothing else on ws://host[:80], or with
// TLS on wss://host[:443], which StartTLS gives a Config; the path of requests is not looked at. Requests are upgraded, or refused, as
// Options.Upgrade does, before the handler hears of them: EvWSOpen comes before
// EvHTTPMsg. The handler looks at the path in either, and may close the
// connection.
func (o *Options) Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
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
	if _, err := o.or().valid(o.or().Headers); err != nil {
		return nil, err
	}
	c, err := http.Listen(m, u.Socket(under, port), fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Push(&upgrader{o.or()})
	return c, nil
}

// upgrader is the layer that turns requests into WebSockets. It has no state of
// its own, so that a listener and all its connections share one.
type upgrader struct{ opts *Options }

// Accept implements reactor.Acceptor.
func (u *upgrader) Accept(*reactor.Conn) reactor.Protocol { return u }

// Handle implements reactor.Protocol.
func (u *upgrader) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	if ev != reactor.EvHTTPMsg {
		return
	}
	if err := u.opts.Upgrade(c, data.(*http.Message), ""); err != nil {
		c.Manager().Logger().Debug("not upgraded", "id", c.ID(), "remote", c.RemoteAddr(), "error", err)
		return
	}
	c.Replace(u, nil)
}
