package http

import (
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// request is what a server's layer stores about the current request.
type request struct {
	unanswered      bool // the header was delivered and the response is not complete yet
	isHEAD          bool // the method is HEAD: the response has no body
	isCONNECT       bool // the method is CONNECT
	http10          bool // the version is HTTP/1.0
	closeAfter      bool // the connection closes after the response
	expectsContinue bool // the client waits for 100 (Continue) before it sends the body
}

// beginRequest stores what the response to the request msg needs. It returns an error if the
// request has an expectation that this package does not know.
func (l *layer) beginRequest(msg *Message) error {
	l.request = request{
		unanswered: true,
		isHEAD:     string(msg.Method) == "HEAD",
		isCONNECT:  string(msg.Method) == "CONNECT",
		http10:     msg.minorVersion() == 0,
		closeAfter: !msg.wantsKeepAlive(),
	}
	expect := msg.Header("Expect")
	if expect == nil || l.http10 { // in HTTP/1.0 it must be ignored [RFC 9110 10.1.1]
		return nil
	}
	for i := range msg.Headers {
		if h := &msg.Headers[i]; equalFold(h.Name, "Expect") && !equalFold(h.Value, "100-continue") {
			return refuse(417, "expectation %s is not supported: only 100-continue is", h.Value)
		}
	}
	l.expectsContinue = true
	return nil
}

// awaitsReply reports whether a complete request was delivered and is not answered yet. The
// next request must wait for that answer.
func (l *layer) awaitsReply() bool { return l.unanswered && !l.inMessage }

// checkBacklog fails the connection if the client sends too many bytes after a request that
// waits for a response. The limit is one more message: Head + Body bytes.
func (l *layer) checkBacklog(c *reactor.Conn) {
	limit := l.parser.Limits.head() + l.parser.Limits.body()
	if n := c.Recv.Len(); n > limit {
		c.Fail(fmt.Errorf("http: client sent %d bytes after a request that is not answered yet, the limit is %d bytes", n, limit))
	}
}

// requestAnswered is called when the current request is answered. If last is true, it drains
// the connection. Otherwise it continues with the next request.
func (l *layer) requestAnswered(c *reactor.Conn, last bool) {
	l.unanswered = false
	if last {
		l.discarding = true
		c.Stack().SetReceiving(false) // the rest of the request's body is discarded
		c.Drain()
	}
	switch {
	case l.delivering: // deliverAll continues when the handler returns
	case c.Recv.Len() > 0 || l.peerEnded:
		c.Stack().Redispatch()
	default:
		c.Stack().SetAwaitingRequest(l.betweenRequests(c))
	}
}

// answersEarly reports whether the request has a body that is not completely parsed yet. A
// response that is written now closes the connection, because the server cannot know whether
// the client still sends the body [RFC 9112 9.3, RFC 9110 10.1.1].
func (l *layer) answersEarly() bool {
	return l.inMessage && l.parser.hasBody() && !(l.stream != nil && l.stream.done)
}

// pendingLayer returns the layer of a connection on which a request waits for a response. The
// error is ErrNoRequest or reactor.ErrClosed.
func pendingLayer(c *reactor.Conn) (*layer, error) {
	if _, err := c.Write(nil); err != nil { // the connection is closed or closing
		return nil, err
	}
	l, ok := reactor.Find[*layer](c)
	switch {
	case !ok || !l.unanswered:
		return nil, ErrNoRequest
	case l.out.kind != outNone:
		return nil, errReplyBegun
	}
	return l, nil
}

// MarkAnswered tells the layer that the current request is answered: the program itself has
// written a complete response to the connection. The layer then continues with the next
// request.
//
// In these cases the layer drains the connection instead: the request has
// "Connection: close", or it is HTTP/1.0 without "Connection: keep-alive", or it has a body
// and EvHTTPMsg was not raised yet.
//
// The error is ErrNoRequest or reactor.ErrClosed.
func MarkAnswered(c *reactor.Conn) error {
	l, err := pendingLayer(c)
	if err != nil {
		return err
	}
	l.requestAnswered(c, l.closeAfter || l.answersEarly())
	return nil
}
