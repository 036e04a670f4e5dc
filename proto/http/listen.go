package http

import (
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// Listen starts an HTTP server on http://host:port, like mg_http_listen. The default port is
// 80. The path of the URL is ignored. An https:// URL serves TLS: its default port is 443, and
// StartTLS on the listener sets the Config. A unix:///path URL listens on a UNIX-domain socket,
// without TLS unless StartTLS is called.
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

// ListenFD starts an HTTP server on a stream socket that already listens, for example one that the
// service manager has passed (package reactor/activation). For TLS call StartTLS on the listener.
// reactor's Manager.ListenFD says to whom the descriptor belongs. ListenFD returns an error if fd
// is no such socket.
func ListenFD(m *reactor.Manager, fd int, fn reactor.Handler, fnData any) (*reactor.Conn, error) {
	if err := reactor.CheckListenFD(fd); err != nil {
		return nil, err
	}
	c, err := m.ListenFD(fd, fn, fnData)
	if err != nil {
		return nil, err
	}
	c.Stack().Push(new(listener))
	return c, nil
}

// Connect opens a connection to the HTTP server at http://host:port, like mg_http_connect. An
// https:// URL uses TLS. The default port is 80, or 443 with TLS. A unix:///path URL connects to a
// UNIX-domain socket. To reach a server by its name over such a socket, or through a proxy, call
// Conn.SetDialURL or proxy.Dial on the connection. Connect returns an error if the URL is bad.
// Later failures raise EvError.
//
// Requests are sent with [SendRequest], or written to the connection, for example with
// fmt.Fprintf(c, "GET / HTTP/1.1…"). Both are possible at once after Connect. [Client] does more:
// it keeps connections, and follows redirects. Each response raises EvHTTPHdrs and EvHTTPMsg, with
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
	l := newClient(c)
	l.server = nameServer(url)
	c.Stack().Push(l)
	return c, nil
}

// streamURL turns http://host/path into tcp://host:80, and https://host/path into
// tls://host:443. unix:///path stays as it is.
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
	case "unix":
		return url, nil
	}
	return "", fmt.Errorf("http: bad URL %q: unknown scheme %s (want http, https or unix)", u.Redacted(), u.Scheme)
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

// Detach is Layer for a program that replaces HTTP outside of EvHTTPHdrs and EvHTTPMsg, for example
// in a posted function while a request waits for its answer. The header of the current message is
// removed from Recv if it is still there, so the new layer finds the bytes after it: the rest of
// the body if it has one, without the pieces of StreamBody that were delivered. Call Stack.Replace
// next: without it, the connection fails. In EvHTTPHdrs, EvHTTPBody and EvHTTPMsg Detach works like
// Layer.
func Detach(c *reactor.Conn) (p reactor.Protocol, ok bool) {
	l, ok := reactor.Find[*layer](c)
	if !ok {
		return nil, false
	}
	l.takeHeader(c)
	c.Stack().SetReceiving(false)
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

// ExpectResponseTo registers a request that the program has written itself, with its method. The
// responses answer the registered requests in order. A response without a registered request is
// taken for one to GET.
//
// A client must call ExpectResponseTo for HEAD and CONNECT requests: a response to HEAD and a 2xx
// response to CONNECT have no body, and their bytes do not show this. If it pipelines requests, it
// must call it for those that precede them too, or in the handler of the previous response.
//
// If c is not an HTTP client's connection, or is closed, ExpectResponseTo does nothing and returns
// false.
func ExpectResponseTo(c *reactor.Conn, method string) bool {
	l, ok := reactor.Find[*layer](c)
	if !ok || !l.parser.Response || c.Stack().Closed() { // the layer of a closed one is used again
		return false
	}
	l.expect(method)
	return true
}
