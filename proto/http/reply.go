package http

import (
	"fmt"
	"io"
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
	if len(args) == 0 && strings.IndexByte(format, '%') < 0 {
		return replyWhole(c, status, headers, format) // fmt would only copy it
	}
	a, err := newResponse(c, status, headers)
	if err != nil {
		return err
	}
	start := c.Send.Len()
	c.Send.Append(fmt.Appendf(c.Send.AvailableBuffer(), format, args...))
	if err := a.setWhole(c.Send.Len() - start); err != nil {
		c.Send.Truncate(start)
		return err
	}
	if a.body.silent {
		c.Send.Truncate(start)
	}
	s := a.layer.spares
	s.scratch = a.appendHead(s.scratch[:0], c.Manager())
	c.Send.Insert(start, s.scratch)
	a.layer.requestAnswered(c, a.closeAfter)
	return nil
}

// ReplyBytes answers like Reply, but writes body without formatting. It copies body. After a
// warm-up it does not allocate.
func ReplyBytes(c *reactor.Conn, status int, headers string, body []byte) error {
	return reported(c, replyWhole(c, status, headers, body))
}

func replyWhole[B []byte | string](c *reactor.Conn, status int, headers string, body B) error {
	a, err := newResponse(c, status, headers)
	if err != nil {
		return err
	}
	if err := a.setWhole(len(body)); err != nil {
		return err
	}
	writeResponse(c, &a, body)
	a.layer.requestAnswered(c, a.closeAfter)
	return nil
}

// ReplyStart begins the response to the current request of a server's connection. The body
// follows in pieces, with Chunk, Chunkf and EndChunks, now or later. size is the length of the
// body in bytes, or Chunked if it is not known yet. The next request on the connection waits until
// EndChunks. To end the connection in the middle of a body, call c.Abort.
//
// A body of unknown size to an HTTP/1.0 client ends with the connection. If the connection ends
// before EndChunks, for whatever reason, the client gets a reset, so that it does not take the part
// for the whole. This includes a client that ends its side early, unless SetHalfClose is on. Only
// c.Drain and c.CloseWrite end the stream as usual, so they end such a body like EndChunks.
//
// status and headers are as for Reply, and so are the errors. If ReplyStart returns an error, it
// has written nothing.
func ReplyStart(c *reactor.Conn, status int, headers string, size int64) error {
	return reported(c, replyStart(c, status, headers, size, nil))
}

// ReplyReader answers the current request of a server's connection with what r returns. size is
// the length of the body in bytes, or Chunked: then the body is all that r returns until io.EOF.
// The layer reads r as fast as the client reads: at most 64 KiB wait in Send. r is read by the
// goroutine of the loop, inside ReplyReader and later. It must not block for long, which files do
// not. The response to HEAD does not read r.
//
// If r is an io.Closer, the layer closes it at the end of the body, at the end of the connection,
// or if ReplyReader returns an error. If r fails later, or ends before size bytes, the connection
// is aborted, and EvError has the error of r.
//
// status and headers are as for Reply, and so are the errors. If ReplyReader returns an error,
// which may be one of r, it has written nothing.
func ReplyReader(c *reactor.Conn, status int, headers string, r io.Reader, size int64) error {
	if r == nil {
		panic("http: ReplyReader with a nil reader")
	}
	return reported(c, replyStart(c, status, headers, size, r))
}

func replyStart(c *reactor.Conn, status int, headers string, size int64, r io.Reader) error {
	a, err := newResponse(c, status, headers)
	if err == nil {
		err = a.setBody(size)
	}
	if err != nil {
		closeReader(r)
		return err
	}
	start := c.Send.Len()
	writeResponse(c, &a, "")
	a.body.reader = r
	return a.layer.beginBody(c, a.body, start)
}

// response is a response before it is written.
type response struct {
	layer      *layer
	status     int
	headers    string
	body       outgoing
	closeAfter bool // the connection closes after the response
	given      givenHeaders
}

// givenHeaders says what is in the header lines that a program has given.
type givenHeaders struct {
	close bool // Connection: close
	date  bool // Date
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
	given, err := checkHeaders(headers)
	if err != nil {
		return response{}, err
	}
	return response{layer: l, status: status, headers: headers, closeAfter: given.close || l.closeAfter, given: given}, nil
}

// setBody chooses the framing of a body of size bytes, which may be Chunked. It returns an error
// if size is bad or if the status does not allow such a body.
func (a *response) setBody(size int64) error {
	if err := checkSize(size); err != nil {
		return err
	}
	if a.status == 204 || a.status == 205 || a.status == 304 { // [RFC 9110 15.3.5, 15.3.6, 15.4.5]
		if size > 0 {
			return fmt.Errorf("http: a response with status %d has no body, got %d bytes", a.status, size)
		}
		size = 0
	}
	a.body = newOutgoing(size, a.layer.http10)
	a.body.silent = a.layer.isHEAD || a.status == 204 || a.status == 304
	a.closeAfter = a.closeAfter || a.body.kind == outToEnd
	a.body.last = a.closeAfter
	return nil
}

// setWhole is setBody for a response that is written in one piece, so that its request is answered
// at once.
func (a *response) setWhole(size int) error {
	a.closeAfter = a.closeAfter || a.layer.answersEarly()
	return a.setBody(int64(size))
}

// headSpace is the number of bytes to reserve for a response's header, without the caller's
// lines. It is enough for every header.
const headSpace = 192

// writeResponse appends the response to Send. body is the whole body, or empty if it follows later.
func writeResponse[B []byte | string](c *reactor.Conn, a *response, body B) {
	c.Send.Grow(headSpace + len(a.headers) + len(body))
	b := a.appendHead(c.Send.AvailableBuffer(), c.Manager())
	if !a.body.silent {
		b = append(b, body...)
	}
	c.Send.Append(b)
}

// appendHead appends the header of the response.
func (a *response) appendHead(b []byte, m *reactor.Manager) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, reasonPhrase(a.status)...)
	b = append(b, "\r\n"...)
	if !a.given.date {
		b = a.layer.spares.date.appendLine(b, m, a.layer.delivering)
	}
	b = append(b, a.headers...)
	switch {
	case a.closeAfter && !a.given.close:
		b = append(b, "Connection: close\r\n"...)
	case !a.closeAfter && a.layer.http10: // HTTP/1.0 closes by default [RFC 9112 C.2.2]
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	if a.status != 204 && a.status != 304 { // [RFC 9110 8.6]
		b = a.body.appendFraming(b)
	}
	return append(b, "\r\n"...)
}

// replyRefused answers a request that the parser refused. The body is the reason.
func (l *layer) replyRefused(c *reactor.Conn, e *Error) {
	if !l.inMessage {
		l.request = request{} // l.request still describes the previous request
	}
	body := []byte(e.Reason + "\n")
	a := response{layer: l, status: e.Status, headers: "Content-Type: text/plain\r\n", closeAfter: true}
	a.setBody(int64(len(body))) // cannot fail: the status is one of an Error
	writeResponse(c, &a, body)
}

// CheckReply returns nil if a request waits for a response. Otherwise it returns the error that
// Reply would return: ErrNoRequest or reactor.ErrClosed. It is for protocols that write the
// response themselves.
func CheckReply(c *reactor.Conn) error {
	_, err := pendingLayer(c)
	return err
}

// checkHeaders checks the header lines for Reply and says what is in them.
func checkHeaders(headers string) (given givenHeaders, err error) {
	err = EachHeader(headers, func(name, value string) error {
		switch {
		case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
			return fmt.Errorf("http: header %q must not be set: Reply writes it", name)
		case strings.EqualFold(name, "Connection"):
			given.close = given.close || hasToken(value, "close")
		case strings.EqualFold(name, "Date"):
			given.date = true
		}
		return nil
	})
	return given, err
}
