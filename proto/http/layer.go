package http

import "github.com/rikki-go/rikki/reactor"

// layer is the HTTP state of one connection. parser.Response is true on a client's
// connection and false on a server's.
type layer struct {
	spares     *spares
	parser     Parser
	delivering bool // messages are being delivered
	inMessage  bool // EvHTTPHdrs was raised for the current message; EvHTTPMsg was not yet
	recvLeft   int  // number of bytes in Recv after the last delivery
	discarding bool // the last response was sent; further input is discarded
	peerEnded  bool // the client has ended its side and may still read responses

	request      // server: the current request
	tunnel  bool // client: the current response ends HTTP on the connection
	interim bool // client: the current response is not the final one
}

// Handle implements [reactor.Protocol]. On EvRead it delivers the messages in Recv.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch {
	case l.delivering: // a handler raised this event; deliverAll continues when it returns
	case ev == reactor.EvAccept:
		// The handshake deadline for the first header starts now. For each later header it
		// starts with the first byte. Until then NextRequest bounds the wait.
		c.Stack().SetHandshaking(true)
	case ev == reactor.EvRead:
		arrived, _ := data.(*int)
		if n := l.recvLeft; l.parser.inMessage() && (arrived == nil || c.Recv.Len() != n+*arrived) {
			c.Fail(errRecvChanged)
			return
		}
		l.deliverAll(c)
	case ev == reactor.EvEnd: // only after reactor's SetHalfClose
		l.peerEnded = true
		l.closeIfAnswered(c)
	case ev == reactor.EvClose:
		l.spares.putLayer(l)
	}
}

// closeIfAnswered closes a server's connection after the client has ended its side, as soon as
// no request waits for a response.
func (l *layer) closeIfAnswered(c *reactor.Conn) {
	if l.parser.Response || l.unanswered || l.discarding || c.InputStopped() {
		return
	}
	if err := l.End(c); err != nil { // the last request is incomplete
		c.Fail(err)
		return
	}
	c.Drain()
}

// ALPN implements [reactor.Negotiator]. It returns the protocol name for HTTP/1.1.
func (*layer) ALPN() string { return "http/1.1" }

// End implements [reactor.Ender]. It returns nil if the stream may end here, and delivers a
// response whose body lasts until the end of the stream.
func (l *layer) End(c *reactor.Conn) error {
	if l.awaitsReply() { // no input is missing; the response can no longer be sent
		return nil
	}
	if l.parser.inMessage() && c.Recv.Len() != l.recvLeft {
		return errRecvChanged
	}
	msg := l.spares.getMessage()
	n, err := l.parser.ParseEnd(c.Recv.Bytes(), msg)
	if n > 0 {
		l.deliverMessage(c, msg, n)
	}
	l.spares.putMessage(msg)
	return err
}

// Finished implements [reactor.Finisher]. Between requests a client may end a TLS stream
// without close_notify.
func (l *layer) Finished(c *reactor.Conn) bool {
	return !l.parser.Response && !l.unanswered && c.Recv.Len() == 0
}

// SayGoodbye implements [reactor.GoodbyeSayer]. It returns true if a request waits for a
// response. In this case the connection closes after the response.
func (l *layer) SayGoodbye(*reactor.Conn) bool {
	if l.unanswered {
		l.closeAfter = true
	}
	return l.unanswered
}

// deliverAll delivers the messages in Recv. It stops when a message is incomplete, when a
// request waits for a response, or when input is stopped.
func (l *layer) deliverAll(c *reactor.Conn) {
	l.delivering = true
	msg := l.spares.getMessage()
	for l.deliverNext(c, msg) {
	}
	l.spares.putMessage(msg)
	l.delivering = false
	l.recvLeft = c.Recv.Len()
	if !l.attached(c) { // a handler replaced the layer, and nothing else refers to it
		l.spares.putLayer(l)
		return
	}
	if !l.parser.Response {
		c.Stack().SetAwaitingRequest(l.betweenRequests(c))
	}
	if l.peerEnded {
		l.closeIfAnswered(c)
	}
}

// betweenRequests reports whether a server waits for the first byte of the next request.
func (l *layer) betweenRequests(c *reactor.Conn) bool {
	return !l.unanswered && !l.inMessage && !l.discarding && c.Recv.Len() == 0
}

// attached reports whether the connection still uses this layer.
func (l *layer) attached(c *reactor.Conn) bool {
	top, ok := reactor.Find[*layer](c)
	return ok && top == l
}

// deliverNext delivers one message, or the part of it that has arrived. It returns true if the
// next message may be delivered.
func (l *layer) deliverNext(c *reactor.Conn, msg *Message) bool {
	if l.discarding || !l.parser.Response && !l.inMessage && !c.Stack().CanSend() {
		// The client has closed the connection: it does not read the answers to further requests.
		c.Recv.Consume(c.Recv.Len())
	}
	if c.Recv.Len() == 0 || c.InputStopped() {
		return false
	}
	if l.awaitsReply() {
		l.checkBacklog(c)
		return false
	}
	if l.inMessage {
		return l.continueBody(c, msg, false)
	}
	if _, err := l.parser.ParseHead(c.Recv.Bytes(), msg); err != nil {
		if err == ErrIncomplete { // usually the whole header has arrived, and nothing is to be measured
			c.Stack().SetHandshaking(true)
		}
		l.refuse(c, err)
		return false
	}
	return l.deliverHeader(c, msg)
}

// deliverHeader raises EvHTTPHdrs for a header that is now complete, then continues with the body.
// It returns true if the next message may be delivered.
func (l *layer) deliverHeader(c *reactor.Conn, msg *Message) bool {
	if err := l.parser.checkContentLength(); err != nil {
		l.refuse(c, err)
		return false
	}
	c.Stack().SetHandshaking(false)
	c.Stack().SetAwaitingRequest(false)
	l.inMessage = true
	if l.parser.Response {
		l.classifyResponse(msg)
	} else {
		l.request = newRequest(msg)
	}
	n, held := l.parser.headEnd, c.Recv.Len()
	msg.setScheme(c.IsTLS())
	c.Call(reactor.EvHTTPHdrs, msg)
	switch {
	case !l.attached(c): // the layer that replaced this one starts after the header
		c.Recv.Consume(min(n, c.Recv.Len()))
		return false
	case l.discarding:
		return true
	case c.Recv.Len() != held:
		c.Fail(errRecvChanged)
		return false
	}
	return !c.InputStopped() && l.continueBody(c, msg, true)
}

// continueBody parses the body after a complete header. filled says that msg already contains
// the header. It returns true if the next message may be delivered.
func (l *layer) continueBody(c *reactor.Conn, msg *Message, filled bool) bool {
	n, err := l.parser.parseBody(c.Recv.Bytes(), msg, filled)
	switch {
	case err == nil:
		return l.deliverMessage(c, msg, n)
	case err != ErrIncomplete:
		l.refuse(c, err)
	default:
		c.Stack().SetReceiving(true)
		if l.expectsContinue { // [RFC 9110 10.1.1]
			l.expectsContinue = false
			c.Send.AppendString("HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	return false
}

// deliverMessage takes a complete message of n bytes out of Recv and raises EvHTTPMsg. It
// raises no event for a request that is already answered, and none for an interim response.
// It returns true if the next message may be delivered.
func (l *layer) deliverMessage(c *reactor.Conn, msg *Message, n int) bool {
	l.inMessage = false
	c.Stack().SetReceiving(false)
	c.Recv.Consume(n)
	if l.unanswered || l.parser.Response && !l.interim {
		msg.setScheme(c.IsTLS())
		c.Call(reactor.EvHTTPMsg, msg)
	}
	if l.tunnel {
		c.Stack().Replace(l, nil) // has no effect if a handler replaced the layer
	}
	return l.attached(c)
}

// classifyResponse stores the kind of the response. A final response also clears the method
// that ExpectResponseTo has set.
func (l *layer) classifyResponse(msg *Message) {
	l.tunnel = msg.Status == 101 || l.parser.Method == "CONNECT" && msg.Status/100 == 2
	l.interim = msg.Status/100 == 1 && !l.tunnel
	if !l.interim {
		l.parser.Method = ""
	}
}

// refuse fails the connection with err. A server first sends the client a response with the
// error's status. If err is ErrIncomplete, refuse does nothing.
func (l *layer) refuse(c *reactor.Conn, err error) {
	if err == ErrIncomplete {
		return
	}
	if !l.inMessage && !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()) {
		err = malformed("the peer speaks TLS, but this connection does not: use TLS on both sides or on neither")
	}
	if e, ok := err.(*Error); ok && !l.parser.Response {
		l.replyRefused(c, e)
	}
	c.Fail(err)
}
