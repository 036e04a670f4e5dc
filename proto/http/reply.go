package http

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// Reply answers the current request of a server's connection
// (mg_http_reply). headers are complete lines, "Name: value\r\n" each;
// Content-Length and Connection are added as needed. The body is formatted as
// fmt.Sprintf does it; it is left out, but counted, in the answer to HEAD.
//
// Reply may be called in the handler of EvHTTPMsg or at any time later; the
// next request on the connection waits for it. In the handler of EvHTTPHdrs
// it answers without waiting for the body: EvHTTPMsg is not raised, and if there
// is a body the connection closes. It closes too if the request or headers
// say "Connection: close".
//
// If it returns an error nothing was written: ErrNoRequest; reactor.ErrClosed;
// or the arguments are wrong: a status out of 200 to 999, a line in headers
// that is not a header (so that no CR or LF can be smuggled in), one that is
// Reply's to write, a body for a status that has none (204, 205, 304), a 2xx
// for CONNECT. The error wraps its cause, see errors.Is. One that the program does
// not look at is logged once, at level Warn, unless it is reactor.ErrClosed.
func Reply(c *reactor.Conn, status int, headers, format string, args ...any) error {
	return refused(c, reply(c, status, headers, format, args...))
}

// refused makes the loop log an error of an answer that the program does not look at. That
// the connection has ended is none: the program is told so by EvClose.
func refused(c *reactor.Conn, err error) error {
	if err == reactor.ErrClosed {
		return err
	}
	return c.Stack().Report(err)
}

func reply(c *reactor.Conn, status int, headers, format string, args ...any) error {
	a, err := newAnswer(c, status, headers)
	if err != nil {
		return err
	}
	start := c.Send.Len()
	c.Send.Append(fmt.Appendf(c.Send.AvailableBuffer(), format, args...))
	size := c.Send.Len() - start
	if err := a.checkBody(size); err != nil {
		c.Send.Truncate(start)
		return err
	}
	if a.layer.head {
		c.Send.Truncate(start)
	}
	s := a.layer.store
	s.scratch = a.appendHead(s.scratch[:0], size)
	c.Send.Insert(start, s.scratch)
	a.layer.answered(c, a.last)
	return nil
}

// ReplyBytes is Reply with a body that needs no formatting. It does not
// allocate once the connection's memory is warm.
func ReplyBytes(c *reactor.Conn, status int, headers string, body []byte) error {
	return refused(c, replyBytes(c, status, headers, body))
}

func replyBytes(c *reactor.Conn, status int, headers string, body []byte) error {
	a, err := newAnswer(c, status, headers)
	if err != nil {
		return err
	}
	if err := a.checkBody(len(body)); err != nil {
		return err
	}
	a.write(c, body)
	a.layer.answered(c, a.last)
	return nil
}

// answer is the header of an answer before it is written.
type answer struct {
	layer   *layer
	status  int
	headers string
	last    bool // the connection ends with it
	says    bool // headers say so already
}

func newAnswer(c *reactor.Conn, status int, headers string) (answer, error) {
	l, err := waiting(c)
	switch {
	case err != nil:
		return answer{}, err
	case status < 200 || status > 999:
		return answer{}, fmt.Errorf("http: status %d is not in 200..999", status)
	case l.connect && status < 300: // it would have no Content-Length [RFC 9110 9.3.6]
		return answer{}, fmt.Errorf("http: status %d to CONNECT is for whoever takes over the connection", status)
	}
	closes, err := checkHeaders(headers)
	if err != nil {
		return answer{}, err
	}
	return answer{l, status, headers, closes || l.last || l.early(), closes}, nil
}

// checkBody refuses a body where none can be.
func (a *answer) checkBody(size int) error {
	if size > 0 && (a.status == 204 || a.status == 205 || a.status == 304) { // [RFC 9110 15.3.5, 15.3.6, 15.4.5]
		return fmt.Errorf("http: status %d has no body", a.status)
	}
	return nil
}

// maxHead is room for all of a header that is not the caller's.
const maxHead = 128

// write appends the answer to Send.
func (a *answer) write(c *reactor.Conn, body []byte) {
	c.Send.Grow(maxHead + len(a.headers) + len(body))
	c.Send.Append(a.appendHead(c.Send.AvailableBuffer(), len(body)))
	if !a.layer.head {
		c.Send.Append(body)
	}
}

func (a *answer) appendHead(b []byte, size int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, reasonPhrase(a.status)...)
	b = append(b, "\r\n"...)
	b = append(b, a.headers...)
	switch {
	case a.last && !a.says:
		b = append(b, "Connection: close\r\n"...)
	case !a.last && a.layer.old: // else a 1.0 client expects the end [RFC 9112 C.2.2]
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	if a.status != 204 && a.status != 304 { // [RFC 9110 8.6]
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(size), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// replyError answers a request that could not be read.
func (l *layer) replyError(c *reactor.Conn, e *Error) {
	if !l.begun {
		l.request = request{} // that of a request before
	}
	a := answer{layer: l, status: e.Status, headers: "Content-Type: text/plain\r\n", last: true}
	a.write(c, []byte(e.Reason+"\n"))
}

// Waiting says whether a request waits for its answer: it returns nil, or the
// error that Reply would return, ErrNoRequest or reactor.ErrClosed. It is for
// protocols that answer by themselves.
func Waiting(c *reactor.Conn) error {
	_, err := waiting(c)
	return err
}

// checkHeaders checks Reply's header lines and reports whether they close the
// connection.
func checkHeaders(headers string) (closes bool, err error) {
	err = EachHeader(headers, func(name, value string) error {
		switch {
		case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
			return fmt.Errorf("http: header %q is Reply's to write", name)
		case strings.EqualFold(name, "Connection"):
			closes = closes || hasToken(value, "close")
		}
		return nil
	})
	return closes, err
}

// EachHeader calls fn for each of the lines "Name: value\r\n" that headers is
// made of, as callers of Reply and of other protocols' handshakes write them. It
// stops at the first error: fn's, or that of a line which is not a header, so
// that no CR or LF can be smuggled in. It panics if fn is nil.
func EachHeader(headers string, fn func(name, value string) error) error {
	if fn == nil {
		panic("http: EachHeader with a nil function")
	}
	for rest := headers; rest != ""; {
		line, after, found := strings.Cut(rest, "\r\n")
		rest = after
		name, value, colon := strings.Cut(line, ":")
		switch {
		case !found:
			return fmt.Errorf("http: header line %q does not end with CRLF", line)
		case !colon || !IsToken(name):
			return fmt.Errorf("http: header line %q is not Name: value", line)
		case !isFieldValue(value):
			return fmt.Errorf("http: control byte in header %q", name)
		}
		if err := fn(name, strings.Trim(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// isFieldValue reports whether s has no control bytes but tabs [RFC 9110 5.5].
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasToken reports whether a comma-separated list has that member.
func hasToken(list, token string) bool {
	for more := true; more; {
		var item string
		item, list, more = strings.Cut(list, ",")
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
