package http

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/rikki-go/rikki/reactor"
)

// Outgoing bodies: how the body of a response, or of a client's request, is sent in pieces. The
// header has been written when the body begins:
//
//	size of the body            framing
//	known                       Content-Length
//	Chunked                     Transfer-Encoding: chunked
//	Chunked, HTTP/1.0 client    none: the body ends with the connection
//
// The pieces come from the program (Chunk, Chunkf, EndChunks) or from a reader, which the layer
// reads as fast as the peer reads.

// Chunked is the size of a body whose size is not known when it begins. Such a body is sent in
// chunks [RFC 9112 7.1]. To an HTTP/1.0 client it is sent without framing, and the connection
// closes at its end.
const Chunked = -1

// ErrNoBody is returned by [Chunk], [Chunkf] and [EndChunks] if no body is being sent in pieces:
// none has begun, it has ended already, or it comes from a reader.
var ErrNoBody = errors.New("http: no body is being sent in pieces: begin it with ReplyStart first")

// outgoing is the body that is being sent.
type outgoing struct {
	kind   outKind
	silent bool      // the pieces are counted and not sent: a response to HEAD, or with status 204 or 304
	last   bool      // server: the connection closes after the body
	fields string    // outChunked: the trailer fields, which follow the last chunk
	left   int64     // outSized: number of bytes that are still to be sent
	reader io.Reader // the body comes from it; nil if the program sends it
}

type outKind uint8

const (
	outNone    outKind = iota // no body is being sent
	outSized                  // Content-Length announces the size
	outChunked                // in chunks
	outToEnd                  // close-delimited: the body lasts until the stream ends
)

// newOutgoing returns the state of a body of size bytes, which may be Chunked. http10 says that
// the recipient is an HTTP/1.0 client.
func newOutgoing(size int64, http10 bool) outgoing {
	switch {
	case size >= 0:
		return outgoing{kind: outSized, left: size}
	case http10:
		return outgoing{kind: outToEnd}
	}
	return outgoing{kind: outChunked}
}

// beginBody begins to send the body o, whose header is in Send from the offset start on. If o has a
// reader that fails at once, it removes the header from Send, closes the reader and returns the
// error.
func (l *layer) beginBody(c *reactor.Conn, o outgoing, start int) error {
	l.out, l.toEnd = o, o.kind == outToEnd && !o.silent
	err := l.pump(c)
	if err != nil {
		c.Send.Truncate(start)
		l.dropBody()
		l.toEnd = false
	}
	return err
}

// checkSize returns an error if size is neither a length nor Chunked.
func checkSize(size int64) error {
	if size < Chunked {
		return fmt.Errorf("http: size %d of a body is neither a number of bytes nor Chunked", size)
	}
	return nil
}

// appendFraming appends the header line that announces the body. It appends nothing for a
// close-delimited body.
func (o *outgoing) appendFraming(b []byte) []byte {
	switch o.kind {
	case outSized:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, o.left, 10)
		return append(b, "\r\n"...)
	case outChunked:
		return append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return b
}

// Chunk sends p as the next piece of a body, like mg_http_write_chunk. On a server it is the body
// that ReplyStart began, on a client the body of a request. The piece is a chunk of its own, or
// plain bytes if the size of the body was announced. Chunk copies p and does not allocate after
// a warm-up. An empty p writes nothing: EndChunks ends the body.
//
// The response to HEAD has no body. A handler may call Chunk all the same: nothing is sent.
//
// Chunk returns [ErrNoBody], reactor.ErrClosed, or an error if the body would become longer than
// announced. It has written nothing then. An error that the program does not use is logged once.
func Chunk(c *reactor.Conn, p []byte) error { return reported(c, chunk(c, p)) }

func chunk(c *reactor.Conn, p []byte) error {
	o, err := sentByProgram(c)
	if err == nil {
		err = o.count(len(p))
	}
	if err == nil {
		o.write(c, p)
	}
	return err
}

// Chunkf is Chunk with a piece that is formatted like fmt.Sprintf, like mg_http_printf_chunk.
func Chunkf(c *reactor.Conn, format string, args ...any) error {
	return reported(c, chunkf(c, format, args...))
}

func chunkf(c *reactor.Conn, format string, args ...any) error {
	o, err := sentByProgram(c)
	if err != nil {
		return err
	}
	start := c.Send.Len()
	c.Send.Append(fmt.Appendf(c.Send.AvailableBuffer(), format, args...))
	if err = o.count(c.Send.Len() - start); err != nil || o.silent {
		c.Send.Truncate(start)
		return err
	}
	o.frame(c, start)
	return nil
}

// EndChunks ends the body that Chunk and Chunkf have sent. On a server the request is answered
// then, and the next one is delivered.
//
// EndChunks returns [ErrNoBody] or reactor.ErrClosed. If the body is shorter than announced, it
// returns an error that wraps io.ErrUnexpectedEOF and aborts the connection, because the peer
// would wait for the rest. An error that the program does not use is logged once.
func EndChunks(c *reactor.Conn) error { return EndTrailers(c, "") }

// EndTrailers is EndChunks with trailer fields: header lines that follow the body, "Name:
// value\r\n" each [RFC 9112 7.1.2]. A body that is not sent in chunks ends without them. The
// recipient may discard them, so the message must make sense without them. The other errors are
// those for a line that is not a valid header line, and for a field that is not allowed after the
// body, see IsTrailer. Nothing is written then.
func EndTrailers(c *reactor.Conn, trailers string) error {
	o, err := sentByProgram(c)
	if err == nil {
		err = checkTrailers(trailers)
	}
	if err != nil {
		return reported(c, err)
	}
	o.fields = trailers
	if err := o.checkEnd(); err != nil {
		c.Abort()
		return reported(c, err)
	}
	l, _ := reactor.Find[*layer](c)
	l.endBody(c)
	return nil
}

// sentByProgram returns the state of the body that the program is sending in pieces.
func sentByProgram(c *reactor.Conn) (*outgoing, error) {
	if _, err := c.Write(nil); err == reactor.ErrClosed {
		return nil, err
	}
	l, ok := reactor.Find[*layer](c)
	if !ok || l.out.kind == outNone || l.out.reader != nil {
		return nil, ErrNoBody
	}
	return &l.out, nil
}

// count counts n bytes that are about to be sent. It returns an error if they are too many.
func (o *outgoing) count(n int) error {
	if o.kind != outSized {
		return nil
	}
	if int64(n) > o.left {
		return fmt.Errorf("http: piece of %d bytes, but only %d bytes are left of the announced size of the body", n, o.left)
	}
	o.left -= int64(n)
	return nil
}

// checkEnd returns an error if the body is shorter than announced. A silent body may be shorter,
// so that a handler need not make the body of a response to HEAD.
func (o *outgoing) checkEnd() error {
	if o.kind == outSized && o.left > 0 && !o.silent {
		return fmt.Errorf("http: body is %d bytes shorter than announced: %w", o.left, io.ErrUnexpectedEOF)
	}
	return nil
}

// maxChunkFraming is the largest number of bytes that frame a chunk: 16 digits and two CRLF.
const maxChunkFraming = 20

// write appends p to Send, framed. p was counted before.
func (o *outgoing) write(c *reactor.Conn, p []byte) {
	switch {
	case len(p) == 0 || o.silent:
	case o.kind != outChunked:
		c.Send.Append(p)
	default:
		c.Send.Grow(len(p) + maxChunkFraming)
		b := appendChunkSize(c.Send.AvailableBuffer(), len(p))
		b = append(b, p...)
		c.Send.Append(append(b, "\r\n"...))
	}
}

// frame makes a chunk of what Send holds from the offset start on.
func (o *outgoing) frame(c *reactor.Conn, start int) {
	n := c.Send.Len() - start
	if n == 0 || o.kind != outChunked {
		return
	}
	var line [maxChunkFraming]byte
	c.Send.Insert(start, appendChunkSize(line[:0], n))
	c.Send.AppendString("\r\n")
}

func appendChunkSize(b []byte, n int) []byte {
	return append(strconv.AppendUint(b, uint64(n), 16), "\r\n"...)
}

// endBody ends the body, which is complete. On a server the request is answered then.
func (l *layer) endBody(c *reactor.Conn) {
	o := l.out
	if o.kind == outChunked && !o.silent {
		c.Send.AppendString("0\r\n")
		c.Send.AppendString(o.fields)
		c.Send.AppendString("\r\n")
	}
	l.dropBody()
	if !l.parser.Response {
		l.requestAnswered(c, o.last || l.closeAfter || l.answersEarly())
	} else if l.pooled != nil {
		l.pooled.noteSent(c)
	}
}

// dropBody forgets the body that is being sent, and closes its reader.
func (l *layer) dropBody() {
	r := l.out.reader
	l.out = outgoing{}
	closeReader(r)
}

// closeReader closes r if it is an io.Closer.
func closeReader(r io.Reader) {
	if f, ok := r.(io.Closer); ok {
		f.Close()
	}
}

// The layer reads ahead of the peer: at most maxReadAhead bytes wait in Send, and at least
// minReadAhead bytes are read at once.
const (
	maxReadAhead = 64 << 10
	minReadAhead = 4 << 10
)

// pump appends to Send what the reader of the body returns, until maxReadAhead bytes wait there or
// the body is complete. While bytes wait, EvWrite will come and call pump again. An error is that
// of the reader.
func (l *layer) pump(c *reactor.Conn) error {
	o := &l.out
	const maxEmptyReads = 100 // as in bufio
	for empty := 0; o.reader != nil; {
		if o.silent || o.kind == outSized && o.left == 0 {
			l.endBody(c)
			return nil
		}
		start := c.Send.Len()
		space := maxReadAhead - maxChunkFraming - start
		if space < minReadAhead {
			return nil
		}
		if o.kind == outSized {
			space = int(min(int64(space), o.left))
		}
		c.Send.Grow(space + maxChunkFraming)
		buf := c.Send.AvailableBuffer()[:space]
		n, err := o.reader.Read(buf)
		if n > 0 {
			empty = 0
			o.count(n) // cannot fail: space is not more than is left
			c.Send.Append(buf[:n])
			o.frame(c, start)
		} else if empty++; err == nil && empty == maxEmptyReads {
			err = io.ErrNoProgress
		}
		switch {
		case err == nil:
		case err != io.EOF:
			return fmt.Errorf("http: the body cannot be read: %w", err)
		default:
			if err := o.checkEnd(); err != nil {
				return err
			}
			l.endBody(c)
		}
	}
	return nil
}

// continuePump is called when Send has become shorter. If the body cannot be completed, the
// connection is aborted, so that the peer does not mistake the part for the whole.
func (l *layer) continuePump(c *reactor.Conn) {
	if l.out.reader == nil {
		return
	}
	if err := l.pump(c); err != nil {
		c.Fail(err)
		c.Abort()
	}
}
