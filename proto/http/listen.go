package http

import (
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// Listen makes an HTTP server on http://host:port (mg_http_listen); the port
// is 80 if the URL has none, its path means nothing. That of https://, on port
// 443, is given a Config by StartTLS. See reactor's
// Manager.Listen for the host and for errors. Accepted connections raise
// EvHTTPHdrs and EvHTTPMsg to fn for each request.
func Listen(m *reactor.Manager, url string, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	stream, err := streamURL(url)
	if err != nil {
		return nil, err
	}
	c, err := m.Listen(stream, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(new(server))
	return c, nil
}

// Connect makes a connection to the HTTP server of an http://host:port URL
// (mg_http_connect), or with TLS of an https:// one; the port is 80, or 443, if
// the URL has none. fn writes requests
// to the connection, from EvConnect on, as fmt.Fprintf(c, "GET / HTTP/1.1…"),
// and gets EvHTTPHdrs and EvHTTPMsg for each response. An interim response
// (100 to 199, without 101) raises EvHTTPHdrs only. After a response that ends
// HTTP on the connection (101, or 2xx to CONNECT) fn reads Recv itself, unless
// it has put another protocol in the place of this one.
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

// streamURL turns http://host/path into tcp://host:80, https into tls.
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

// Layer returns the connection's HTTP layer, for a protocol that takes its
// place with Stack.Replace. If it does so in the handler of EvHTTPMsg (of
// EvHTTPHdrs), the bytes of that message (of its header) are consumed before the
// new layer is offered Recv. ok is false if there is none: on listeners, on
// connections of other protocols, and once it was replaced.
func Layer(c *reactor.Conn) (p reactor.Protocol, ok bool) {
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return nil, false
	}
	return l, true
}

// SetLimits sets the limits of the messages that c receives. On a listener they
// are the limits of the connections that it accepts from now on. They hold for a
// message that has begun, too.
//
// Errors are ErrNotHTTP if c does not speak HTTP, and reactor.ErrClosed if c is
// closed.
func SetLimits(c *reactor.Conn, limits Limits) error {
	if c.Stack().Closed() {
		return reactor.ErrClosed
	}
	if s, ok := reactor.Find[*server](c); ok {
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

// ExpectMethod tells a client's connection the method of the request that the
// next response answers, which matters for HEAD and CONNECT: the bytes alone
// do not tell that their answers have no body. It holds for one final
// response and is called before that response can arrive: beside the writing
// of the request, or, if requests are pipelined, in the handler of the
// response before. It reports whether c is a client's.
func ExpectMethod(c *reactor.Conn, method string) bool {
	l, ok := reactor.Find[*layer](c)
	if !ok || !l.parser.Response {
		return false
	}
	l.parser.Method = method
	return true
}
