package http

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// A Parser parses one message after another. The caller passes a buffer that starts with the
// message, and appends bytes to it until the message is complete. The Parser stores offsets
// into the buffer and no slices, so the buffer may move between calls. The total work is
// linear in the size of the message, even if it arrives in many small pieces. The zero value
// parses requests.
//
// Response and Method may be changed between messages.
type Parser struct {
	// Limits may be changed at any time. New limits apply to the whole message, also to the
	// part that was parsed before: if that exceeds them, the next call refuses the message.
	Limits   Limits
	Response bool // parse responses instead of requests
	// Method is the method of the request that the response answers. Only "HEAD" and
	// "CONNECT" make a difference: the response to HEAD and a 2xx response to CONNECT have
	// no body.
	Method string

	state
}

// state is the part of a Parser that is reset after each message. All offsets count from
// the beginning of the buffer.
type state struct {
	startLineAt   int // offset of the start line, after the empty line that may precede it
	lineAt        int // offset of the line that is being scanned
	scanned       int // offset of the first byte that is not scanned
	headEnd       int // offset of the end of the header; 0 until the header is complete
	headerCount   int // number of header lines, including trailer lines
	framing       framing
	chunks        chunkState
	kind          bodyKind
	startLineDone bool   // the start line is complete
	minorVersion  uint8  // minor version: 0 or 1
	status        uint16 // status code of a response
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyLength
	bodyChunked
	bodyToEnd // close-delimited: the body lasts until the stream ends
)

// inMessage reports whether the parser has scanned the beginning of a message but not its end.
func (p *Parser) inMessage() bool { return p.scanned > 0 }

// Reset discards the state of an incomplete message. The next call starts with a new one.
func (p *Parser) Reset() { p.state = state{} }

// HeadDone reports whether the header of the current message is complete.
func (p *Parser) HeadDone() bool { return p.headEnd > 0 }

// ParseHead parses the header at the beginning of buf, like [Parser.ParseHead]. It ignores
// limits.Body. A message that starts with "HTTP/" is parsed as a response. Each call parses
// from the beginning. Use a Parser if the input arrives in small pieces.
func ParseHead(buf []byte, msg *Message, limits Limits) (n int, err error) {
	msg.requireNotNil("ParseHead")
	const response = "HTTP/"
	k := min(len(buf), len(response))
	p := Parser{Limits: limits, Response: string(buf[:k]) == response[:k]}
	return p.ParseHead(buf, msg)
}

// ParseHead parses the header at the beginning of buf into msg and returns its length in
// bytes. An empty line before a request is included in the length. msg.Body stays empty. To
// parse the body, call Parse with the same bytes and more bytes after them. ParseHead returns
// the same errors as Parse.
func (p *Parser) ParseHead(buf []byte, msg *Message) (n int, err error) {
	msg.requireNotNil("Parser.ParseHead")
	if len(buf) < p.scanned {
		return 0, errShortBuffer
	}
	fresh := p.scanned == 0
	if fresh {
		msg.reset()
	} else if err := p.recheck(buf, msg); err != nil {
		return 0, err
	}
	if p.headEnd == 0 {
		if err := p.scanHead(buf, msg); err != nil {
			return 0, p.withStatus(err)
		}
	}
	if !fresh {
		p.refillMessage(buf, msg)
	}
	return p.headEnd, nil
}

// Parse parses the message at the beginning of buf into msg and returns its length in bytes:
//
//	nil             the message is complete; the Parser is ready for the next one, at buf[n:]
//	ErrIncomplete   n is 0; call again with the same bytes and more bytes after them
//	*Error          the message is refused; Parse returns it as soon as it finds a wrong byte
//
// msg is undefined until Parse returns nil. To get the header earlier, call ParseHead as soon
// as HeadDone returns true.
//
// A chunked body is decoded in place: the bytes of buf after the header change. Folded header
// lines of a response are unfolded in place: the line breaks become spaces.
func (p *Parser) Parse(buf []byte, msg *Message) (n int, err error) {
	msg.requireNotNil("Parser.Parse")
	if len(buf) < p.scanned {
		return 0, errShortBuffer
	}
	filled := p.headEnd == 0
	if filled {
		if _, err := p.ParseHead(buf, msg); err != nil {
			return 0, err
		}
	}
	return p.parseBody(buf, msg, filled)
}

// ParseEnd is Parse at the end of the stream: no more bytes can follow buf. It completes a
// response whose body lasts until the end of the stream. If buf is empty, the stream has ended
// between messages: n is 0 and err is nil. If the message is incomplete, the error wraps
// io.ErrUnexpectedEOF.
func (p *Parser) ParseEnd(buf []byte, msg *Message) (n int, err error) {
	msg.requireNotNil("Parser.ParseEnd")
	if len(buf) == 0 || p.scanned <= 2 && string(buf) == "\r\n" {
		return 0, nil
	}
	n, err = p.Parse(buf, msg)
	switch {
	case err != ErrIncomplete:
		return n, err
	case p.headEnd == 0:
		return 0, fmt.Errorf("http: connection closed inside the header: %w", io.ErrUnexpectedEOF)
	case p.kind != bodyToEnd:
		return 0, errCutBody
	}
	return p.complete(buf, msg, false, len(buf), len(buf)), nil
}

// scanHead parses the lines of the header that have arrived and fills msg.
func (p *Parser) scanHead(buf []byte, msg *Message) error {
	for {
		line, err := p.nextHeadLine(buf)
		switch {
		case err == errTooLong:
			return p.headTooLong()
		case err != nil:
			return err
		case p.startLineDone && len(line) == 0:
			p.headEnd = p.lineAt
			msg.Head = buf[p.startLineAt:p.headEnd:p.headEnd]
			return p.chooseBodyKind()
		case p.startLineDone:
			err = p.addField(line, msg)
		case len(line) == 0 && p.startLineAt == 0 && !p.Response:
			p.startLineAt = p.lineAt // ignore one empty line [RFC 9112 2.2]
		default:
			p.startLineDone = true
			err = p.parseStartLine(line, msg)
			p.minorVersion, p.status = uint8(msg.minorVersion()), uint16(msg.Status)
		}
		if err != nil {
			return err
		}
	}
}

// nextHeadLine returns the next line of the header.
func (p *Parser) nextHeadLine(buf []byte) ([]byte, error) {
	limit := p.startLineAt + p.Limits.head()
	if p.Response && p.startLineDone {
		return p.nextUnfolded(buf, limit)
	}
	return p.nextLine(buf, limit)
}

func (p *Parser) parseStartLine(line []byte, msg *Message) error {
	if p.Response {
		return parseStatusLine(line, msg)
	}
	return parseRequestLine(line, msg)
}

func (p *Parser) addField(line []byte, msg *Message) error {
	h := splitField(line)
	if err := checkField(line, h); err != nil {
		return err
	}
	if p.headerCount++; p.headerCount > p.Limits.headers() {
		return refuse(431, "header %s is beyond the limit of %d header lines", h.Name, p.Limits.headers())
	}
	msg.Headers = append(msg.Headers, h)
	return p.framing.addHeader(h, p.minorVersion == 0)
}

// headTooLong returns the error for a header that exceeds the limit. It says whether the
// start line alone is too long.
func (p *Parser) headTooLong() error {
	switch {
	case p.startLineDone:
		return refuse(431, "header is larger than the limit of %d bytes", p.Limits.head())
	case p.Response:
		return malformed("status line is larger than the limit of %d bytes", p.Limits.head())
	}
	return refuse(414, "request line is larger than the limit of %d bytes", p.Limits.head())
}

// refillMessage fills msg from a header that was checked in an earlier call. It is necessary
// because the buffer may have moved since then.
func (p *Parser) refillMessage(buf []byte, msg *Message) {
	msg.reset()
	msg.Head = buf[p.startLineAt:p.headEnd:p.headEnd]
	first := true
	for rest := msg.Head; len(rest) > 0; first = false { // it is empty early if the caller has changed buf
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		switch line = slices.Clip(line); {
		case first:
			_ = p.parseStartLine(line, msg) // was checked before: cannot fail
		case len(line) == 0:
			return
		default:
			msg.Headers = append(msg.Headers, splitField(line))
		}
	}
}

// complete fills msg and resets the parser. body is the offset of the end of the decoded
// body. n is the length of the message in buf. complete returns n.
func (p *Parser) complete(buf []byte, msg *Message, filled bool, body, n int) int {
	if !filled {
		p.refillMessage(buf, msg)
	}
	msg.Body = buf[p.headEnd:body:body]
	msg.Raw = buf[p.startLineAt:body:body]
	p.Reset()
	return n
}

// withStatus sets the status of an *Error to 502 if the parser parses responses.
func (p *Parser) withStatus(err error) error {
	if e, ok := err.(*Error); ok && p.Response {
		return &Error{Status: 502, Reason: e.Reason}
	}
	return err
}
