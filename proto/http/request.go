package http

import (
	"fmt"

	"github.com/rikki-go/rikki/reactor"
)

// request is what a server's layer remembers of a request until it is
// answered.
type request struct {
	unanswered bool
	head       bool // the method is HEAD: the answer has no body
	connect    bool // the method is CONNECT
	old        bool // HTTP/1.0
	last       bool // the connection ends with the answer
	expects    bool // the client waits for 100 (Continue) before it sends the body
}

func newRequest(msg *Message) request {
	return request{
		unanswered: true,
		head:       string(msg.Method) == "HEAD",
		connect:    string(msg.Method) == "CONNECT",
		old:        msg.minor() == 0,
		last:       !msg.persists(),
		expects:    msg.minor() > 0 && msg.HasToken("Expect", "100-continue"),
	}
}

// waits reports whether a request was delivered whole and not yet answered:
// those behind it must wait.
func (l *layer) waits() bool { return l.unanswered && !l.begun }

// checkBacklog bounds what a client can pile up behind a request that waits.
func (l *layer) checkBacklog(c *reactor.Conn) {
	limit := l.parser.Limits.head() + l.parser.Limits.body()
	if n := c.Recv.Len(); n > limit {
		c.Fail(fmt.Errorf("http: %d bytes behind a request that is not answered yet, the limit is %d", n, limit))
	}
}

// answered lets the next request go on, or ends the connection.
func (l *layer) answered(c *reactor.Conn, last bool) {
	l.unanswered = false
	if last {
		l.closing = true
		c.Stack().SetReceiving(false) // of a body that is still to come nothing is wanted
		c.Drain()
	}
	if !l.busy && (c.Recv.Len() > 0 || l.ended) {
		c.Stack().Redispatch()
	}
}

// early reports whether an answer given now comes before the end of the
// request's body. The connection ends with such an answer: whether the
// client still sends that body cannot be known [RFC 9112 9.3, RFC 9110 10.1.1].
func (l *layer) early() bool { return l.begun && l.parser.hasBody() }

// waiting returns the layer of a connection that can be answered on.
func waiting(c *reactor.Conn) (*layer, error) {
	if _, err := c.Write(nil); err != nil { // closed, or about to be
		return nil, err
	}
	l, ok := reactor.Find[*layer](c)
	if !ok || !l.unanswered {
		return nil, ErrNoRequest
	}
	return l, nil
}

// Answered says that the handler has written the whole answer to the current
// request to the connection itself. The next request goes on; if the request
// was the last one on the connection (its header says so, it is of
// HTTP/1.0, or its body had not arrived) the connection is drained.
// The errors are ErrNoRequest and reactor.ErrClosed.
func Answered(c *reactor.Conn) error {
	l, err := waiting(c)
	if err != nil {
		return err
	}
	l.answered(c, l.last || l.early())
	return nil
}
