package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Codes of errors [JSON-RPC 5.1].
const (
	CodeParse          = -32700 // the message is no JSON
	CodeInvalidRequest = -32600 // the message is JSON and no request
	CodeNotFound       = -32601 // there is no such method
	CodeInvalidParams  = -32602
	CodeInternal       = -32603 // the result cannot be written as JSON
	CodeServer         = -32000 // a method returned an error that is no *Error
)

// Error is the error of a response. A method that returns one chooses the code. A call gets the
// error that the other side sent. The codes from -32768 to -32000 are reserved; a program uses
// others for its own.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"` // JSON with more information, or nil
}

// Errorf returns an Error.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	return fmt.Sprintf("jsonrpc: error %d: %.200q", e.Code, e.Message)
}

// asError returns the error that the other side gets for an error of a method.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeServer, Message: err.Error()}
}

// ErrLater is what a method returns if its answer comes later, see Methods.Add.
var ErrLater = errors.New("jsonrpc: the answer comes later")

// Errors of calls that get no response.
var (
	ErrTimeout = errors.New("jsonrpc: no response in time")
	ErrClosed  = errors.New("jsonrpc: the peer is closed")
)
