package http

import (
	"errors"
	"fmt"
)

// ErrIncomplete says that the bytes so far are the beginning of a message:
// more are needed. It is the only error of the parser that is not an [*Error].
var ErrIncomplete = errors.New("http: incomplete message")

// errTaken is EvError's data when a handler broke the layer's rule.
var errTaken = errors.New("http: bytes of an unfinished message were taken out of Recv")

// ErrNoRequest is returned by [Reply] and the like if the connection has no
// request that waits for an answer: there was none, it was answered already,
// or the connection is not one of an HTTP server.
var ErrNoRequest = errors.New("http: no request waits for an answer")

// ErrNotHTTP is returned by [SetLimits] for a connection that does not speak
// HTTP, or does so no longer.
var ErrNotHTTP = errors.New("http: connection does not speak HTTP")

// Error says why a message was refused.
type Error struct {
	// Status is what a server answers to a request: 400, 413, 414, 431, 501
	// or 505. For a response it is 502, what a gateway would pass on.
	Status int
	// Reason names the header or the limit at fault. Bytes of the message
	// appear in it quoted and cut to a few dozen.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return "http: " + e.Reason }

// refuse returns an *Error. Bytes of the peer belong into %.40q.
func refuse(status int, format string, args ...any) error {
	return &Error{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// malformed is refuse with 400 Bad Request.
func malformed(format string, args ...any) error {
	return refuse(400, format, args...)
}
