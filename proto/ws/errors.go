package ws

import (
	"errors"
	"fmt"
	"strconv"
)

// CloseCode says why a connection is closed [RFC 6455 7.4.1].
type CloseCode uint16

// The codes that this package sends, and those that no frame may carry.
const (
	CloseNormal        CloseCode = 1000
	CloseGoingAway     CloseCode = 1001
	CloseProtocolError CloseCode = 1002
	CloseUnsupported   CloseCode = 1003
	CloseNoStatus      CloseCode = 1005 // a Close frame without a code; never sent
	CloseInvalidData   CloseCode = 1007
	ClosePolicy        CloseCode = 1008
	CloseTooLarge      CloseCode = 1009
	CloseInternalError CloseCode = 1011
)

// valid reports whether a Close frame may carry the code: those that the RFC
// and the IANA registry define for it, and the ranges for libraries (3000) and
// programs (4000) [RFC 6455 7.4.1, 7.4.2].
func (code CloseCode) valid() bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

var (
	// ErrNotOpen is returned when a frame is sent before EvWSOpen.
	ErrNotOpen = errors.New("ws: not open yet")
	// ErrCloseSent is returned when a frame is sent after a Close frame
	// [RFC 6455 5.5.1], as long as the connection can still be written to.
	ErrCloseSent = errors.New("ws: a Close frame was sent already")
	// ErrMessageOpen is returned when a message is sent while a Writer is in the
	// middle of one [RFC 6455 5.4].
	ErrMessageOpen = errors.New("ws: a message is being sent in frames")
	// ErrControlTooLong is returned for a control frame with more than 125
	// bytes of payload [RFC 6455 5.5].
	ErrControlTooLong = errors.New("ws: control frame with more than 125 bytes of payload")
	// ErrOpCode is returned for frames that make no message and are no control
	// frame.
	ErrOpCode = errors.New("ws: no frame to send by itself")
	// ErrNotWebSocket is returned for a connection that does not speak
	// WebSocket.
	ErrNotWebSocket = errors.New("ws: connection does not speak WebSocket")
)

// A ProtocolError is EvError's data when the peer breaks the protocol or a
// limit: the peer is told Code in a Close frame.
type ProtocolError struct {
	Code   CloseCode
	Reason string
}

func (e *ProtocolError) Error() string {
	return "ws: " + e.Reason + " (close code " + strconv.Itoa(int(e.Code)) + ")"
}

func violation(code CloseCode, format string, args ...any) error {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &ProtocolError{Code: code, Reason: format}
}

// A HandshakeError is EvError's data when the server's answer is not the
// agreement to speak WebSocket that was asked for, and what Upgrade returns for
// a request that is none.
type HandshakeError struct {
	Status int    // of the answer
	Header string // the header at fault, if it is one
	Reason string
}

func (e *HandshakeError) Error() string { return "ws: handshake: " + e.Reason }
