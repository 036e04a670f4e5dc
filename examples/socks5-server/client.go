package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/rikki-go/rikki/examples/internal/relay"
	"github.com/rikki-go/rikki/reactor"
)

// server is what all clients share.
type server struct {
	options
	users users        // nil: no authentication
	log   *slog.Logger // for records that peers cause: their number is limited
}

// client is a connection until its target is connected. It is the connection's FnData.
type client struct {
	*server
	conn   *reactor.Conn
	next   func(*client) error // handles the next message; it returns errIncomplete if it waits
	target *reactor.Conn       // while it connects
	url    string              // of the target
}

// accept is the handler of the listener and, for EvAccept, of each connection.
func (s *server) accept(c *reactor.Conn, ev reactor.Event, _ any) {
	if ev == reactor.EvAccept {
		cl := &client{server: s, conn: c, next: (*client).greeting}
		c.Fn, c.FnData = handle, cl
		c.Stack().SetHandshaking(true) // the deadline Handshake
	}
}

// handle is the handler of a client until its target is connected.
func handle(c *reactor.Conn, ev reactor.Event, data any) {
	cl := c.FnData.(*client)
	switch ev {
	case reactor.EvRead:
		cl.read()
	case reactor.EvError:
		cl.failed(data.(error))
	case reactor.EvClose:
		if cl.target != nil {
			cl.target.Abort()
		}
	}
}

// read handles the messages that have arrived. After the request it handles nothing: what
// follows is for the target.
func (cl *client) read() {
	for cl.next != nil && cl.conn.Recv.Len() > 0 {
		switch err := cl.next(cl); {
		case err == errIncomplete:
			return
		case err != nil:
			cl.refuse(err)
			return
		}
	}
}

// greeting chooses the method [RFC 1928 3].
func (cl *client) greeting() error {
	methods, n, err := parseGreeting(cl.conn.Recv.Bytes())
	if err != nil {
		return err
	}
	want, next := byte(methodNone), (*client).request
	if cl.users != nil {
		want, next = methodLogin, (*client).login
	}
	if !slices.Contains(methods, want) {
		cl.conn.Write([]byte{version, methodNo})
		return fmt.Errorf("the client does not offer method %d, only %d", want, methods)
	}
	cl.conn.Recv.Consume(n)
	cl.conn.Write([]byte{version, want})
	cl.next = next
	return nil
}

// login checks the password [RFC 1929].
func (cl *client) login() error {
	user, password, n, err := parseLogin(cl.conn.Recv.Bytes())
	if err != nil {
		return err
	}
	if !cl.users.has(user, password) {
		cl.conn.Write([]byte{loginVersion, noWay})
		return fmt.Errorf("wrong user name or password, user %q", user)
	}
	cl.conn.Recv.Consume(n)
	cl.conn.Write([]byte{loginVersion, loginSucceeded})
	cl.next = (*client).request
	return nil
}

// request begins to connect to the target [RFC 1928 4].
func (cl *client) request() error {
	url, n, err := parseRequest(cl.conn.Recv.Bytes())
	if err != nil {
		return err
	}
	cl.conn.Recv.Consume(n)
	cl.next, cl.url = nil, url
	cl.conn.Stack().SetHandshaking(false)
	d, err := cl.conn.Manager().Connect(url, cl.connecting, nil)
	if err != nil {
		return refuse(replyFor(err), "%v", err)
	}
	cl.target = d
	cl.conn.Pause()
	return nil
}

// connecting is the handler of the target until it is connected.
func (cl *client) connecting(d *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvConnect:
		cl.log.Debug("connected", "id", cl.conn.ID(), "url", cl.url)
		cl.conn.Write(appendReply(nil, replySucceeded, d.LocalAddr()))
		relay.Join(cl.conn, d, cl.Idle, cl.log).Start()
	case reactor.EvError:
		err := data.(error)
		cl.refuse(refuse(replyFor(err), "%s: %v", cl.url, err))
	}
}

// refuse logs the reason, replies if this is the outcome of a request, and closes the connection.
func (cl *client) refuse(reason error) {
	cl.log.Info("refused", "id", cl.conn.ID(), "remote", cl.conn.RemoteAddr(), "error", reason)
	if r, ok := errors.AsType[*refusal](reason); ok {
		cl.conn.Write(appendReply(nil, r.reply, cl.conn.LocalAddr()))
	}
	cl.next, cl.target = nil, nil
	cl.conn.Fn = ignore
	cl.conn.Resume()
	cl.conn.Drain()
}

// ignore is the handler of a client that is refused.
func ignore(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvRead:
		c.Recv.Reset()
	case reactor.EvError:
		c.FnData.(*client).failed(data.(error))
	}
}

func (cl *client) failed(err error) {
	cl.log.Info("connection failed", "id", cl.conn.ID(), "remote", cl.conn.RemoteAddr(), "error", err)
}
