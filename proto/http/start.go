package http

import (
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// errAlreadyHTTP is returned by StartClient and StartServer on a connection that speaks HTTP.
var errAlreadyHTTP = errors.New("http: the connection speaks HTTP already")

// StartClient makes c an HTTP client's connection: one that exists already and speaks no HTTP, such
// as a connection of WrapFD, or of Manager.Connect to a UNIX-domain socket. c also may be a tunnel:
// in EvHTTPMsg of a response to CONNECT (status 2xx), or later. For TLS inside the tunnel call
// StartTLS first, with the ServerName in the Config.
//
// host is the Host header of the requests: "host" or "host:port". It may be empty if each
// request has an absolute URL or a Host line. What is in Recv is the beginning of a response.
//
// The error is reactor.ErrClosed, or an error if c is a listener, if it speaks HTTP already, or if
// host is invalid.
func StartClient(c *reactor.Conn, host string) error {
	if !isAuthority([]byte(host)) {
		return fmt.Errorf("http: host %q is neither host nor host:port", host)
	}
	old, err := startable(c)
	if err != nil {
		return err
	}
	l := newClient(c)
	l.server = &serverName{host: host}
	start(c, old, l)
	return nil
}

// StartServer makes c an HTTP server's connection: one that exists already and speaks no HTTP, such
// as a connection of WrapFD. Its requests raise EvHTTPHdrs and EvHTTPMsg. What is in Recv is read
// as the beginning of a request. The Handshake deadline for the first request starts now.
//
// The error is reactor.ErrClosed, or an error if c is a listener or speaks HTTP already. For
// a listener call [Listen] instead.
func StartServer(c *reactor.Conn) error {
	old, err := startable(c)
	if err != nil {
		return err
	}
	start(c, old, sharedLayer(c))
	c.Stack().SetHandshaking(true)
	return nil
}

// startable returns an error if HTTP cannot start on c. If c is a tunnel whose HTTP layer has not
// been removed yet, it returns that layer.
func startable(c *reactor.Conn) (tunnel *layer, err error) {
	switch l, ok := reactor.Find[*layer](c); {
	case c.Stack().Closed():
		return nil, reactor.ErrClosed
	case c.IsListening():
		return nil, errors.New("http: a listener cannot become an HTTP connection: use http.Listen")
	case ok && l.tunnel:
		return l, nil
	case ok:
		return nil, errAlreadyHTTP
	}
	return nil, nil
}

// start pushes the layer l, or replaces the layer of a tunnel by it.
func start(c *reactor.Conn, tunnel, l *layer) {
	if tunnel != nil {
		c.Stack().Replace(tunnel, l)
		return
	}
	c.Stack().Push(l)
	if c.Recv.Len() > 0 {
		c.Stack().Redispatch()
	}
}
