package http

import (
	"bytes"
	"fmt"
	"io"
)

// A Parser parses one message after another, each from a buffer that grows at
// its end until the message is complete. It remembers how far it has looked,
// as offsets: the buffer may lie elsewhere at each call, and the work is
// linear however small the pieces in which a message arrives. The zero value
// parses requests.
//
// The fields are read when a message is parsed and may be changed between
// messages.
type Parser struct {
	Limits   Limits
	Response bool // parse responses instead of requests
	// Method is the method of the request that the response answers. Only
	// "HEAD" and "CONNECT" make a difference: their answers have no body.
	Method string

	state
}

// state is what is forgotten between two messages. All offsets count from the
// beginning of the buffer.
type state struct {
	start   int  // of the start line: behind the empty line that may precede it
	line    int  // of the line that scan is in
	scan    int  // up to here nothing new can be found
	head    int  // end of the header; 0 until it is complete
	fields  int  // header lines
	started bool // the start line is complete
	minor   int  // of the version
	status  int  // of a response
	framing framing
	kind    bodyKind
	chunks  chunks
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyLength
	bodyChunked
	bodyToEnd // until the stream ends
)

// seen reports whether the parser keeps offsets into a message that is not
// complete.
func (p *Parser) seen() bool { return p.scan > 0 }

// Reset forgets the message that was begun.
func (p *Parser) Reset() { p.state = state{} }

// HeadDone reports whether the header of the present message is complete.
func (p *Parser) HeadDone() bool { return p.head > 0 }

// ParseHead parses a header without regard to body limits: see
// [Parser.ParseHead]. A message that begins with "HTTP/" is a response. It
// begins anew each time. For input that comes in small pieces keep a Parser.
func ParseHead(buf []byte, msg *Message, limits Limits) (n int, err error) {
	msg.notNil("ParseHead")
	const response = "HTTP/"
	k := min(len(buf), len(response))
	p := Parser{Limits: limits, Response: string(buf[:k]) == response[:k]}
	return p.ParseHead(buf, msg)
}

// ParseHead parses as far as the end of the header and returns its length,
// that of an empty line before it included; msg.Body stays empty. Parse can
// go on from there. Errors are those of Parse.
func (p *Parser) ParseHead(buf []byte, msg *Message) (n int, err error) {
	msg.notNil("Parser.ParseHead")
	fresh := p.scan == 0
	if fresh {
		msg.clear()
	}
	if p.head == 0 {
		if err := p.scanHead(buf, msg); err != nil {
			return 0, p.blame(err)
		}
	}
	if !fresh {
		p.refill(buf, msg)
	}
	return p.head, nil
}

// Parse parses the message at the beginning of buf and returns its length.
// While it is incomplete n is 0 and the error ErrIncomplete: call again with
// the same bytes and more behind them; msg means nothing until Parse returns
// nil, but once HeadDone reports true ParseHead tells what the header says.
// An *Error means that the message is refused; it comes with the first byte
// that makes it certain. After a complete message the Parser is ready for
// the one at buf[n:].
//
// A chunked body is decoded in place: bytes of buf behind the header change.
func (p *Parser) Parse(buf []byte, msg *Message) (n int, err error) {
	msg.notNil("Parser.Parse")
	filled := p.head == 0
	if filled {
		if _, err := p.ParseHead(buf, msg); err != nil {
			return 0, err
		}
	}
	return p.parseBody(buf, msg, filled)
}

// ParseEnd is Parse for the time when the stream has ended: buf is all there
// will be. It completes a response body that lasts until then. An empty
// buf means that the stream ended between messages: n is 0 and err is nil.
// Otherwise what is incomplete is cut: errors.Is(err, io.ErrUnexpectedEOF).
func (p *Parser) ParseEnd(buf []byte, msg *Message) (n int, err error) {
	msg.notNil("Parser.ParseEnd")
	if len(buf) == 0 || p.scan <= 2 && string(buf) == "\r\n" {
		return 0, nil
	}
	n, err = p.Parse(buf, msg)
	switch {
	case err != ErrIncomplete:
		return n, err
	case p.head == 0:
		return 0, fmt.Errorf("http: connection closed inside the header: %w", io.ErrUnexpectedEOF)
	case p.kind != bodyToEnd:
		return 0, fmt.Errorf("http: connection closed inside the body: %w", io.ErrUnexpectedEOF)
	}
	return p.complete(buf, msg, false, len(buf), len(buf)), nil
}

// scanHead goes through the lines of the header, checks each and fills msg.
func (p *Parser) scanHead(buf []byte, msg *Message) error {
	for {
		line, err := p.nextLine(buf, p.start+p.Limits.head())
		switch {
		case err == errTooLong:
			return p.headTooLong()
		case err != nil:
			return err
		case p.started && len(line) == 0:
			p.head = p.line
			msg.Head = buf[p.start:p.head:p.head]
			return p.chooseBody()
		case p.started:
			err = p.addField(line, msg)
		case len(line) == 0 && p.start == 0 && !p.Response:
			p.start = p.line // one empty line is ignored [RFC 9112 2.2]
		default:
			p.started = true
			err = p.startLine(line, msg)
			p.minor, p.status = msg.minor(), msg.Status
		}
		if err != nil {
			return err
		}
	}
}

func (p *Parser) startLine(line []byte, msg *Message) error {
	if p.Response {
		return statusLine(line, msg)
	}
	return requestLine(line, msg)
}

func (p *Parser) addField(line []byte, msg *Message) error {
	h := splitField(line)
	if err := checkField(line, h); err != nil {
		return err
	}
	if p.fields++; p.fields > p.Limits.headers() {
		return refuse(431, "header %.40q is beyond the limit of %d header lines", h.Name, p.Limits.headers())
	}
	msg.Headers = append(msg.Headers, h)
	return p.framing.add(h, p.minor == 0)
}

// headTooLong names the line that did not fit any more.
func (p *Parser) headTooLong() error {
	switch {
	case p.started:
		return refuse(431, "header is larger than the limit of %d bytes", p.Limits.head())
	case p.Response:
		return malformed("status line is larger than the limit of %d bytes", p.Limits.head())
	}
	return refuse(414, "request line is larger than the limit of %d bytes", p.Limits.head())
}

// refill sets msg from a header that was checked when its bytes arrived,
// because the buffer may have moved since.
func (p *Parser) refill(buf []byte, msg *Message) {
	msg.clear()
	msg.Head = buf[p.start:p.head:p.head]
	first := true
	for rest := msg.Head; ; first = false {
		i := bytes.IndexByte(rest, '\r') // none is inside a line
		line := rest[:i:i]
		rest = rest[i+2:]
		switch {
		case first:
			_ = p.startLine(line, msg) // accepted before
		case i == 0:
			return
		default:
			msg.Headers = append(msg.Headers, splitField(line))
		}
	}
}

// complete ends the message: its body ends at body, its bytes in buf at n.
func (p *Parser) complete(buf []byte, msg *Message, filled bool, body, n int) int {
	if !filled {
		p.refill(buf, msg)
	}
	msg.Body = buf[p.head:body:body]
	msg.Raw = buf[p.start:body:body]
	p.Reset()
	return n
}

// blame gives an error the status that fits the kind of message.
func (p *Parser) blame(err error) error {
	if e, ok := err.(*Error); ok && p.Response {
		return &Error{Status: 502, Reason: e.Reason}
	}
	return err
}
