package http

import (
	"errors"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// clientConn is a connection of a Client. It has one request at a time.
//
//	           begin                       last event of the request
//	new, idle -------> x is the request  -----------------------------> release: idle, or leave
//	                                      an error, EvClose             leave
//	                                      101, a replaced layer         detach
//
// A connection that has left is not counted any more. It closes, or belongs to the program.
type clientConn struct {
	host    *hostPool
	c       *reactor.Conn
	l       *layer // not valid after EvClose
	handler reactor.Handler
	x       *exchange // the request that the connection works for, or nil
	wait    reactor.Deadline
	since   time.Time // idle since then
	used    bool      // a request was completed on it
	left    bool      // it has left its pool
}

// begin sends the request x on the connection.
func (k *clientConn) begin(x *exchange) {
	x.stopQueueTimer()
	k.x, x.phase = x, exAssigned
	k.c.FnData = x.fnData
	h := sendHead{method: x.req.method(), target: x.target, host: k.host.origin.host, auth: x.auth, headers: x.req.Headers}
	req := x.req
	if r := bodyReader(req.Body); r != nil {
		req.Size, req.Reader, req.Body = int64(len(req.Body)), r, nil
	}
	k.l.send(k.c, &h, x.lines, &req)
	x.req.Reader = nil // it belongs to the connection now
}

// handle is the handler of the connection.
func (k *clientConn) handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch ev {
	case reactor.EvClose:
		k.closed(c)
		return
	case reactor.EvError:
		k.failed(c, data.(error))
		return
	case reactor.EvRead:
		k.noteRead(c)
		return
	}
	x := k.x
	switch {
	case x == nil:
		if ev == reactor.EvHTTPHdrs || ev == reactor.EvHTTPMsg {
			k.leave() // a response that nobody has asked for
			c.Close()
		}
	case ev == reactor.EvHTTPHdrs:
		k.header(c, x, data.(*Message))
	case ev == reactor.EvHTTPMsg:
		k.message(c, x, data.(*Message))
	case ev == reactor.EvWrite:
		k.noteSent(c)
		x.call(c, ev, data)
	default:
		x.call(c, ev, data)
	}
}

// errSwitch refuses a response that would take the connection out of its pool without need.
var errSwitch error = &Error{Status: 502, Reason: "status 101 in answer to a request without an Upgrade header"}

// noteRead is called after the layer has handled EvRead. Bytes that are left in Recv are the
// beginning of a response.
func (k *clientConn) noteRead(c *reactor.Conn) {
	switch {
	case c.Recv.Len() == 0:
	case k.x == nil:
		k.leave()
		c.Close()
	default:
		k.x.heard = true
	}
}

// noteWritten is called when the socket has taken bytes, before the layer reads more of the body:
// if that fails, the request must not be sent again.
func (k *clientConn) noteWritten() {
	if x := k.x; x != nil && x.phase == exAssigned {
		x.phase = exSending
	}
}

// noteSent starts to wait for the response if the request is written.
func (k *clientConn) noteSent(c *reactor.Conn) {
	if x := k.x; x != nil && x.phase == exSending && k.l.out.kind == outNone && c.Send.Len() == 0 {
		x.phase = exWritten
		if !x.answered {
			c.Stack().StartDeadline(&k.wait, x.timeout())
		}
	}
}

// header handles EvHTTPHdrs.
func (k *clientConn) header(c *reactor.Conn, x *exchange, msg *Message) {
	if k.comesLate(x, msg) {
		k.x = nil
		k.leave()
		c.Stack().StopDeadline(&k.wait)
		k.retry(x)
		c.Close()
		k.host.pump()
		return
	}
	x.heard, x.interim = true, x.interim || k.l.interim
	if msg.Status == 101 && !x.lines.upgrades { // [RFC 9110 15.2.2]
		c.Fail(errSwitch)
		return
	}
	if !k.l.interim {
		x.answered = true
		c.Stack().StopDeadline(&k.wait)
		if x.follows(msg) {
			return
		}
	}
	x.call(c, reactor.EvHTTPHdrs, msg)
	if k.x == x && !k.l.attached(c) {
		k.detach(c, x)
		k.host.cl.freeExchange(x)
	}
}

// message handles EvHTTPMsg: the request is complete.
func (k *clientConn) message(c *reactor.Conn, x *exchange, msg *Message) {
	if k.l.tunnel {
		k.detach(c, x)
		x.call(c, reactor.EvHTTPMsg, msg)
		k.host.cl.freeExchange(x)
		return
	}
	h := k.host
	k.x = nil
	h.finishing++
	follow := false
	if x.following {
		if follow = x.redirect(msg); !follow {
			x.call(c, reactor.EvError, c.Stack().Report(x.err))
		}
	} else {
		x.phase = exDone
		x.call(c, reactor.EvHTTPMsg, msg)
	}
	if !k.left && !k.l.attached(c) { // the handler has replaced the layer
		k.detach(c, x)
	} else {
		k.release(c, x.lines.closes && !follow)
	}
	h.finishing--
	if follow {
		x.host.add(x)
	} else {
		h.cl.freeExchange(x)
	}
	h.dropIfUnused()
}

// usable reports whether another request can be sent on the connection.
func (k *clientConn) usable() bool {
	c := k.c
	return c.Stack().CanSend() && !c.Stack().Draining() && k.l.attached(c) && !k.l.closes &&
		k.l.out.kind == outNone && c.Recv.Len() == 0 && c.Send.Len() == 0
}

// release ends the work for a request whose response is complete. closes says that the request
// has asked the server to close the connection.
func (k *clientConn) release(c *reactor.Conn, closes bool) {
	cl := k.host.cl
	if k.left {
		return
	}
	c.FnData = nil
	switch {
	case cl.closed || closes || cl.m.Closing() || cl.opts.IdleConns == 0 || !k.usable():
		k.leave()
		if k.l.out.kind != outNone || c.Send.Len() > 0 || c.Recv.Len() > 0 {
			c.Close() // the server does not want the rest of the request, or says too much
		} else {
			c.Drain()
		}
	default:
		c.Fn = k.handler
		c.Resume()
		k.used = true
		k.list()
	}
	k.host.pump()
}

// leave takes the connection out of its pool.
func (k *clientConn) leave() {
	if !k.left {
		k.left = true
		k.unlist()
		k.host.conns--
		delete(k.host.cl.conns, k)
	}
}

// detach gives the connection to the handler of x.
func (k *clientConn) detach(c *reactor.Conn, x *exchange) {
	c.Stack().StopDeadline(&k.wait)
	k.leave()
	k.x, x.phase = nil, exDone
	c.Fn = x.fn
	k.host.pump()
}

// replaced is called when the program has replaced the HTTP layer outside of the events that the
// layer raises.
func (k *clientConn) replaced(c *reactor.Conn) {
	x := k.x
	if x == nil { // the request has ended
		k.leave()
		return
	}
	k.detach(c, x)
	k.host.cl.freeExchange(x)
}

// failed handles EvError.
func (k *clientConn) failed(c *reactor.Conn, err error) {
	x := k.x
	k.x = nil
	k.leave()
	switch {
	case x == nil:
		_ = err.Error() // nobody is interested in it: this marks it as handled
	case !k.mayRetry(c, x):
		x.fail(c, err)
	default:
		if cause := errors.Unwrap(err); isLoss(cause) { // Unwrap marks err as handled
			k.retry(x)
			c.Close() // or the request in Send is written too, to a server that may still read
		} else {
			x.fail(c, c.Stack().Report(cause))
		}
	}
	k.host.pump()
}

// closed handles EvClose.
func (k *clientConn) closed(c *reactor.Conn) {
	x := k.x
	k.x = nil
	k.leave()
	if x != nil {
		x.fail(c, c.Stack().Report(errCanceled))
	}
	k.host.pump()
}
