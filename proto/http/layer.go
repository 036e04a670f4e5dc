package http

import "github.com/rikki-go/rikki/reactor"

// layer is HTTP on one connection. Its parser's Response field tells a
// client's from a server's.
type layer struct {
	store   *store
	parser  Parser
	busy    bool // run is on the stack
	begun   bool // EvHTTPHdrs was raised, EvHTTPMsg not yet
	left    int  // bytes in Recv after the last run
	closing bool // nothing more is read: an answer announced it
	ended   bool // the client has ended its side, and waits for answers

	request      // of a server
	tunnel  bool // of a client: this response ends HTTP on the connection
	interim bool // of a client: this response is not the final one
}

// Handle works off Recv whenever there is something new in it.
func (l *layer) Handle(c *reactor.Conn, ev reactor.Event, data any) {
	switch {
	case l.busy: // raised from within our own event; the outer run goes on
	case ev == reactor.EvAccept: // the first header is owed; later ones from their first byte on
		c.Stack().SetHandshaking(true)
	case ev == reactor.EvRead:
		arrived, _ := data.(*int)
		if n := l.left; l.parser.seen() && (arrived == nil || c.Recv.Len() != n+*arrived) {
			c.Fail(errTaken)
			return
		}
		l.run(c)
	case ev == reactor.EvEnd: // see SetHalfClose
		l.ended = true
		l.settleEnd(c)
	case ev == reactor.EvClose:
		l.store.keepLayer(l)
	}
}

// settleEnd ends a server's connection when the last request of a client that has ended
// its side is answered.
func (l *layer) settleEnd(c *reactor.Conn) {
	if l.parser.Response || l.unanswered || l.closing || c.Stopped() {
		return
	}
	if err := l.End(c); err != nil { // a request was cut
		c.Fail(err)
		return
	}
	c.Drain()
}

// ALPN implements [reactor.Negotiator].
func (*layer) ALPN() string { return "http/1.1" }

// End says whether the stream may end here: see [reactor.Ender].
func (l *layer) End(c *reactor.Conn) error {
	if l.waits() { // for an answer that cannot be sent any more
		return nil
	}
	if l.parser.seen() && c.Recv.Len() != l.left {
		return errTaken
	}
	msg := l.store.message()
	n, err := l.parser.ParseEnd(c.Recv.Bytes(), msg)
	if n > 0 {
		l.finish(c, msg, n)
	}
	l.store.keepMessage(msg)
	return err
}

// Finished implements [reactor.Finisher]: clients leave between requests as they
// like.
func (l *layer) Finished(c *reactor.Conn) bool {
	return !l.parser.Response && !l.unanswered && c.Recv.Len() == 0
}

// Leave implements [reactor.Leaver]: a request that waits is answered before the
// connection ends.
func (l *layer) Leave(*reactor.Conn) bool {
	if l.unanswered {
		l.last = true
	}
	return l.unanswered
}

// run delivers every message in Recv that may be delivered now.
func (l *layer) run(c *reactor.Conn) {
	l.busy = true
	msg := l.store.message()
	for l.step(c, msg) {
	}
	l.store.keepMessage(msg)
	l.busy = false
	l.left = c.Recv.Len()
	if !l.on(c) { // replaced by a handler: nothing refers to it any more
		l.store.keepLayer(l)
	} else if l.ended {
		l.settleEnd(c)
	}
}

// on reports whether the layer is still the connection's.
func (l *layer) on(c *reactor.Conn) bool {
	top, ok := reactor.Find[*layer](c)
	return ok && top == l
}

// step delivers one message, or as much of it as has arrived. It reports
// whether to go on with the next.
func (l *layer) step(c *reactor.Conn, msg *Message) bool {
	if l.closing {
		c.Recv.Consume(c.Recv.Len())
	}
	if c.Recv.Len() == 0 || c.Stopped() {
		return false
	}
	if l.waits() {
		l.checkBacklog(c)
		return false
	}
	if l.begun {
		return l.proceed(c, msg, false)
	}
	c.Stack().SetHandshaking(true)
	if _, err := l.parser.ParseHead(c.Recv.Bytes(), msg); err != nil {
		l.refuse(c, err)
		return false
	}
	return l.begin(c, msg)
}

// begin raises EvHTTPHdrs for a header that has just become complete.
func (l *layer) begin(c *reactor.Conn, msg *Message) bool {
	if err := l.parser.checkLength(); err != nil {
		l.refuse(c, err)
		return false
	}
	c.Stack().SetHandshaking(false)
	l.begun = true
	if l.parser.Response {
		l.beginResponse(msg)
	} else {
		l.request = newRequest(msg)
	}
	n, held := l.parser.head, c.Recv.Len()
	c.Call(reactor.EvHTTPHdrs, msg)
	switch {
	case !l.on(c): // its successor begins behind the header
		c.Recv.Consume(min(n, c.Recv.Len()))
		return false
	case l.closing:
		return true
	case c.Recv.Len() != held:
		c.Fail(errTaken)
		return false
	}
	return !c.Stopped() && l.proceed(c, msg, true)
}

// proceed goes on behind the header, with which msg may be filled.
func (l *layer) proceed(c *reactor.Conn, msg *Message, filled bool) bool {
	n, err := l.parser.parseBody(c.Recv.Bytes(), msg, filled)
	switch {
	case err == nil:
		return l.finish(c, msg, n)
	case err != ErrIncomplete:
		l.refuse(c, err)
	default:
		c.Stack().SetReceiving(true)
		if l.expects { // [RFC 9110 10.1.1]
			l.expects = false
			c.Send.AppendString("HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	return false
}

// finish consumes a complete message of n bytes and raises EvHTTPMsg, unless
// there is no need for it. What the handler finds in Recv is what follows.
func (l *layer) finish(c *reactor.Conn, msg *Message, n int) bool {
	l.begun = false
	c.Stack().SetReceiving(false)
	c.Recv.Consume(n)
	if l.unanswered || l.parser.Response && !l.interim {
		c.Call(reactor.EvHTTPMsg, msg)
	}
	if l.tunnel {
		c.Stack().Replace(l, nil) // which does nothing if a handler did it
	}
	return l.on(c)
}

// beginResponse notes what kind of response it is, and that the method it
// answers was used up unless a final one follows.
func (l *layer) beginResponse(msg *Message) {
	l.tunnel = msg.Status == 101 || l.parser.Method == "CONNECT" && msg.Status/100 == 2
	l.interim = msg.Status/100 == 1 && !l.tunnel
	if !l.interim {
		l.parser.Method = ""
	}
}

// refuse ends the connection because of err. ErrIncomplete is not an end.
func (l *layer) refuse(c *reactor.Conn, err error) {
	if err == ErrIncomplete {
		return
	}
	if !l.begun && !c.IsTLS() && reactor.LooksLikeTLS(c.Recv.Bytes()) {
		err = malformed("the peer speaks TLS on this connection, which does not")
	}
	if e, ok := err.(*Error); ok && !l.parser.Response {
		l.replyError(c, e)
	}
	c.Fail(err)
}
