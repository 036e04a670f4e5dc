package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rikki-go/rikki/reactor"
)

// Request is a request of a client, for [SendRequest] and [Client.Do]. At most one of Body, Reader
// and Stream is set. They say where the body comes from.
type Request struct {
	// Method is the method. Empty means GET. Methods are case-sensitive.
	Method string
	// URL is absolute (http://host/path?query, https://…). For SendRequest it may also be the path
	// with the query, "*" for OPTIONS, or host:port for CONNECT. What a URL cannot contain must be
	// escaped. A user and a password in it become an Authorization header.
	URL string
	// Headers are complete header lines, "Name: value\r\n" each. Host and Authorization in them
	// replace those of the URL. With "Connection: close" the server closes the connection after
	// the response. Content-Length and Transfer-Encoding are refused: the body determines them.
	Headers string
	// Body is the whole body. SendRequest copies it. Client.Do does not: the program must not
	// change it until the last event of the request.
	Body []byte
	// Reader is where the body is read from, as fast as the server takes it. Read is called on the
	// loop and must not block for long. If Reader is an io.Closer, it is closed when it is not
	// needed any more, whatever happens to the request. If SendRequest or Client.Do returns an
	// error, Reader still belongs to the caller.
	Reader io.Reader
	// Size is the number of bytes that come from Reader or Stream. Chunked and 0 mean that it is
	// not known: the body is sent in chunks.
	Size int64
	// Stream says that the program sends the body, with Chunk and EndChunks. It may begin when
	// SendRequest has returned, or in Client.Do's first EvWrite. While the program sends nothing,
	// no deadline runs, as with a body of net/http that is read from a pipe. A program that waits
	// for its data bounds that wait with a timer, and calls c.Close when it has passed.
	Stream bool
	// Timeout is ClientOptions.Timeout for this request of Client.Do. 0 means that of the Client,
	// and a negative value means none. SendRequest does not use it.
	Timeout time.Duration
}

// errNoHost is returned by SendRequest if nothing says what the Host header is.
var errNoHost = errors.New("http: no host for the Host header: use an absolute URL, or a Host line in Headers")

// ErrRequestBody is the cause of an error of [SendRequest] on a connection on which the body of the
// previous request is not complete.
var ErrRequestBody = errors.New("http: the body of the previous request is not complete")

// SendRequest sends a request on a client's connection: one of [Connect] or [StartClient]. It may
// be called at once after Connect, because bytes wait until the connection is established. The
// response raises EvHTTPHdrs and EvHTTPMsg. Further requests may be sent before the response has
// arrived (pipelining): responses come in the order of the requests. They should be idempotent.
//
// The Host header and the credentials are those of req.URL, if it is absolute, and else those of
// the URL of Connect. SendRequest does not look at whether an absolute URL is that of the
// connection.
//
// If SendRequest returns an error, it has written nothing. It returns reactor.ErrClosed,
// [ErrNotHTTP], [ErrRequestBody], or an error that says what is wrong with req. An error that the
// program does not use is logged once at level Warn.
//
// It copies URL, Headers and Body, and does not allocate after a warm-up, unless URL is absolute.
func SendRequest(c *reactor.Conn, req *Request) error {
	return reported(c, sendRequest(c, req))
}

func sendRequest(c *reactor.Conn, req *Request) error {
	l, err := clientLayer(c)
	if err != nil {
		return err
	}
	lines, err := req.check()
	if err != nil {
		return err
	}
	h := sendHead{method: req.method(), target: req.URL, headers: req.Headers}
	var unnamed error
	if l.server != nil {
		h.host, h.auth, unnamed = l.server.host, l.server.auth, l.server.err
	}
	if err := h.setTarget(); err != nil {
		return err
	}
	if h.host == "" && !lines.hasHost {
		if unnamed != nil {
			return unnamed
		}
		return errNoHost
	}
	l.send(c, &h, lines, req)
	return nil
}

// clientLayer returns the layer of a client's connection on which the next request may be sent.
func clientLayer(c *reactor.Conn) (*layer, error) {
	l, ok := reactor.Find[*layer](c)
	if !ok || !l.parser.Response {
		if c.Stack().Closed() {
			return nil, reactor.ErrClosed
		}
		return nil, ErrNotHTTP
	}
	if _, err := c.Write(nil); err != nil || c.Stack().Draining() {
		return nil, reactor.ErrClosed
	}
	if l.out.kind != outNone {
		return nil, ErrRequestBody
	}
	return l, nil
}

// setTarget checks the target, which is the URL of a Request. If that is absolute, it is taken
// apart.
func (h *sendHead) setTarget() error {
	switch t := h.target; {
	case h.method == "CONNECT": // [RFC 9112 3.2.3]
		if _, port := splitPort([]byte(t)); len(port) == 0 || t[0] == ':' || !isAuthority([]byte(t)) {
			return fmt.Errorf("http: target %q of CONNECT is not host:port", t)
		}
		h.host, h.auth = t, ""
	case t == "*": // [RFC 9112 3.2.4]
		if h.method != "OPTIONS" {
			return fmt.Errorf("http: target * is for OPTIONS only, not for %s", h.method)
		}
	case strings.HasPrefix(t, "/"):
		if err := checkTarget(t); err != nil {
			return fmt.Errorf("http: bad URL %q: %w", t, err)
		}
	default:
		loc, err := parseLocation(t)
		if err != nil {
			return err
		}
		h.target, h.host, h.auth = loc.target, loc.host, loc.auth
	}
	return nil
}

// send appends a checked request to Send. Host and Authorization in the program's lines win.
func (l *layer) send(c *reactor.Conn, h *sendHead, lines requestLines, req *Request) {
	if lines.hasHost {
		h.host = ""
	}
	if lines.hasAuth {
		h.auth = ""
	}
	if size, has := req.bodySize(); has {
		h.body = newOutgoing(size, false)
	}
	c.Send.Grow(headSpace + len(h.target) + len(h.host) + len(h.auth) + len(h.headers) + len(req.Body))
	c.Send.Append(h.append(c.Send.AvailableBuffer()))
	l.expect(h.method)
	switch {
	case req.Reader != nil, req.Stream: // the reader is read from when the header is written
		l.out = h.body
		l.out.reader = req.Reader
	default:
		c.Send.Append(req.Body)
	}
}

// bodyReader returns a reader for a body that is too large to be copied into Send, or nil.
func bodyReader(body []byte) io.Reader {
	if len(body) <= maxReadAhead {
		return nil
	}
	return bytes.NewReader(body)
}
