package http

import "github.com/rikki-go/rikki/reactor"

// layer is the HTTP state of one connection. parser.Response is true on a client's
// connection and false on a server's.
type layer struct {
	spares   *spares
	parser   Parser
	recvLeft int          // number of bytes in Recv after the last delivery, and before EvHTTPHdrs
	stream   *stream      // the current body, if it is delivered in pieces
	out      outgoing     // the body that is being sent: of a response, or of a client's request
	pooled   *clientConn  // client: the connection's entry in a Client, or nil
	server   *serverName  // client: what the requests say about the server; nil until it is known
	requests requestQueue // client: the requests whose responses have not begun

	delivering bool // messages are being delivered
	inMessage  bool // EvHTTPHdrs was raised for the current message; EvHTTPMsg was not yet
	bodyBegun  bool // the body of the current message is being parsed
	headTaken  bool // the header of the current message is not in Recv any more: the layer is detached
	discarding bool // the last response was sent; further input is discarded
	peerEnded  bool // the client has ended its side and may still read responses
	ending     bool // End has not returned
	toEnd      bool // the current response is close-delimited: an early end would cut it in silence

	request        // server: the current request
	wrote    bool  // client: bytes were sent since the last response was complete
	tunnel   bool  // client: the current response ends HTTP on the connection
	interim  bool  // client: the current response is not the final one
	closes   bool  // client: the connection cannot be used after the current response
	interims uint8 // client: number of interim responses since the last final one, see maxInterims
}

// Handle implements [reactor.Protocol]. On EvRead it delivers the messages in Recv.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch {
	case ev == reactor.EvError:
		if l.toEnd && l.out.kind != outNone { // its end would look like the end of the body
			c.Abort()
		}
	case ev == reactor.EvWrite:
		l.wrote = true
		if l.pooled != nil {
			l.pooled.noteWritten()
		}
		l.continuePump(c)
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
		if l.toEnd && (l.out.kind != outNone || c.Send.Len() > 0) {
			c.Abort()
		}
		l.release(c)
	}
}

// Removed implements [reactor.Remover].
func (l *layer) Removed(c *reactor.Conn) {
	if l.delivering || l.ending { // deliverAll or End releases the layer
		return
	}
	if l.pooled != nil {
		l.pooled.replaced(c)
	}
	l.release(c)
}

// release returns what the layer holds to its pools, and the layer itself.
func (l *layer) release(c *reactor.Conn) {
	l.dropBody()
	l.dropStream(c)
	l.spares.putLayer(l)
}

// closeIfAnswered closes a server's connection after the client has ended its side, as soon as
// no request waits for a response.
func (l *layer) closeIfAnswered(c *reactor.Conn) {
	if l.parser.Response || l.unanswered || l.discarding || l.ending || c.InputStopped() {
		return
	}
	err := l.End(c)
	switch {
	case !l.attached(c):
	case err != nil: // the last request is incomplete
		c.Fail(err)
	default:
		c.Drain()
	}
}

// ALPN implements [reactor.Negotiator]. A server accepts HTTP/1.0 too, but a client does not send
// such requests.
func (l *layer) ALPN() []string {
	if l.parser.Response {
		return alpn[:1]
	}
	return alpn[:]
}

var alpn = [...]string{"http/1.1", "http/1.0"}

// End implements [reactor.Ender]. It returns nil if the stream may end here, and delivers a
// response whose body lasts until the end of the stream.
func (l *layer) End(c *reactor.Conn) error {
	l.ending = true
	err := l.end(c)
	l.ending = false
	if !l.attached(c) {
		l.release(c)
	}
	return err
}

func (l *layer) end(c *reactor.Conn) error {
	if l.toEnd && l.out.kind != outNone && l.out.reader == nil && !c.Stack().HalfClose() {
		c.Abort() // the connection ends now, and the program has not sent the whole body
		return nil
	}
	if l.awaitsReply() || l.discarding { // no input is missing, or it does not matter
		return nil
	}
	if l.parser.inMessage() && c.Recv.Len() != l.recvLeft {
		return errRecvChanged
	}
	if l.stream != nil {
		if l.parser.kind != bodyToEnd {
			return errCutBody
		}
		l.endStream(c)
		return l.missingResponse()
	}
	msg := l.spares.getMessage()
	n, err := l.parser.ParseEnd(c.Recv.Bytes(), msg)
	if n > 0 {
		l.deliverMessage(c, msg, n)
	}
	l.spares.putMessage(msg)
	if err != nil {
		return err
	}
	return l.missingResponse()
}

// missingResponse returns an error if a client has sent a request that can get no response now.
func (l *layer) missingResponse() error {
	if l.awaitsResponse() {
		return errNoResponse
	}
	return nil
}

// Finished implements [reactor.Finisher]. The peer may end a TLS stream without close_notify
// between messages: a client that waits for no answer, and a server whose responses are complete.
func (l *layer) Finished(c *reactor.Conn) bool {
	switch {
	case l.inMessage || c.Recv.Len() > 0:
		return false
	case l.parser.Response: // a response to what was sent, but not registered, may be missing
		return !l.awaitsResponse() && !l.wrote && c.Send.Len() == 0 && l.out.kind == outNone
	}
	return !l.unanswered
}

// awaitsResponse reports whether a client has registered a request whose response has not begun.
func (l *layer) awaitsResponse() bool { return l.requests.len() > 0 }

// SayGoodbye implements [reactor.GoodbyeSayer]. It returns true if a request waits for a
// response, on a server or a client. In this case the connection closes after the response.
func (l *layer) SayGoodbye(*reactor.Conn) bool {
	waits := l.unanswered || l.awaitsResponse() || l.parser.Response && l.inMessage
	if waits {
		l.closeAfter = true
	}
	return waits
}

// deliverAll delivers the messages in Recv. It stops when a message is incomplete, when a
// request waits for a response, or when input is stopped.
func (l *layer) deliverAll(c *reactor.Conn) {
	l.delivering = true
	msg := l.spares.getMessage()
	for l.deliverNext(c, msg) {
	}
	l.spares.putMessage(msg)
	l.spares.date.current = false
	l.delivering = false
	l.recvLeft = c.Recv.Len()
	if !l.attached(c) { // a handler replaced the layer
		if !l.ending {
			l.release(c)
		}
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
	switch {
	case l.discarding:
		c.Recv.Consume(c.Recv.Len())
		l.dropStream(c)
	case !l.parser.Response && !l.inMessage && !c.Stack().CanSend():
		// The client has closed the connection: it does not read the answers to further requests.
		c.Recv.Consume(c.Recv.Len())
	}
	if c.Recv.Len() == 0 && !l.stream.ended() || c.InputStopped() {
		return false
	}
	if l.awaitsReply() {
		l.checkBacklog(c)
		return false
	}
	if l.inMessage {
		return l.continueBody(c, msg, false)
	}
	l.parser.Method = l.requests.first()
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
	c.Stack().SetHandshaking(false)
	c.Stack().SetAwaitingRequest(false)
	l.inMessage, l.bodyBegun = true, false
	if l.parser.Response {
		if l.classifyResponse(msg); l.interims > maxInterims {
			l.refuse(c, errManyInterims)
			return false
		}
	} else if err := l.beginRequest(msg); err != nil {
		l.refuse(c, err)
		return false
	}
	l.recvLeft = c.Recv.Len()
	msg.setScheme(c.IsTLS())
	c.Call(reactor.EvHTTPHdrs, msg)
	switch {
	case !l.attached(c): // the layer that replaced this one starts after the header
		l.takeHeader(c)
		return false
	case l.discarding:
		return true
	case c.Recv.Len() != l.recvLeft:
		c.Fail(errRecvChanged)
		return false
	}
	return !c.InputStopped() && l.continueBody(c, msg, true)
}

// takeHeader removes the header of the current message from Recv, for the layer that replaces this
// one. It does nothing if the header was removed before.
func (l *layer) takeHeader(c *reactor.Conn) {
	if l.inMessage && !l.headTaken && !(l.stream != nil && l.bodyBegun) {
		c.Recv.Consume(min(l.parser.headEnd, c.Recv.Len()))
		l.headTaken = true
	}
}

// continueBody parses the body after a complete header. filled says that msg already contains
// the header. It returns true if the next message may be delivered.
func (l *layer) continueBody(c *reactor.Conn, msg *Message, filled bool) bool {
	if l.stream != nil {
		return l.continueStream(c)
	}
	l.bodyBegun = true
	n, err := l.parser.parseBody(c.Recv.Bytes(), msg, filled)
	switch {
	case err == nil:
		return l.deliverMessage(c, msg, n)
	case err != ErrIncomplete:
		l.refuse(c, err)
	default:
		c.Stack().SetReceiving(true)
		c.Stack().ExpectMore(l.parser.missing(c.Recv.Len()))
		l.sendContinue(c)
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
	if !l.interim {
		l.wrote = false
	}
	if l.unanswered || l.parser.Response && !l.interim {
		msg.setScheme(c.IsTLS())
		c.Call(reactor.EvHTTPMsg, msg)
	}
	if l.parser.Response && l.closeAfter && !l.interim && !l.awaitsResponse() {
		c.Drain() // SayGoodbye has waited for this response
	}
	if l.tunnel {
		c.Stack().Replace(l, nil) // has no effect if a handler replaced the layer
	}
	return l.attached(c)
}

// classifyResponse stores the kind of the response. A final response answers the first of the
// outstanding requests.
func (l *layer) classifyResponse(msg *Message) {
	l.tunnel = msg.Status == 101 || l.parser.Method == "CONNECT" && msg.Status/100 == 2
	l.interim = msg.Status/100 == 1 && !l.tunnel
	l.closes = !l.interim && (!msg.wantsKeepAlive() || l.parser.kind == bodyToEnd)
	if l.interims++; !l.interim {
		l.interims = 0
		l.requests.pop()
	}
}

// maxInterims is how many interim responses (1xx) may precede a final one.
const maxInterims = 100

var errManyInterims error = &Error{Status: 502, Reason: "more than 100 interim responses (1xx) before the final one"}

// refuse fails the connection with err. A server first sends the client a response with the
// error's status, unless a response has begun. If err is ErrIncomplete, refuse does nothing.
func (l *layer) refuse(c *reactor.Conn, err error) {
	if err == ErrIncomplete {
		return
	}
	if !l.inMessage && !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()) {
		err = malformed("the peer speaks TLS, but this connection does not: use TLS on both sides or on neither")
	}
	if e, ok := err.(*Error); ok && !l.parser.Response && l.out.kind == outNone {
		l.replyRefused(c, e)
	}
	c.Fail(err)
}
