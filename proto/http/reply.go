package http

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rikki-go/rikki/reactor"
)

// Reply answers the current request of a server's connection, like mg_http_reply. headers
// are complete header lines, "Name: value\r\n" each. Reply adds Content-Length, and
// Connection if necessary. The body is formatted like fmt.Sprintf. The response to HEAD has
// the Content-Length of the body, but not the body.
//
// Reply may be called in EvHTTPMsg or at any later time. The next request on the connection
// waits until the current one is answered. In EvHTTPHdrs, Reply answers without waiting for
// the body. EvHTTPMsg is then not raised, and the connection closes if the request has a body.
// The connection also closes if the request or headers say "Connection: close".
//
// If Reply returns an error, it has written nothing. It returns ErrNoRequest,
// reactor.ErrClosed, or an error for one of these arguments:
//
//	status    not in the range 200 to 999
//	status    2xx in answer to CONNECT
//	headers   a line is not a valid header line (so CR and LF cannot be injected)
//	headers   Content-Length or Transfer-Encoding
//	body      not empty although the status (204, 205, 304) allows no body
//
// The error wraps its cause: use errors.Is. An error that the program does not use is logged
// once at level Warn. reactor.ErrClosed is not logged.
func Reply(c *reactor.Conn, status int, headers, format string, args ...any) error {
	return reported(c, reply(c, status, headers, format, args...))
}

// reported wraps err, so that it is logged if the program does not use it.
// reactor.ErrClosed is not logged, because EvClose tells the program that the connection has
// ended.
func reported(c *reactor.Conn, err error) error {
	if err == reactor.ErrClosed {
		return err
	}
	return c.Stack().Report(err)
}

func reply(c *reactor.Conn, status int, headers, format string, args ...any) error {
	a, err := newResponse(c, status, headers)
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
	if a.layer.isHEAD {
		c.Send.Truncate(start)
	}
	s := a.layer.spares
	s.scratch = a.appendHead(s.scratch[:0], size)
	c.Send.Insert(start, s.scratch)
	a.layer.requestAnswered(c, a.closeAfter)
	return nil
}

// ReplyBytes answers like Reply, but writes body without formatting. It copies body. After a
// warm-up it does not allocate.
func ReplyBytes(c *reactor.Conn, status int, headers string, body []byte) error {
	return reported(c, replyBytes(c, status, headers, body))
}

func replyBytes(c *reactor.Conn, status int, headers string, body []byte) error {
	a, err := newResponse(c, status, headers)
	if err != nil {
		return err
	}
	if err := a.checkBody(len(body)); err != nil {
		return err
	}
	a.write(c, body)
	a.layer.requestAnswered(c, a.closeAfter)
	return nil
}

// response is a response before it is written.
type response struct {
	layer      *layer
	status     int
	headers    string
	closeAfter bool // the connection closes after the response
	hasClose   bool // headers already contain Connection: close
}

func newResponse(c *reactor.Conn, status int, headers string) (response, error) {
	l, err := pendingLayer(c)
	switch {
	case err != nil:
		return response{}, err
	case status < 200 || status > 999:
		return response{}, fmt.Errorf("http: status %d is not in the range 200 to 999", status)
	case l.isCONNECT && status < 300: // such a response must not have Content-Length [RFC 9110 9.3.6]
		return response{}, fmt.Errorf("http: Reply cannot answer CONNECT with status %d, which starts a tunnel: write the response to the connection", status)
	}
	closes, err := checkHeaders(headers)
	if err != nil {
		return response{}, err
	}
	return response{l, status, headers, closes || l.closeAfter || l.answersEarly(), closes}, nil
}

// checkBody returns an error if the status does not allow a body of size bytes.
func (a *response) checkBody(size int) error {
	if size > 0 && (a.status == 204 || a.status == 205 || a.status == 304) { // [RFC 9110 15.3.5, 15.3.6, 15.4.5]
		return fmt.Errorf("http: a response with status %d has no body, got %d bytes", a.status, size)
	}
	return nil
}

// headSpace is the number of bytes to reserve for a response's header, without the caller's
// lines. It is enough for every header.
const headSpace = 128

// write appends the response to Send.
func (a *response) write(c *reactor.Conn, body []byte) {
	c.Send.Grow(headSpace + len(a.headers) + len(body))
	c.Send.Append(a.appendHead(c.Send.AvailableBuffer(), len(body)))
	if !a.layer.isHEAD {
		c.Send.Append(body)
	}
}

// appendHead appends the header of the response. size is the length of the body in bytes.
func (a *response) appendHead(b []byte, size int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, reasonPhrase(a.status)...)
	b = append(b, "\r\n"...)
	b = append(b, a.headers...)
	switch {
	case a.closeAfter && !a.hasClose:
		b = append(b, "Connection: close\r\n"...)
	case !a.closeAfter && a.layer.http10: // HTTP/1.0 closes by default [RFC 9112 C.2.2]
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	if a.status != 204 && a.status != 304 { // [RFC 9110 8.6]
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(size), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// replyRefused answers a request that the parser refused. The body is the reason.
func (l *layer) replyRefused(c *reactor.Conn, e *Error) {
	if !l.inMessage {
		l.request = request{} // l.request still describes the previous request
	}
	a := response{layer: l, status: e.Status, headers: "Content-Type: text/plain\r\n", closeAfter: true}
	a.write(c, []byte(e.Reason+"\n"))
}

// CheckReply returns nil if a request waits for a response. Otherwise it returns the error that
// Reply would return: ErrNoRequest or reactor.ErrClosed. It is for protocols that write the
// response themselves.
func CheckReply(c *reactor.Conn) error {
	_, err := pendingLayer(c)
	return err
}

// checkHeaders checks the header lines for Reply. closes is true if they contain
// Connection: close.
func checkHeaders(headers string) (closes bool, err error) {
	err = EachHeader(headers, func(name, value string) error {
		switch {
		case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
			return fmt.Errorf("http: header %q must not be set: Reply writes it", name)
		case strings.EqualFold(name, "Connection"):
			closes = closes || hasToken(value, "close")
		}
		return nil
	})
	return closes, err
}

// EachHeader calls fn for each line of headers. Each line must be "Name: value\r\n". Programs
// pass headers to Reply and to the handshakes of other protocols in this form. fn gets the
// value without leading and trailing blanks.
//
// EachHeader returns the first error: the error of fn, or an error for a line that is not a
// valid header line. So nobody can inject CR or LF. It panics if fn is nil.
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
			return fmt.Errorf("http: header line %q is not of the form Name: value", line)
		case !isFieldValue(value):
			return fmt.Errorf("http: value of header %q contains a control byte", name)
		}
		if err := fn(name, strings.Trim(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// isFieldValue reports whether s has no control bytes except tabs [RFC 9110 5.5].
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// hasToken reports whether token is a member of the comma-separated list, without regard to
// case.
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
