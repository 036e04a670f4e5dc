package http

import (
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// Listen starts an HTTP server on http://host:port, like mg_http_listen. The default port is
// 80. The path of the URL is ignored. An https:// URL serves TLS: its default port is 443, and
// StartTLS on the listener sets the Config.
//
// Each request on an accepted connection raises EvHTTPHdrs and EvHTTPMsg. fn is the handler
// of the listener and of the accepted connections. Listen returns an error if the URL is bad
// or if the socket cannot listen. reactor's Manager.Listen describes the forms of host.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	stream, err := streamURL(url)
	if err != nil {
		return nil, err
	}
	c, err := m.Listen(stream, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(new(listener))
	return c, nil
}

// Connect opens a connection to the HTTP server at http://host:port, like mg_http_connect. An
// https:// URL uses TLS. The default port is 80, or 443 with TLS. Connect returns an error if
// the URL is bad. Later failures raise EvError.
//
// From EvConnect on, fn writes requests to the connection, for example with
// fmt.Fprintf(c, "GET / HTTP/1.1…"). Each response raises EvHTTPHdrs and EvHTTPMsg, with
// these exceptions:
//
//   - An interim response (100 to 199, except 101) raises EvHTTPHdrs only.
//   - HTTP on the connection ends after a response with status 101, and after a 2xx response
//     to CONNECT. From then on fn reads Recv itself, unless it has replaced the HTTP layer by
//     another protocol.
func Connect(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	stream, err := streamURL(url)
	if err != nil {
		return nil, err
	}
	c, err := m.Connect(stream, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(newClient())
	return c, nil
}

// streamURL turns http://host/path into tcp://host:80, and https://host/path into
// tls://host:443.
func streamURL(url string) (string, error) {
	u, err := reactor.ParseURL(url)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "http":
		return u.Socket("tcp", 80), nil
	case "https":
		return u.Socket("tls", 443), nil
	}
	return "", fmt.Errorf("http: bad URL %q: unknown scheme %s (want http or https)", u.Redacted(), u.Scheme)
}

// Layer returns the connection's HTTP layer. A protocol that replaces HTTP passes it to
// Stack.Replace. If this happens in EvHTTPMsg, the new layer finds in Recv the bytes after the
// message. In EvHTTPHdrs it finds the bytes after the header.
//
// ok is false if the connection has no HTTP layer: on listeners, on connections of other
// protocols, and after the layer was replaced.
func Layer(c *reactor.Conn) (p reactor.Protocol, ok bool) {
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return nil, false
	}
	return l, true
}

// SetLimits sets the limits for the messages that c receives. It may be called at any time. The
// limits also apply to a message that has partly arrived: if it exceeds them, it is refused when
// more of it arrives. On a listener they apply to the connections that it accepts from now on.
//
// The error is ErrNotHTTP if c does not speak HTTP, and reactor.ErrClosed if c is closed.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	if s, ok := reactor.Find[*listener](c); ok {
		s.limits = limits
		return nil
	}
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return ErrNotHTTP
	}
	l.parser.Limits = limits
	return nil
}

// ExpectResponseTo sets the method of the request that the next response answers. A client
// must call it for HEAD and CONNECT requests: a response to HEAD and a 2xx response to CONNECT
// have no body, and their bytes do not show this. Other methods do not need the call.
//
// The method applies to one final response. Call ExpectResponseTo before that response can
// arrive: when you write the request or, if requests are pipelined, in the handler of the
// previous response. If c is not an HTTP client's connection, ExpectResponseTo does nothing
// and returns false.
func ExpectResponseTo(c *reactor.Conn, method string) bool {
	l, ok := reactor.Find[*layer](c)
	if !ok || !l.parser.Response {
		return false
	}
	l.parser.Method = method
	return true
}
