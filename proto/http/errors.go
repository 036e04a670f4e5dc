package http

import (
	"errors"
	"fmt"
	"io"

	"github.com/rikki-go/rikki/internal/quote"
)

// ErrIncomplete is returned by the parser if the buffer contains only the beginning of a
// message. More bytes are needed.
var ErrIncomplete = errors.New("http: incomplete message: more bytes are needed")

// errShortBuffer is returned by the parser if bytes that it has seen are missing from the buffer.
var errShortBuffer = errors.New("http: the buffer is shorter than in the previous call: pass the same bytes, and more after them")

// errRecvChanged is the error of EvError if a handler changed Recv while a message was arriving.
var errRecvChanged = errors.New("http: a handler changed Recv while a message was arriving: " +
	"the bytes of the message must stay in Recv until EvHTTPMsg")

// ErrNoRequest is returned by [Reply], [ReplyBytes], [MarkAnswered] and [CheckReply] if no
// request on the connection waits for a response. There are three possible causes: no request
// has arrived, its response was written or has begun, or the connection is not one of an HTTP
// server.
var ErrNoRequest = errors.New("http: no request waits for a response")

// errCutBody is the error of a stream that ends inside a body.
var errCutBody = fmt.Errorf("http: connection closed inside the body: %w", io.ErrUnexpectedEOF)

// errReplyBegun is the ErrNoRequest of a request whose response is being sent.
var errReplyBegun = fmt.Errorf("%w: the response has begun, and its body is not complete", ErrNoRequest)

// errNoResponse is the error of EvError if a server closes the connection instead of answering.
var errNoResponse = fmt.Errorf("http: connection closed before the response: %w", io.ErrUnexpectedEOF)

// ErrNotHTTP is returned by [SetLimits], [StreamBody] and [SendRequest] if the connection does not
// speak HTTP, or speaks another protocol now. SendRequest also returns it on a server's connection.
var ErrNotHTTP = errors.New("http: connection does not speak HTTP")

// Error describes why a message was refused.
type Error struct {
	// Status is the status code for the error. For a request it is the status that the
	// server sends to the client: 400, 413, 414, 417, 431, 501 or 505. For a response it is 502.
	// A gateway can send 502 to its own client.
	Status int
	// Reason names the header or the limit that caused the error. Bytes of the message
	// appear in quotes and are cut to 64 bytes.
	Reason string
}

// Error returns "http: " and the Reason.
func (e *Error) Error() string { return "http: " + e.Reason }

// refuse returns an *Error. Arguments of type []byte are bytes from the peer: for the verb %s they
// are quoted and cut.
func refuse(status int, format string, args ...any) error {
	for i, a := range args {
		if b, ok := a.([]byte); ok {
			args[i] = quote.Cut(b)
		}
	}
	return &Error{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// malformed returns an *Error with the status 400 Bad Request.
func malformed(format string, args ...any) error {
	return refuse(400, format, args...)
}
